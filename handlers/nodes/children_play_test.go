package nodes

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

// limit is the time that is up where a row says so; nothing else ends by itself.
const limit = time.Hour

// play is one row being played.
type play struct {
	scene
	t      *testing.T
	env    *enginetest.Env
	posts  *posts
	parent string
	middle func(*node.Call) error // what happens in the middle of a child's step
	acted  bool
	token  string // of the parent's wait
	killed bool   // a process died on the way: not everything that was done was told
}

func newPlay(t *testing.T, s scene) *play {
	t.Helper()
	p := &play{scene: s, t: t, posts: &posts{}}
	work := node.Type{Name: "test.work", Run: func(_ context.Context, c *node.Call) (node.Outcome, error) {
		if p.middle != nil {
			return node.Outcome{PassInput: true}, p.middle(c)
		}
		return node.Outcome{PassInput: true}, nil
	}}
	p.env = enginetest.Open(t, enginetest.Options{Types: append(Builtin(Options{}), work), Store: func(s engine.Store) engine.Store {
		p.posts.Store = s
		return p.posts
	}})
	p.env.Deploy(fmt.Sprintf(`
id: kid
%s
nodes:
  - {key: start, type: manual.trigger}
  - {key: work, type: test.work, settings: {on_cancel: mend}}
  - {key: sleep, type: wait.wait_for_event, params: {event_type: go, event_filter: {i: $trigger.i}, timeout_ms: 31536000000, on_timeout: fail}}
  - {key: mend, type: wait.wait_for_event, params: {event_type: mended, event_filter: {i: $trigger.i}, timeout_ms: 31536000000, on_timeout: fail}}
connections: [start -> work, work -> sleep]
output: $trigger.i
`, p.within("child_timed_out")))
	wait := 365 * 24 * time.Hour
	if s.what == "wait_timed_out" {
		wait = limit
	}
	policy := ""
	if s.policy != "" {
		policy = ", parent_close_policy: " + s.policy
	}
	p.env.Deploy(fmt.Sprintf(`
id: parent
%s
nodes:
  - {key: start, type: manual.trigger}
  - {key: beside, type: wait.wait_for_event, params: {event_type: side, timeout_ms: 31536000000, on_timeout: fail}}
  - {key: call, type: workflow.execute_workflow, params: {workflow_id: kid, execution_mode: %s, batch_mode: %s, failure_strategy: %s, timeout_ms: %d%s}}
  - {key: after, type: wait.wait_for_event, params: {event_type: finish, timeout_ms: 31536000000, on_timeout: fail}}
connections: [start -> call, start -> beside, call -> after]
output: $nodes.call.output
`, p.within("parent_timed_out"), s.mode, s.batch, s.strategy, wait.Milliseconds(), policy))
	return p
}

// within gives a workflow a time limit, if that is to be up.
func (p *play) within(what string) string {
	if p.what != what {
		return ""
	}
	return fmt.Sprintf("timeout_ms: %d", limit.Milliseconds())
}

// begin starts the parent.
func (p *play) begin() {
	p.t.Helper()
	var input any = map[string]any{"i": 0}
	if p.size() > 1 {
		input = []any{map[string]any{"i": 0}, map[string]any{"i": 1}, map[string]any{"i": 2}}
	}
	p.parent = p.env.Start("parent", input)
}

func (p *play) play() {
	p.t.Helper()
	p.begin()
	p.reach()
	if !p.acted {
		if err := p.act(); err != nil {
			p.t.Fatal(err)
		}
	}
	for _, next := range p.goOn() {
		next()
	}
	p.check()
}

// reach plays until the child stands where the column says. In the middle of a step it acts at once.
func (p *play) reach() {
	p.t.Helper()
	switch p.when {
	case "unborn":
		p.until(func() bool {
			return p.has(p.parent, "beside", flow.StepSuspended) && p.has(p.parent, "call", flow.StepPending)
		})
	case "pending":
		p.until(func() bool { return p.kid() != "" && p.has(p.kid(), "start", flow.StepPending) })
	case "working":
		p.middle = func(*node.Call) error {
			if p.acted {
				return nil
			}
			return p.act()
		}
		p.until(func() bool { return p.acted })
	default:
		p.env.Run() // all children sleep
	}
	switch p.when {
	case "undoing":
		p.env.Cancel(p.kid(), "by hand")
		p.env.Run()
	case "ended":
		p.env.Publish("go", map[string]any{"i": p.target()})
		p.until(func() bool { return p.env.Execution(p.kid()).Status.Terminal() })
	case "beyond":
		p.publish("go", "")
	}
}

func (p *play) until(there func() bool) {
	p.t.Helper()
	for !there() {
		if !p.env.Step() {
			p.t.Fatalf("there is nothing more to do, and %q was not reached", p.when)
		}
	}
}

// kids lists the children in the order of the items; "" = not born.
func (p *play) kids() []string {
	p.t.Helper()
	all := make([]string, p.size())
	for _, r := range p.env.Execution(p.parent).Nodes {
		for _, c := range r.Children {
			i := 0
			if r.Item != nil {
				i = *r.Item
			}
			all[i] = c
		}
	}
	return all
}

func (p *play) kid() string { return p.kids()[p.target()] }

func (p *play) has(id, node string, status flow.StepStatus) bool {
	p.t.Helper()
	for _, r := range p.env.Execution(id).Nodes {
		if r.Node == node && r.Status == status {
			return true
		}
	}
	return false
}

// act does what the row says. Its answer is how the step ends in the middle of which it is done.
func (p *play) act() error {
	p.t.Helper()
	p.acted = true
	e, ctx := p.env.Engine(), p.t.Context()
	var err error
	switch p.what {
	case "parent_cancelled":
		err = e.Cancel(ctx, flow.CancelRequest{Execution: p.parent, Reason: "by hand", ID: "act"})
	case "parent_terminated":
		err = e.Terminate(ctx, flow.CancelRequest{Execution: p.parent, Reason: "by hand", ID: "act"})
	case "parent_failed":
		_, err = e.Resume(ctx, flow.ResumeRequest{Execution: p.parent, Node: "beside", Error: flow.Problemf("broken", "it is broken"), ID: "act"})
	case "parent_completed":
		p.env.Publish("side", 1)
		p.env.Publish("finish", 1)
	case "parent_timed_out", "child_timed_out", "wait_timed_out":
		p.env.Pass(limit)
		p.env.Sweep()
	case "resumed_by_hand":
		_, err = e.Resume(ctx, flow.ResumeRequest{Token: p.wait(), Data: json.RawMessage(`"by hand"`), ID: "act"})
	case "child_cancelled":
		err = e.Cancel(ctx, flow.CancelRequest{Execution: p.kid(), Reason: "by hand", ID: "act"})
	case "child_terminated":
		err = e.Terminate(ctx, flow.CancelRequest{Execution: p.kid(), Reason: "by hand", ID: "act"})
	case "child_failed":
		if p.when == "working" {
			return flow.Problemf("broken", "it is broken")
		}
		_, err = e.Resume(ctx, flow.ResumeRequest{Execution: p.kid(), Error: flow.Problemf("broken", "it is broken"), ID: "act"})
	}
	if late := err != nil && flow.AsProblem(err).Code == flow.ErrConflict.Code; late != p.refused || err != nil && !late {
		p.t.Errorf("the answer was %v", err)
	}
	return nil
}

// wait names the parent's for the child, as it was asked first.
func (p *play) wait() string {
	p.t.Helper()
	for _, w := range p.env.Execution(p.parent).Suspensions {
		if w.ChildID == p.kid() {
			p.token = w.ID
		}
	}
	return p.token
}

// publish sends an event to each child, once.
func (p *play) publish(event, id string) {
	p.t.Helper()
	for i := range p.size() {
		p.send(event, fmt.Sprint(event, i, id), map[string]any{"i": i})
	}
	p.env.Run()
}

func (p *play) send(event, id string, data any) {
	p.t.Helper()
	if _, err := p.env.Engine().Publish(p.t.Context(), flow.Event{Type: event, ID: id, Data: toJSON(p.t, data)}); err != nil {
		p.t.Fatal(err)
	}
}

// goOn lets everything come to its end: what is undone first, then children, then the parent, then what its end brings.
func (p *play) goOn() []func() {
	return []func(){
		func() { p.env.Advance(time.Minute) }, // until the outboxes are empty
		func() { p.publish("mended", "") },
		func() { p.publish("go", ""); p.rest() },
		func() { p.send("side", "side", 1); p.send("finish", "finish", 1); p.env.Run(); p.rest() },
		func() { p.publish("mended", "again") },
		func() { p.env.Advance(time.Minute) },
	}
}

// rest gives the sweeper the time to find what a dead process was at.
func (p *play) rest() {
	if p.killed {
		p.env.Advance(time.Minute)
	}
}
