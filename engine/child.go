package engine

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/telemetry"
)

// bear prepares the executions that a step starts: they are created in the
// commit of the step, or not at all. A child lives in its parent's partition.
func (e *Engine) bear(ctx context.Context, j *job, o node.Outcome) ([]*flow.Change, []string, error) {
	var births []*flow.Change
	var ids []string
	part, _ := flow.PartitionOf(j.x.ID)
	for i, c := range o.Start {
		ch, err := e.birth(ctx, j.x, j.step, c, i, part)
		if err != nil {
			return nil, nil, j.unborn(err)
		}
		births, ids = append(births, ch), append(ids, ch.Execution)
	}
	return births, ids, nil
}

func (e *Engine) birth(ctx context.Context, x *flow.Execution, s *flow.Step, c node.Child, index, part int) (*flow.Change, error) {
	if x.Depth+1 > e.limits.Depth {
		return nil, &flow.Problem{
			Code: "too_deep", Permanent: true,
			Message: "child executions are nested too deeply; look for a workflow that starts itself, or raise limits.depth",
		}
	}
	if err := checkClosing(c); err != nil {
		return nil, err
	}
	p, err := e.planFor(ctx, c.Workflow, c.Version)
	if errors.Is(err, flow.ErrUnavailable) {
		return nil, errAway{err}
	}
	if err != nil {
		return nil, cannotStart(c.Workflow, err)
	}
	raw, err := encode(c.Input)
	if err != nil {
		return nil, cannotStart(c.Workflow, err)
	}
	if err := e.checkInput(p, raw); err != nil {
		return nil, cannotStart(c.Workflow, err)
	}
	self := c.Workflow + ":" + digest(raw)
	if slices.Contains(x.Line, self) {
		return nil, &flow.Problem{
			Code: "child_cycle", Permanent: true,
			Message: "workflow " + c.Workflow + " is to be started with the input that an execution above this one has; it would go on for ever",
		}
	}
	place, err := p.place(raw)
	if err != nil {
		return nil, cannotStart(c.Workflow, err)
	}
	if err := e.addQueue(ctx, c.Queue); errors.Is(err, flow.ErrUnavailable) {
		return nil, errAway{err}
	} else if err != nil {
		return nil, cannotStart(c.Workflow, err)
	}
	head := flow.Head{
		Workflow: p.Workflow.ID, Version: p.Version, Depth: x.Depth + 1, Line: append(slices.Clone(x.Line), self), Trace: childTrace(ctx, x),
		Timeout: timeout(p, start{in: c.In}), Place: place, Queue: c.Queue,
		Parent: &flow.Parent{Execution: x.ID, Step: s.ID, Turn: s.Turn + 1, Mode: c.Mode, Index: index, Close: c.Close},
	}
	ch := begin(p, flow.NewExecutionID(part), head, raw, start{in: c.In}, c.Mode == node.Sync)
	e.owe(p, nil, ch)
	return ch, nil
}

// unborn marks the failure to start a child. A store that is away is none.
func (j *job) unborn(err error) error {
	var p *flow.Problem
	if away := (errAway{}); errors.As(err, &away) || !errors.As(err, &p) {
		return err
	}
	return j.suspensionError(p)
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
	p.Details = map[string]any{"reason": p.Error(), "workflow_id": workflow}
	p.Message = "the child workflow cannot be started: " + p.Message
	if p.Code == flow.ErrNotFound.Code {
		p.Code, p.Permanent = "workflow_not_found", true
	}
	return &p
}

// upwards adds to a change what it means to those that wait: its end or sleep to its
// parent, and the sleep of that one to the next. They live in the same partition.
func (e *Engine) upwards(ctx context.Context, m move) ([]move, error) {
	all := []move{m}
	for {
		fact, err := m.news()
		if fact == nil || err != nil {
			return all, err
		}
		up, err := e.judge(ctx, m.x.Parent.Execution, fact)
		if up == nil || err != nil {
			return all, err
		}
		m = *up
		all = append(all, m)
	}
}

// news is what a change means to the step that waits for the execution; nil = nothing.
func (m move) news() (Fact, error) {
	parent := m.x.Parent
	if parent == nil || parent.Mode == node.FireAndForget {
		return nil, nil
	}
	wait := flow.SuspensionID{Execution: parent.Execution, Step: parent.Step, Turn: parent.Turn}
	switch {
	case m.ch.Ended:
		data, err := m.childResult()
		return waitEnded{wait: wait, by: flow.ByChild, data: data}, err
	case rests(m.ch.Front.Status) && !rests(m.ch.Was) && parent.Mode == node.Sync:
		return childSlept{wait: wait}, nil
	}
	return nil, nil
}

// rests tells whether an execution does nothing until somebody or the time moves it. One in quarantine may be retried:
// its parent goes on waiting.
func rests(s flow.Status) bool { return s == flow.Suspended || s == flow.Quarantined }

// judge finds the change of one fact about another execution of the same partition.
// No move: the fact comes too late to matter.
func (e *Engine) judge(ctx context.Context, id string, fact Fact) (*move, error) {
	want := fact.wants(nil)
	for {
		m, err := e.judgeOnce(ctx, id, fact, want)
		need, ok := errors.AsType[errNeed](err)
		if !ok {
			return m, err
		}
		want = want.And(need.Want)
	}
}

func (e *Engine) judgeOnce(ctx context.Context, id string, fact Fact, want flow.Want) (*move, error) {
	x, err := e.store.Load(ctx, id, want)
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := e.planFor(ctx, x.Workflow, x.Version)
	if err != nil {
		return nil, err
	}
	ch, errs, err := advance(p, x, []Fact{fact}, e.limits, e.cfg.Alert)
	if err != nil || errs[0] != nil {
		return nil, err
	}
	return &move{p, x, ch}, nil
}

// childResult is what a parent is told of its child's end. What the child left
// may have been stored long before, and must be loaded then.
func (m move) childResult() (json.RawMessage, error) {
	var out json.RawMessage
	if r := m.ch.Result; r != nil {
		out = r.Raw
		if r.Same != "" {
			out = newScope(m.p, m.x, m.ch.Values).raw(r.Same)
		}
		if out == nil && !m.x.Whole {
			return nil, errNeedAll
		}
	}
	return flow.Encode(struct {
		Execution string          `json:"execution_id"`
		Status    flow.Status     `json:"status"`
		Output    json.RawMessage `json:"output"`
		Error     *flow.Problem   `json:"error"`
	}{m.x.ID, m.ch.Front.Status, orNull(out), m.ch.Error})
}
