package inmem

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"prana/engine/flow"
)

// Load reads what is wanted and nothing else, so that tests find code that
// forgot to ask.
func (s *Store) Load(ctx context.Context, id string, want flow.Want) (*flow.Execution, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.executions[id]
	if e == nil {
		return nil, flow.NotFound("execution", id)
	}
	if want.All {
		want = e.everything()
	}
	return clone(s.read(e, want)), nil
}

func (s *Store) read(e *execution, want flow.Want) *flow.Execution {
	x := &flow.Execution{
		ID: e.id, Rev: e.rev, Head: e.head, Front: e.front, Now: s.now(),
		Steps:  map[flow.StepID]*flow.Step{},
		Nodes:  map[int]flow.NodeState{},
		Values: map[flow.Ref]json.RawMessage{},
		Claims: map[flow.StepID]string{},
	}
	for _, id := range want.Steps {
		e.readStep(x, id, want.Inputs)
		e.readAround(x, id)
	}
	for _, n := range want.Nodes {
		e.readNode(x, n)
	}
	for _, n := range want.Outputs {
		if last, ok := e.readNode(x, n); ok {
			e.readValue(x, flow.OutputRef(last))
		}
	}
	for _, n := range want.Records {
		if last, ok := e.readNode(x, n); ok {
			e.readStep(x, last, false)
		}
		e.readValue(x, flow.ContextRef(n))
	}
	for _, ref := range want.Values {
		e.readValue(x, ref)
	}
	if want.Input {
		x.Input = e.input
	}
	if want.State {
		x.State = e.state
	}
	if want.Reply {
		x.Reply = e.reply
	}
	if want.All {
		e.readRest(x)
	}
	return x
}

// everything asks for all that exists, piece by piece.
func (e *execution) everything() flow.Want {
	return flow.Want{
		All: true, Input: true, State: true, Inputs: true, Reply: true,
		Steps: slices.Collect(maps.Keys(e.steps)),
		Nodes: slices.Collect(maps.Keys(e.nodes)),
	}
}

func (e *execution) readRest(x *flow.Execution) {
	x.Whole = true
	x.Error, x.EndedAt = e.problem, e.endedAt
	for owner := range e.fans {
		e.readFan(x, owner)
	}
	for id, p := range e.parts {
		if f := e.readFan(x, p.Owner); f != nil {
			f.Parts[id] = p
		}
	}
	for ref := range e.values {
		e.readValue(x, ref)
	}
	if e.result != nil {
		x.Result = e.follow(*e.result)
	}
}

func (e *execution) readStep(x *flow.Execution, id flow.StepID, inputs bool) {
	step := e.steps[id]
	if step == nil {
		return
	}
	x.Steps[id] = step
	if c, ok := e.claims[id]; ok {
		x.Claims[id] = c.by
	}
	if !inputs {
		return
	}
	for _, a := range step.Inputs {
		e.readValue(x, a.Ref)
	}
	e.readValue(x, flow.ResumeRef(id))
}

// readAround reads the parts that a step belongs to, with their fans.
func (e *execution) readAround(x *flow.Execution, id flow.StepID) {
	step := e.steps[id]
	if step == nil {
		return
	}
	for part := step.Part; part != nil; {
		p := e.parts[*part]
		if p == nil {
			return
		}
		f := e.readFan(x, p.Owner)
		if f == nil {
			return
		}
		f.Parts[*part] = p
		part = f.Part
	}
}

// readFan reads a fan without its parts.
func (e *execution) readFan(x *flow.Execution, owner flow.StepID) *flow.Fan {
	if f := x.Fans[owner]; f != nil || e.fans[owner] == nil {
		return f
	}
	f := *e.fans[owner]
	f.Parts = map[flow.StepID]*flow.Part{}
	if x.Fans == nil {
		x.Fans = map[flow.StepID]*flow.Fan{}
	}
	x.Fans[owner] = &f
	return &f
}

// readNode answers the step that completed last; the caller of Load finds it by
// the node's state, which is why that state comes along.
func (e *execution) readNode(x *flow.Execution, n int) (last flow.StepID, ok bool) {
	state, known := e.nodes[n]
	if !known {
		return flow.StepID{}, false
	}
	x.Nodes[n] = state
	return flow.StepID{Node: n, Run: state.Last}, state.Last >= 0
}

func (e *execution) readValue(x *flow.Execution, ref flow.Ref) {
	if ref == flow.InputRef {
		x.Input = e.input // it has a place of its own
	} else if v, ok := e.values[ref]; ok {
		x.Values[ref] = e.follow(v)
	}
}

var null = json.RawMessage("null")

// gather makes one list of the results of parts.
func (e *execution) gather(r flow.Results) json.RawMessage {
	return flow.List(r.Count, func(i int) json.RawMessage {
		return e.follow(e.values[flow.ResultRef(r.Of, i)])
	})
}

// follow walks a chain of values that are the same as others. A chain is never
// longer than there are values, unless it is a circle.
func (e *execution) follow(v flow.Value) json.RawMessage {
	for range len(e.values) + 1 {
		switch {
		case v.Results != nil:
			return e.gather(*v.Results)
		case v.Same == "" && v.Raw == nil:
			return null
		case v.Same == "":
			return v.Raw
		case v.Same == flow.InputRef:
			return e.input
		}
		v = e.values[v.Same]
	}
	return null
}
