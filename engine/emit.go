package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
)

// emission is a node.Emission in stored form.
type emission struct {
	port string
	raw  json.RawMessage
}

// emissions turns what a node emits into what is stored, within its bounds.
func (e *Engine) emissions(n *plan.Node, all []node.Emission) ([]emission, error) {
	if len(all) > node.MaxEmit {
		return nil, &flow.Problem{Code: "too_many_emissions", Permanent: true, Message: fmt.Sprintf("node type %s emitted %d values at a time; the limit is %d", n.Type.Name, len(all), node.MaxEmit)}
	}
	var out []emission
	for _, em := range all {
		if !slices.Contains(n.Type.Emits, em.Port) {
			return nil, &flow.Problem{Code: "invalid_port", Permanent: true, Message: fmt.Sprintf("node type %s emitted by port %q, which it does not declare for that (%v)", n.Type.Name, em.Port, n.Type.Emits)}
		}
		raw, err := flow.Encode(em.Output)
		if err != nil {
			return nil, &flow.Problem{Code: "invalid_output", Permanent: true, Message: "what is emitted by port " + em.Port + " is not JSON: " + err.Error()}
		}
		if p := tooLarge("what is emitted by port "+em.Port, raw, e.limits.Payload); p != nil {
			return nil, p
		}
		out = append(out, emission{em.Port, raw})
	}
	return out, nil
}

// emit sends values on from a step that lives on. What they lead to runs beside it, in the same region:
//
//   - A port that leads nowhere drops them; so do parts that the node runs itself, whose values go to their fan alone, and an
//     execution of one node only.
//   - Joins take them as branches like any other. Since the step lives, they wait as long as more can come from it.
//   - A path that begins here is no result when it ends (see endPath, comeBack), but what it is part of is not over before it is: the
//     item of a loop, or the execution.
//   - When the step is over, such a path goes on; the step's setting cancels withdraws it.
func (t *transition) emit(s *flow.Step, all []emission) error {
	if t.x.Only || t.runsItself(s) {
		return nil
	}
	for _, em := range all {
		if err := t.emitOne(s, em.port, flow.Value{Raw: em.raw}); err != nil {
			return err
		}
	}
	return nil
}

func (t *transition) emitOne(s *flow.Step, port string, v flow.Value) error {
	edges := t.plan.Nodes[s.ID.Node].Out[port]
	if len(edges) == 0 {
		return nil
	}
	ref := flow.EmissionRef(s.ID, s.Emitted)
	s.Emitted++
	t.ch.Values[ref] = v
	return t.arriveAll(edges, flow.Arrival{Ref: ref, Aside: true}, s.Part)
}

// tooManyEmissions ends a step that never comes to an end.
func tooManyEmissions() *flow.Problem {
	return &flow.Problem{Code: "too_many_emissions", Permanent: true, Message: fmt.Sprintf("the step emitted %d values while it waited, and no more are allowed; let it remind less often", flow.MaxEmissions)}
}

// goesOn makes w the wait that time interrupted, if it was time: what names that one names w, it began when that one began, and its
// own time counts from there. was is the wait itself, where it still stood.
func goesOn(s *flow.Step, was, w *flow.Wait) {
	r := s.Resumed
	if w == nil || r == nil || r.Turn != s.Turn || r.By != flow.ByTimer && r.By != flow.ByTimeout {
		return
	}
	w.First, w.Since = r.First, r.Since
	if w.First == 0 {
		w.First = r.Turn
	}
	if was != nil {
		w.Began = was.Began
	}
	if w.In > 0 && w.Until.IsZero() {
		w.Due, w.In = w.Since.Add(time.Duration(flow.Millis(w.In))*time.Millisecond), 0
	}
}
