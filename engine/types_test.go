package engine_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"prana/engine/flow"
	"prana/engine/node"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// types are small nodes of our own: what the built-in ones do is tested beside them.
func types() []node.Type {
	return []node.Type{
		{Name: "test.start", Trigger: true, Run: pass},
		{Name: "test.echo", Inputs: []string{"*"}, Fields: []node.Field{{Name: "value", Kind: node.Any}}, Run: echo},
		{Name: "test.if", Fields: []node.Field{{Name: "condition", Kind: node.Condition, Required: true}}, Outputs: []string{"true", "false"}, Run: branch},
		{Name: "test.switch", Fields: []node.Field{{Name: "port", Kind: node.String, Required: true}}, Outputs: []string{"*"}, Run: leaveBy},
		{Name: "test.merge", Inputs: []string{"*"}, Run: merge},
		{Name: "test.fail", Fields: failFields, Run: fail},
		{Name: "test.broken", Fields: brokenFields, Run: broken()},
		{Name: "test.sleep", Fields: []node.Field{{Name: "ms", Kind: node.Int}, {Name: "until", Kind: node.String}}, Run: sleep},
		{Name: "test.wait", Fields: waitFields, Outputs: []string{"*"}, OutputsFor: waitPorts, Waits: true, Run: wait},
		{Name: "test.twice", Waits: true, Run: twice},
		{Name: "test.child", Fields: childFields, Run: child},
		{Name: "test.panic", Run: func(context.Context, *node.Call) (node.Outcome, error) { panic("boom") }},
		{Name: "test.port", Run: func(context.Context, *node.Call) (node.Outcome, error) { return node.Outcome{Port: "nowhere"}, nil }},
		{Name: "test.state", Fields: []node.Field{{Name: "set", Kind: node.Object}}, Run: setState},
		{Name: "test.each", Fields: eachFields, Inputs: []string{"main", "break"}, Outputs: []string{"loop", "done"}, Body: "loop", Run: each},
		{Name: "test.parts", Fields: partsFields, Waits: true, Run: parts},
		{Name: "test.nag", Fields: nagFields, Outputs: []string{"main", "tick", "timeout"}, Emits: []string{"tick"}, Waits: true, Run: nag},
		{Name: "test.note", Fields: []node.Field{{Name: "set", Kind: node.Object}}, Run: note},
		{Name: "test.reply", Fields: []node.Field{{Name: "value", Kind: node.Any}}, Run: answer},
		{Name: "test.hook", Trigger: true, Fields: hookFields, Run: pass},
		{Name: "test.hang", Timeout: 20 * time.Millisecond, Run: hang},
	}
}

func pass(context.Context, *node.Call) (node.Outcome, error) {
	return node.Outcome{PassInput: true}, nil
}

func echo(_ context.Context, c *node.Call) (node.Outcome, error) {
	if v, ok := c.Params["value"]; ok {
		return node.Outcome{Output: v}, nil
	}
	return node.Outcome{PassInput: true}, nil
}

func answer(_ context.Context, c *node.Call) (node.Outcome, error) {
	return node.Outcome{Reply: c.Params["value"], PassInput: true}, nil
}

var hookFields = []node.Field{
	{Name: "path", Kind: node.String, Default: "/"},
	{Name: "auth", Kind: node.Object, Lazy: true, Items: []node.Field{{Name: "password", Kind: node.String, Secret: true}, {Name: "user", Kind: node.String}, {Name: "realm", Kind: node.String}}},
}

func branch(_ context.Context, c *node.Call) (node.Outcome, error) {
	if c.Params["condition"] == true {
		return node.Outcome{Port: "true", PassInput: true}, nil
	}
	return node.Outcome{Port: "false", PassInput: true}, nil
}

func leaveBy(_ context.Context, c *node.Call) (node.Outcome, error) {
	return node.Outcome{Port: c.Params["port"].(string), PassInput: true}, nil
}

func merge(_ context.Context, c *node.Call) (node.Outcome, error) {
	return node.Outcome{Output: c.Inputs}, nil
}

var failFields = []node.Field{
	{Name: "times", Kind: node.Int, Default: 1 << 30},
	{Name: "code", Kind: node.String, Default: "action_error"},
	{Name: "permanent", Kind: node.Bool},
	{Name: "retry_after_ms", Kind: node.Int},
}

func fail(_ context.Context, c *node.Call) (node.Outcome, error) {
	if times, _ := c.Params["times"].(int); c.Attempt >= times {
		return node.Outcome{Output: map[string]any{"attempt": c.Attempt}}, nil
	}
	after, _ := c.Params["retry_after_ms"].(int)
	return node.Outcome{}, &flow.Problem{
		Code: c.Params["code"].(string), Message: "it always fails", Permanent: c.Params["permanent"] == true,
		RetryAfter: time.Duration(after) * time.Millisecond,
	}
}

var brokenFields = []node.Field{{Name: "times", Kind: node.Int, Default: 1}, {Name: "when", Kind: node.Bool, Default: true}}

// broken fails until somebody has mended it: the first calls of each step, whatever the attempt.
func broken() node.Func {
	var mu sync.Mutex
	calls := map[string]int{}
	return func(_ context.Context, c *node.Call) (node.Outcome, error) {
		mu.Lock()
		defer mu.Unlock()
		calls[c.Key]++
		if times, _ := c.Params["times"].(int); c.Params["when"] == true && calls[c.Key] <= times {
			return node.Outcome{}, flow.Problemf("broken", "call %d of %s fails", calls[c.Key], c.Node)
		}
		return node.Outcome{PassInput: true}, nil
	}
}

func sleep(_ context.Context, c *node.Call) (node.Outcome, error) {
	if c.Resume != nil {
		return node.Outcome{Output: map[string]any{"by": c.Resume.By, "data": c.Resume.Data}}, nil
	}
	s := &node.Suspend{Type: flow.Delay, Timer: true, Data: map[string]any{"ms": c.Params["ms"]}}
	if text, ok := c.Params["until"].(string); ok {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return node.Outcome{}, err
		}
		s.Until = at
	}
	ms, _ := c.Params["ms"].(int)
	s.In = time.Duration(ms) * time.Millisecond
	return node.Outcome{Suspend: s}, nil
}

var waitFields = []node.Field{
	{Name: "event", Kind: node.String, Default: "go"},
	{Name: "filter", Kind: node.Object},
	{Name: "takers", Kind: node.Int, Default: 0},
	{Name: "timeout_ms", Kind: node.Int},
	{Name: "on_timeout", Kind: node.String, Raw: true, Default: flow.PortTimeout},
}

func waitPorts(params map[string]any) []string {
	if port, ok := params["on_timeout"].(string); ok && port != "fail" {
		return []string{flow.PortMain, port}
	}
	return []string{flow.PortMain, flow.PortTimeout}
}

func wait(_ context.Context, c *node.Call) (node.Outcome, error) {
	switch r := c.Resume; {
	case r == nil:
		ms, _ := c.Params["timeout_ms"].(int)
		filter, _ := c.Params["filter"].(map[string]any)
		return node.Outcome{Suspend: &node.Suspend{
			Type: flow.ExternalEvent, In: time.Duration(ms) * time.Millisecond, Data: map[string]any{"event": c.Params["event"]},
			Event: &flow.Subscription{Type: c.Params["event"].(string), Filter: filter, Takers: c.Params["takers"].(int)},
		}}, nil
	case r.Error != nil:
		return node.Outcome{}, r.Error
	case r.By != flow.ByTimeout:
		return node.Outcome{Port: flow.PortMain, PassResume: true}, nil
	case c.Params["on_timeout"] == "fail":
		return node.Outcome{}, flow.Problemf("timeout", "nothing came")
	}
	return node.Outcome{Port: c.Params["on_timeout"].(string), Timeout: true, Output: "late"}, nil
}

// twice waits for two events, one after the other.
func twice(_ context.Context, c *node.Call) (node.Outcome, error) {
	var seen []any
	if c.Resume != nil {
		if err := json.Unmarshal(c.Resume.Wait, &seen); err != nil {
			return node.Outcome{}, err
		}
		seen = append(seen, c.Resume.Data)
	}
	if len(seen) == 2 {
		return node.Outcome{Output: seen}, nil
	}
	return node.Outcome{Suspend: &node.Suspend{Type: flow.ExternalEvent, Data: seen, Event: &flow.Subscription{Type: "go"}}}, nil
}

var childFields = []node.Field{
	{Name: "workflow", Kind: node.String, Required: true},
	{Name: "mode", Kind: node.String, Default: node.Sync},
	{Name: "timeout_ms", Kind: node.Int},
	{Name: "on_failure", Kind: node.String, Default: "fail_parent"},
	{Name: "queue", Kind: node.String},
	{Name: "close", Kind: node.String},
}

func child(_ context.Context, c *node.Call) (node.Outcome, error) {
	if c.Resume != nil {
		return childOver(c)
	}
	mode := c.Params["mode"].(string)
	queue, _ := c.Params["queue"].(string)
	end, _ := c.Params["close"].(string)
	out := node.Outcome{Start: []node.Child{{Workflow: c.Params["workflow"].(string), Input: c.Input, Mode: mode, Close: end, Queue: queue}}}
	if mode != node.FireAndForget {
		ms, _ := c.Params["timeout_ms"].(int)
		out.Suspend = &node.Suspend{Type: flow.SubWorkflow, In: time.Duration(ms) * time.Millisecond}
	}
	return out, nil
}

func childOver(c *node.Call) (node.Outcome, error) {
	result, _ := c.Resume.Data.(map[string]any)
	switch {
	case c.Resume.By == flow.ByChild && result["status"] == string(flow.Completed):
		return node.Outcome{Output: result["output"]}, nil
	case c.Params["on_failure"] == "continue":
		return node.Outcome{Output: map[string]any{"failed": true, "by": c.Resume.By}}, nil
	case c.Resume.By == flow.ByTimeout:
		return node.Outcome{}, flow.Problemf("child_timeout", "the child took too long")
	}
	return node.Outcome{}, flow.Problemf("child_failed", "the child is %v", result["status"])
}

func setState(_ context.Context, c *node.Call) (node.Outcome, error) {
	set, _ := c.Params["set"].(map[string]any)
	return node.Outcome{PassInput: true, State: set}, nil
}

func hang(ctx context.Context, _ *node.Call) (node.Outcome, error) {
	<-ctx.Done()
	return node.Outcome{}, ctx.Err()
}

// ledger is the world: it notes what nodes do to it, by idempotency key.
type ledger struct {
	mu   sync.Mutex
	keys map[string]int             // idempotency key -> how often
	of   map[string]map[string]bool // execution and node -> keys
}

// keysOf counts the keys that a node of an execution had.
func (l *ledger) keysOf(execution, node string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.of[execution+node])
}

// note counts a side effect.
func (l *ledger) note(c *node.Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys == nil {
		l.keys, l.of = map[string]int{}, map[string]map[string]bool{}
	}
	l.keys[c.Key]++
	at := c.Execution + c.Node
	if l.of[at] == nil {
		l.of[at] = map[string]bool{}
	}
	l.of[at][c.Key] = true
}

// watch makes every type note its calls.
func (l *ledger) watch(all []node.Type) []node.Type {
	for i := range all {
		run := all[i].Run
		all[i].Run = func(ctx context.Context, c *node.Call) (node.Outcome, error) {
			l.note(c)
			return run(ctx, c)
		}
	}
	return all
}

var eachFields = []node.Field{
	{Name: "items", Kind: node.Array, Required: true},
	{Name: "parallel", Kind: node.Int, Default: 1},
	{Name: "lenient", Kind: node.Bool},
	{Name: "discard", Kind: node.Bool},
}

func each(_ context.Context, c *node.Call) (node.Outcome, error) {
	items, _ := c.Params["items"].([]any)
	return node.Outcome{Fan: &node.Fan{Items: items, Width: c.Params["parallel"].(int), Emit: "loop", Port: "done", Lenient: c.Params["lenient"] == true, Discard: c.Params["discard"] == true}}, nil
}

var nagFields = []node.Field{
	{Name: "every_ms", Kind: node.Int, Default: 1000},
	{Name: "times", Kind: node.Int, Default: 3},
	{Name: "at_once", Kind: node.Int, Default: 1},
	{Name: "timeout_ms", Kind: node.Int},
	{Name: "event", Kind: node.String},
}

// nag waits for somebody, or an event, and emits its number each time that it lost patience. It leaves with what came for it.
func nag(_ context.Context, c *node.Call) (node.Outcome, error) {
	var ticks int
	every, _ := c.Params["every_ms"].(int)
	out := node.Outcome{Suspend: &node.Suspend{Type: "nag", Timer: true, GoesOn: true}}
	switch r := c.Resume; {
	case r == nil:
	case r.Error != nil:
		return node.Outcome{}, r.Error
	case r.By == flow.ByTimeout:
		return node.Outcome{Port: "timeout", Output: "late"}, nil
	case r.By != flow.ByTimer:
		return node.Outcome{Port: "main", Output: map[string]any{"by": r.By, "data": r.Data}}, nil
	default:
		if err := json.Unmarshal(r.Wait, &ticks); err != nil {
			return node.Outcome{}, err
		}
		ticks++
		for i := range c.Params["at_once"].(int) {
			out.Emit = append(out.Emit, node.Emission{Port: "tick", Output: map[string]any{"tick": ticks, "of": i}})
		}
	}
	out.Suspend.Data, out.Suspend.In = ticks, time.Duration((ticks+1)*every)*time.Millisecond
	if event, ok := c.Params["event"].(string); ok {
		out.Suspend.Event = &flow.Subscription{Type: event}
	}
	if ticks == c.Params["times"].(int) {
		ms, _ := c.Params["timeout_ms"].(int)
		out.Suspend.Timer, out.Suspend.In = false, time.Duration(ms)*time.Millisecond
	}
	return out, nil
}

var partsFields = []node.Field{
	{Name: "of", Kind: node.Array, Required: true},
	{Name: "need", Kind: node.Int, Default: 0},
	{Name: "width", Kind: node.Int, Default: 0},
	{Name: "lenient", Kind: node.Bool},
}

// parts has a part for each item: a number of milliseconds to sleep, the type of an event to wait for, or null, which fails.
func parts(_ context.Context, c *node.Call) (node.Outcome, error) {
	if c.Part == nil {
		if c.Resume != nil {
			return node.Outcome{Output: map[string]any{"by": c.Resume.By, "results": c.Resume.Data}}, nil
		}
		of, _ := c.Params["of"].([]any)
		return node.Outcome{Fan: &node.Fan{Items: of, Need: c.Params["need"].(int), Width: c.Params["width"].(int), Lenient: c.Params["lenient"] == true}}, nil
	}
	if c.Resume != nil {
		return node.Outcome{Output: []any{c.Part.Index, c.Resume.By, c.Resume.Data}}, nil
	}
	switch of := c.Part.Item.(type) {
	case int:
		return node.Outcome{Suspend: &node.Suspend{Type: flow.Delay, Timer: true, In: time.Duration(of) * time.Millisecond}}, nil
	case string:
		return node.Outcome{Suspend: &node.Suspend{Type: flow.ExternalEvent, Event: &flow.Subscription{Type: of}}}, nil
	}
	return node.Outcome{}, flow.Problemf("no_part", "nothing to wait for")
}

func note(_ context.Context, c *node.Call) (node.Outcome, error) {
	set, _ := c.Params["set"].(map[string]any)
	return node.Outcome{PassInput: true, Context: set}, nil
}
