package engine_test

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

// cannotWait has its failure to wait caught by port error.
const cannotWait = `
id: cannot
nodes:
  - {key: start, type: test.start}
  - {key: w, type: test.wait, settings: {on_error: continue_error_output}}
  - {key: caught, type: test.echo}
connections: [start -> w, w.error -> caught]
`

// loud is a value that breaks whoever makes JSON of it.
type loud struct{}

func (loud) MarshalJSON() ([]byte, error) { panic("not a word") }

// onEvent suspends until an event of the type comes.
func onEvent(eventType string, filter map[string]any) node.Outcome {
	return node.Outcome{Suspend: &node.Suspend{Event: &flow.Subscription{Type: eventType, Filter: filter}}}
}

func noted(data any) node.Outcome { return node.Outcome{Suspend: &node.Suspend{Data: data}} }

func forChild(c node.Child) node.Outcome {
	return node.Outcome{Start: []node.Child{c}, Suspend: &node.Suspend{Type: flow.SubWorkflow}}
}

func manyPaths() map[string]any {
	filter := map[string]any{}
	for i := range 33 {
		filter[strings.Repeat("p", i+1)] = 1
	}
	return filter
}

// TestNobodySleepsInVain: whatever keeps a node from waiting is its failure at once, and says what and when. Nothing hangs.
func TestNobodySleepsInVain(t *testing.T) {
	t.Parallel()
	child := node.Child{Workflow: "napper", Mode: node.Sync}
	with := func(change func(c *node.Child)) node.Outcome {
		c := child
		change(&c)
		return forChild(c)
	}
	for name, c := range map[string]struct {
		out  node.Outcome
		code string
	}{
		"data that is not JSON":            {noted(make(chan int)), "invalid_suspension"},
		"data that claims to be JSON":      {noted(json.RawMessage(`{"a":`)), "invalid_suspension"},
		"data that is too large":           {noted(strings.Repeat("x", 4096)), "payload_too_large"},
		"an event without a type":          {onEvent("", nil), "invalid_suspension"},
		"a type that no event has":         {onEvent(strings.Repeat("t", 129), nil), "invalid_suspension"},
		"an empty path":                    {onEvent("go", map[string]any{"": 1}), "invalid_suspension"},
		"a path of two":                    {onEvent("go", map[string]any{"a\x00b": 1}), "invalid_suspension"},
		"a long path":                      {onEvent("go", map[string]any{strings.Repeat("p", 257): 1}), "invalid_suspension"},
		"many paths":                       {onEvent("go", manyPaths()), "invalid_suspension"},
		"a filter that is not JSON":        {onEvent("go", map[string]any{"a": make(chan int)}), "invalid_suspension"},
		"a filter that claims to be JSON":  {onEvent("go", map[string]any{"a": json.RawMessage(`{`)}), "invalid_suspension"},
		"a filter with no number":          {onEvent("go", map[string]any{"a": math.NaN()}), "invalid_suspension"},
		"a filter that is too large":       {onEvent("go", map[string]any{"a": strings.Repeat("x", 17<<10)}), "invalid_suspension"},
		"a type of the engine's own":       {node.Outcome{Suspend: &node.Suspend{Type: flow.Concurrency}}, "invalid_suspension"},
		"a suspend type that is too long":  {node.Outcome{Suspend: &node.Suspend{Type: strings.Repeat("t", 129)}}, "invalid_suspension"},
		"a time that is negative":          {node.Outcome{Suspend: &node.Suspend{In: -time.Second}}, "invalid_suspension"},
		"a date that nobody can write":     {node.Outcome{Suspend: &node.Suspend{Until: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}}, "invalid_suspension"},
		"a child that there is not":        {with(func(c *node.Child) { c.Workflow = "nobody" }), "workflow_not_found"},
		"a child whose input is no JSON":   {with(func(c *node.Child) { c.Input = make(chan int) }), ""},
		"a child whose input claims to be": {with(func(c *node.Child) { c.Input = json.RawMessage(`{`) }), ""},
		"a child whose input is too large": {with(func(c *node.Child) { c.Input = strings.Repeat("x", 4096) }), "payload_too_large"},
		"a child in a queue with no name":  {with(func(c *node.Child) { c.Queue = "no queue!" }), "invalid_queue"},
		"a child in one queue too many":    {with(func(c *node.Child) { c.Queue = "one-more" }), "too_many_queues"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := enginetest.Open(t, enginetest.Options{Types: types(), Limits: engine.Limits{Payload: 2048}})
			env.Deploy(napper)
			env.Deploy(cannotWait)
			for i := range flow.MaxQueues {
				if err := env.Store().AddQueue(t.Context(), "q"+strings.Repeat("x", i)); err != nil && i < 50 {
					t.Fatal(err)
				}
			}
			env.Stub("test.wait", func(context.Context, *node.Call) (node.Outcome, error) { return c.out, nil })
			id := env.Start("cannot", nil)
			env.AdvanceToEnd(id)
			env.WantStatus(id, flow.Completed)
			env.WantPath(id, "start", "w.error", "caught")
			wantSuspensionError(t, env.NodeRun(id, "w", 0).Output, c.code, env.Now())
		})
	}
}

// wantSuspensionError looks at what a node left that could not wait.
func wantSuspensionError(t *testing.T, output json.RawMessage, code string, now time.Time) {
	t.Helper()
	var left struct {
		Details struct {
			Error struct {
				Code    string
				Details struct {
					Type, Reason string
					Timestamp    time.Time
				}
			}
		}
	}
	if err := json.Unmarshal(output, &left); err != nil {
		t.Fatalf("%s: %v", output, err)
	}
	got := left.Details.Error
	if code != "" && got.Code != code || got.Details.Type != "suspension_error" || got.Details.Reason == "" || got.Details.Timestamp.IsZero() || got.Details.Timestamp.After(now) {
		t.Errorf("the node left %s, want code %s and {type, reason, timestamp}", output, code)
	}
}

// TestWhatANodeBringsMayPanic: a value that breaks whoever makes JSON of it is the failure of its node.
func TestWhatANodeBringsMayPanic(t *testing.T) {
	t.Parallel()
	for name, out := range map[string]node.Outcome{"data of a wait": noted(loud{}), "output": {Output: loud{}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := enginetest.New(t, types()...)
			env.Deploy(cannotWait)
			env.Stub("test.wait", func(context.Context, *node.Call) (node.Outcome, error) { return out, nil })
			id := env.Start("cannot", nil)
			env.Run()
			env.WantStatus(id, flow.Completed)
			env.WantPath(id, "start", "w.error", "caught")
		})
	}
}

// TestOutputThatClaimsToBeJSON: what could never be read again is not stored.
func TestOutputThatClaimsToBeJSON(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(cannotWait)
	env.Stub("test.wait", func(context.Context, *node.Call) (node.Outcome, error) {
		return node.Outcome{Output: json.RawMessage(`{"a":`)}, nil
	})
	id := env.Start("cannot", nil)
	env.Run()
	env.WantPath(id, "start", "w.error", "caught")
}
