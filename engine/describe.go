package engine

import (
	"context"
	"encoding/json"
	"time"

	"prana/engine/flow"
)

// Describe tells everything about an execution.
func (e *Engine) Describe(ctx context.Context, id string) (*flow.View, error) {
	x, p, err := e.whole(ctx, id)
	if err != nil {
		return nil, err
	}
	sc, steps := newScope(p, x, nil), x.InOrder()
	v := &flow.View{
		Summary: summary(x), StartID: x.StartID, From: x.From, Only: x.Only, Depth: x.Depth, Transitions: x.Transitions, Generation: x.Generation, Deadline: deadline(x),
		Input: orNull(x.Input), Output: orNull(x.Result), Reply: x.Reply, Trace: x.Trace,
		Pause: pauseView(x.Pause), Nodes: make([]flow.NodeRun, 0, len(steps)), Suspensions: []flow.Suspension{}, Children: []flow.Relation{},
	}
	if len(x.State) > 0 {
		v.State = sc.state()
	}
	for _, l := range x.Inbox {
		v.Inbox = append(v.Inbox, flow.LetterView{Node: keyOf(p, l.Node), ID: l.ID, Data: x.Values[l.Ref], Error: l.Error})
	}
	for _, s := range steps {
		v.Nodes = append(v.Nodes, sc.nodeRun(s))
		if s.Status == flow.StepSuspended {
			v.Suspensions = append(v.Suspensions, flow.SuspensionOf(p.Workflow, x, s))
		}
		if s.Kept {
			continue // its children are those of the execution that ran it
		}
		for _, c := range s.Children {
			v.Children = append(v.Children, flow.Relation{ParentID: x.ID, ChildID: c, Type: flow.SubWorkflow, Node: p.Nodes[s.ID.Node].Key, CreatedAt: s.CreatedAt})
		}
	}
	return v, nil
}

// deadline is when the time of the execution is up; nil while it is paused, since it stands still.
func deadline(x *flow.Execution) *time.Time {
	if x.Status == flow.Paused {
		return nil
	}
	return flow.TimePointer(x.Deadline())
}

func pauseView(p *flow.Pause) *flow.PauseView {
	if p == nil {
		return nil
	}
	return &flow.PauseView{Since: p.Since, By: p.By, Reason: p.Reason}
}

func summary(x *flow.Execution) flow.Summary {
	s := flow.Summary{ID: x.ID, Workflow: x.Workflow, Version: x.Version, Status: x.Status, CreatedAt: x.CreatedAt, EndedAt: flow.TimePointer(x.EndedAt), RerunOf: x.RerunOf, Tags: x.Tags, Error: x.Error}
	if x.Parent != nil {
		s.ParentID = x.Parent.Execution
	}
	return s
}

// nodeRun tells about one run of one node.
func (sc *scope) nodeRun(s *flow.Step) flow.NodeRun {
	x, n := sc.x, sc.p.Nodes[s.ID.Node]
	r := flow.NodeRun{
		Node: n.Key, Type: n.Type.Name, RunIndex: s.ID.Run, Queue: x.QueueOf(n.Settings), Status: s.Status, Attempt: s.Attempt, Port: s.Port, Error: s.Error,
		CreatedAt: s.CreatedAt, StartedAt: flow.TimePointer(s.StartedAt), EndedAt: flow.TimePointer(s.EndedAt), Children: s.Children, Deaths: s.Deaths, Kept: s.Kept,
	}
	if s.Part != nil && x.Steps[*s.Part] != nil && x.Steps[*s.Part].Of != nil {
		r.Item = &x.Steps[*s.Part].Of.Index
	}
	if len(s.Inputs) > 0 {
		r.Input = make(map[string]json.RawMessage, len(s.Inputs))
	}
	for _, a := range s.Inputs { // of several on one port the newest
		r.Input[a.Port] = orNull(sc.raw(a.Ref))
	}
	if s.Status == flow.StepCompleted {
		r.Output = orNull(sc.raw(flow.OutputRef(s.ID)))
	}
	if s.ID.Run == x.Nodes[s.ID.Node].Runs-1 {
		r.Context = sc.raw(flow.ContextRef(s.ID.Node))
	}
	for _, a := range s.Attempts {
		r.Attempts = append(r.Attempts, flow.AttemptView{Number: a.Number, StartedAt: flow.TimePointer(a.StartedAt), EndedAt: a.EndedAt, Error: a.Error})
	}
	if s.Resumed != nil {
		r.ResumedBy, r.Actor, r.ResumedAt = s.Resumed.By, s.Resumed.Actor, flow.TimePointer(s.Resumed.At)
	}
	return r
}

// Await waits until the execution is terminal or in quarantine, and tells everything about it. When
// ctx ends first, it gives the execution as it is then, with the context's error.
func (e *Engine) Await(ctx context.Context, id string) (*flow.View, error) {
	return e.await(ctx, id, flow.Want{}, func(x *flow.Execution) bool { return x.Status.Over() })
}

// AwaitReply waits until the execution has a reply, or is over without one,
// and is like Await otherwise.
func (e *Engine) AwaitReply(ctx context.Context, id string) (*flow.View, error) {
	return e.await(ctx, id, flow.Want{Reply: true}, func(x *flow.Execution) bool { return len(x.Reply) > 0 || x.Status.Over() })
}

// await looks at the wanted part of an execution, ever more seldom, until over says that it is far enough.
func (e *Engine) await(ctx context.Context, id string, want flow.Want, over func(*flow.Execution) bool) (*flow.View, error) {
	for wait := 2 * time.Millisecond; ; wait = min(wait*3/2, 250*time.Millisecond) {
		x, err := e.store.Load(ctx, id, want)
		if err != nil && ctx.Err() == nil {
			return nil, err
		}
		if err == nil && over(x) {
			return e.Describe(ctx, id)
		}
		if ctx.Err() != nil {
			v, err := e.Describe(context.WithoutCancel(ctx), id)
			if err != nil {
				return nil, err
			}
			return v, context.Cause(ctx)
		}
		pause(ctx, wait)
	}
}
