package engine

import (
	"context"
	"encoding/json"
	"time"

	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/telemetry"
)

// bear prepares the executions that a step starts: they are created in the
// commit of the step, or not at all. A child lives in its parent's partition.
func (e *Engine) bear(ctx context.Context, x *flow.Execution, s *flow.Step, o node.Outcome) ([]*flow.Change, []string, error) {
	var births []*flow.Change
	var ids []string
	part, _ := flow.PartitionOf(x.ID)
	for i, c := range o.Start {
		ch, err := e.birth(ctx, x, s, c, i, part)
		if err != nil {
			return nil, nil, err
		}
		births, ids = append(births, ch), append(ids, ch.Execution)
	}
	return births, ids, nil
}

func (e *Engine) birth(ctx context.Context, x *flow.Execution, s *flow.Step, c node.Child, index, part int) (*flow.Change, error) {
	if x.Depth+1 > e.limits.Depth {
		return nil, &flow.Problem{Code: "too_deep", Permanent: true,
			Message: "child executions are nested too deeply; look for a workflow that starts itself, or raise limits.depth"}
	}
	p, err := e.planFor(ctx, c.Workflow, c.Version)
	if err != nil {
		return nil, cannotStart(c.Workflow, err)
	}
	raw, err := flow.Encode(c.Input)
	if err != nil {
		return nil, cannotStart(c.Workflow, err)
	}
	if err := e.checkInput(p, raw); err != nil {
		return nil, cannotStart(c.Workflow, err)
	}
	head := flow.Head{
		Workflow: p.Workflow.ID, Version: p.Version, Depth: x.Depth + 1, Trace: childTrace(ctx, x),
		Timeout: time.Duration(p.Workflow.TimeoutMS) * time.Millisecond,
		Parent:  &flow.Parent{Execution: x.ID, Step: s.ID, Turn: s.Turn + 1, Mode: c.Mode, Index: index},
	}
	ch := begin(p, flow.NewExecutionID(part), head, raw, 0, c.Mode == node.Sync)
	e.owe(p, nil, ch)
	return ch, nil
}

// childTrace makes the step that starts a child the parent of the child's spans.
func childTrace(ctx context.Context, x *flow.Execution) map[string]string {
	if c := telemetry.Inject(ctx); c != nil {
		return c
	}
	return x.Trace
}

func cannotStart(workflow string, err error) *flow.Problem {
	p := *flow.AsProblem(err)
	p.Details = map[string]any{"type": flow.ByError, "reason": p.Error(), "workflow_id": workflow}
	p.Message = "the child workflow cannot be started: " + p.Message
	if p.Code == flow.ErrNotFound.Code {
		p.Code, p.Permanent = "workflow_not_found", true
	}
	return &p
}

// parentChange is what the end, or the sleep, of a child means to the step that
// waits for it. A parent in another partition is told through the outbox.
func (e *Engine) parentChange(ctx context.Context, p *compiled, x *flow.Execution, ch *flow.Change) (*compiled, *flow.Change, error) {
	parent := x.Parent
	if parent == nil || parent.Mode == node.FireAndForget {
		return nil, nil, nil
	}
	wait := flow.SuspensionID{Execution: parent.Execution, Step: parent.Step, Turn: parent.Turn}
	var fact Fact
	switch {
	case ch.Ended:
		fact = waitEnded{wait: wait, by: flow.ByChild, data: childResult(p, x, ch)}
	case ch.Front.Status == flow.Suspended && ch.Was != flow.Suspended && parent.Mode == node.Sync:
		fact = childSlept{wait: wait}
	default:
		return nil, nil, nil
	}
	return e.judge(ctx, parent.Execution, fact)
}

// judge finds the change of one fact about another execution of the same partition.
// No change: the fact comes too late to matter.
func (e *Engine) judge(ctx context.Context, id string, fact Fact) (*compiled, *flow.Change, error) {
	x, err := e.store.Load(ctx, id, fact.wants(nil))
	if isNotFound(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	p, err := e.planFor(ctx, x.Workflow, x.Version)
	if err != nil {
		return nil, nil, err
	}
	ch, errs, err := advance(p, x, []Fact{fact}, e.limits, e.cfg.Alert)
	if err != nil || errs[0] != nil {
		return nil, nil, err
	}
	return p, ch, nil
}

// childResult is what a parent is told of its child's end.
func childResult(p *compiled, x *flow.Execution, ch *flow.Change) json.RawMessage {
	out := json.RawMessage("null")
	if r := ch.Result; r != nil {
		out = orNull(r.Raw)
		if r.Same != "" {
			out = orNull(newScope(p, x, ch.Values).raw(r.Same))
		}
	}
	raw, err := flow.Encode(struct {
		Execution string          `json:"execution_id"`
		Status    flow.Status     `json:"status"`
		Output    json.RawMessage `json:"output"`
		Error     *flow.Problem   `json:"error"`
	}{x.ID, ch.Front.Status, out, ch.Error})
	if err != nil {
		return json.RawMessage(`{"status":"failed"}`)
	}
	return raw
}
