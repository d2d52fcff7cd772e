package engine

import (
	"fmt"
	"maps"

	"prana/engine/flow"
)

// remember notes that a step completed which another node can undo: last in, first out. What only left with an item did nothing.
func (t *transition) remember(s *flow.Step) {
	if t.plan.Nodes[s.ID.Node].Undo == nil || s.Of != nil && !t.runsItself(s) {
		return
	}
	s.Below, t.x.Undo = t.x.Undo, &s.ID
}

// undo runs the node that undoes the step that completed last, one after the other. Once all are undone the execution ends.
func (t *transition) undo() error {
	if len(t.x.Live) > 0 {
		return nil
	}
	if t.x.Undo == nil {
		t.conclude()
		return nil
	}
	s, err := t.step(*t.x.Undo)
	if err != nil {
		return err
	}
	t.x.Undo = s.Below
	u := t.newStep(*t.plan.Nodes[s.ID.Node].Undo)
	u.Inputs = []flow.Arrival{{Edge: -1, Port: flow.PortMain, Ref: flow.OutputRef(s.ID)}}
	t.shift(u, flow.Live{Pending: +1})
	t.dispatch(u, flow.KindStep)
	return nil
}

// notUndone notes a step that could not undo another. The others are undone all the same, and the error says which was not.
func (t *transition) notUndone(s *flow.Step, p *flow.Problem) {
	e := t.x.Ending
	if e.Error == nil {
		e.Error = &flow.Problem{Code: "compensation_failed", Message: "not everything was undone: " + p.Message, Node: t.key(s)}
	}
	if e.Error.Details == nil {
		e.Error.Details = map[string]any{}
	}
	failed, _ := e.Error.Details["not_undone"].([]any)
	e.Error.Details["not_undone"] = append(failed, map[string]any{"node": t.key(s), "run_index": s.ID.Run, "error": p.Map()})
}

// leaveUndone gives up what remains to be undone of an execution that is to end at once. The answer is the error with what that is.
func (t *transition) leaveUndone(p *flow.Problem) *flow.Problem {
	q := *p
	q.Details = maps.Clone(p.Details)
	if q.Details == nil {
		q.Details = map[string]any{}
	}
	left, n := t.beingUndone(), 0
	if e := t.x.Ending; e != nil {
		q.Details["ending"] = map[string]any{"status": string(e.Status), "error": e.Error.Map()}
	}
	for id := t.x.Undo; id != nil; id = t.x.Steps[*id].Below {
		left = append(left, t.x.Steps[*id])
	}
	t.x.Undo = nil
	var named []any
	for _, s := range left {
		if n++; n <= maxUndone {
			named = append(named, map[string]any{"node": t.key(s), "run_index": s.ID.Run})
		}
	}
	if n > 0 {
		q.Details["not_undone"] = named
		q.Message += fmt.Sprintf("; what %d steps did was not undone", n)
	}
	return &q
}

// maxUndone bounds how many steps an error names.
const maxUndone = 100

// beingUndone gives the step that is being undone now, if there is one.
func (t *transition) beingUndone() []*flow.Step {
	if t.x.Status != flow.Cancelling {
		return nil
	}
	var all []*flow.Step
	for _, u := range t.liveSteps() {
		for _, s := range t.x.Steps {
			if u.Part == nil && len(u.Inputs) == 1 && u.Inputs[0].Edge < 0 && u.Inputs[0].Ref == flow.OutputRef(s.ID) {
				all = append(all, s)
			}
		}
	}
	return all
}
