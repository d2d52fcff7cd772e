package engine

import "prana/engine/flow"

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
