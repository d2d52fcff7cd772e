package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"prana/engine/eval"
	"prana/engine/flow"
)

// scope is what the expressions of one execution see.
type scope struct {
	p       *compiled
	x       *flow.Execution
	fresh   map[flow.Ref]flow.Value // values of a change that is not stored yet
	decoded map[flow.Ref]any
	around  []around // the parts that the step belongs to whose expressions these are, innermost first
}

func newScope(p *compiled, x *flow.Execution, fresh map[flow.Ref]flow.Value) *scope {
	return &scope{p: p, x: x, fresh: fresh, decoded: map[flow.Ref]any{}}
}

// value gives a stored value as expressions see it.
func (sc *scope) value(ref flow.Ref) (any, error) {
	if v, ok := sc.decoded[ref]; ok {
		return v, nil
	}
	v, err := flow.Decode(sc.raw(ref))
	if err != nil {
		return nil, fmt.Errorf("reading value %s of execution %s: %w", ref, sc.x.ID, err)
	}
	sc.decoded[ref] = v
	return v, nil
}

// raw gives a value; nil when it is not there, or not loaded.
func (sc *scope) raw(ref flow.Ref) json.RawMessage {
	for v, ok := sc.fresh[ref]; ok; v, ok = sc.fresh[ref] {
		if v.Results != nil {
			return sc.gather(*v.Results)
		}
		if v.Same == "" {
			return v.Raw
		}
		ref = v.Same
	}
	if ref == flow.InputRef {
		return sc.x.Input
	}
	return sc.x.Values[ref]
}

// gather makes one list of the results of parts. One that is not loaded makes the list unknown.
func (sc *scope) gather(r flow.Results) json.RawMessage {
	for i := range r.Count {
		if !sc.x.Whole && sc.raw(flow.ResultRef(r.Of, i)) == nil {
			return nil
		}
	}
	return flow.List(r.Count, func(i int) json.RawMessage { return sc.raw(flow.ResultRef(r.Of, i)) })
}

// env gives the roots that do not depend on a step.
func (sc *scope) env() eval.Env {
	vars := sc.p.Workflow.Variables
	trigger, _ := sc.value(flow.InputRef)
	return eval.Env{
		"vars":     vars,
		"workflow": map[string]any{"id": sc.p.Workflow.ID, "name": sc.p.Workflow.Name, "version": sc.p.Version},
		"execution": map[string]any{
			"id": sc.x.ID, "started_at": flow.Stamp(sc.x.CreatedAt), "mode": string(sc.p.mode()), "state": sc.state(), "parent_id": sc.parentID(),
		},
		"trigger": trigger,
		"input":   trigger, // in the output of a workflow; steps have their own
		"now":     sc.x.Now,
		"nodes":   sc.nodes(),
	}
}

func (sc *scope) parentID() any {
	if sc.x.Parent == nil {
		return nil
	}
	return sc.x.Parent.Execution
}

func (c *compiled) mode() flow.Mode {
	if c.Workflow.Mode == "" {
		return flow.Parallel
	}
	return c.Workflow.Mode
}

// nodes gives what is loaded of the nodes that completed.
func (sc *scope) nodes() map[string]any {
	all := make(map[string]any, len(sc.x.Nodes))
	for n := range sc.x.Nodes {
		if entry := sc.node(n); entry != nil {
			all[sc.p.Nodes[n].Key] = entry
		}
	}
	return all
}

func (sc *scope) node(n int) map[string]any {
	run, ok := sc.last(n)
	if !ok {
		return nil
	}
	id := flow.StepID{Node: n, Run: run}
	out, err := sc.value(flow.OutputRef(id))
	if err != nil {
		return nil
	}
	entry := map[string]any{"output": out}
	if s := sc.x.Steps[id]; s != nil {
		entry["port"] = s.Port
		if s.Error != nil {
			entry["error"] = s.Error.Map()
		}
	}
	entry["context"] = sc.context(n)
	return entry
}

// last is the run of a node that completed last, as the step sees it: in its own part where parts live side by side.
func (sc *scope) last(n int) (run int, ok bool) {
	for _, a := range sc.around {
		if run, ok := a.part.Last[n]; ok {
			return run, true
		}
		if a.fan.Width > 1 && (n == a.owner.Node || slices.Contains(sc.p.Nodes[n].Within, a.owner.Node)) {
			return 0, false // it ran for other items only
		}
	}
	st := sc.x.Nodes[n]
	return st.Last, st.Last >= 0
}

// context is what the runs of a node share; for one that emits items, how far the step's own loop is.
func (sc *scope) context(n int) map[string]any {
	v, _ := sc.value(flow.ContextRef(n))
	all, _ := v.(map[string]any)
	for _, a := range sc.around {
		if a.owner.Node == n {
			all = maps.Clone(all)
			if all == nil {
				all = map[string]any{}
			}
			all["item_count"], all["current_loop_index"], all["has_more_item"] = a.fan.Items, a.part.Index, a.part.Index+1 < a.fan.Items
			break
		}
	}
	return all
}

func (sc *scope) state() map[string]any {
	state := make(map[string]any, len(sc.x.State))
	for k, raw := range sc.x.State {
		if v, err := flow.Decode(raw); err == nil {
			state[k] = v
		}
	}
	return state
}

// stepEnv adds what only one step sees.
func (sc *scope) stepEnv(s *flow.Step, inputs map[string]any, attempt int) eval.Env {
	env := sc.env()
	env["input"], env["inputs"] = inputs[flow.PortMain], inputs
	env["loop"] = sc.loop(0)
	ex, _ := env["execution"].(map[string]any)
	ex["attempt"], ex["run_index"] = attempt, s.ID.Run
	ex["current_node_key"] = sc.p.Nodes[s.ID.Node].Key
	back := slices.ContainsFunc(s.Inputs, func(a flow.Arrival) bool { return a.Edge >= 0 && sc.p.Edges[a.Edge].Back })
	l := sc.p.Nodes[s.ID.Node].Loop
	ex["loopback"] = back
	ex["loop"] = map[string]any{"loop_level": l.Level, "loop_role": l.Role, "loop_ids": texts(l.IDs), "loopback": back}
	return env
}

func texts(all []string) []any {
	out := make([]any, len(all))
	for i, s := range all {
		out[i] = s
	}
	return out
}

// loop is $loop: the item that the step works on, and that of the loop around it as parent; nil outside of loops over items.
func (sc *scope) loop(depth int) any {
	if depth == len(sc.around) {
		return nil
	}
	a := sc.around[depth]
	item, _ := sc.value(flow.ItemRef(a.owner, a.part.Index))
	return map[string]any{
		"item": item, "index": a.part.Index, "length": a.fan.Items, "first": a.part.Index == 0, "last": a.part.Index == a.fan.Items-1,
		"parent": sc.loop(depth + 1),
	}
}

// around is a live part with the fan it belongs to.
type around struct {
	owner flow.StepID
	fan   *flow.Fan
	part  *flow.Part
}

// partsAround lists the live parts that something in this part belongs to, innermost first; nil = it is in none.
func partsAround(x *flow.Execution, part *flow.StepID) []around {
	var all []around
	for id := part; id != nil; {
		a, ok := findPart(x, *id)
		if !ok {
			break
		}
		all = append(all, a)
		id = a.fan.Part
	}
	return all
}

func findPart(x *flow.Execution, id flow.StepID) (around, bool) {
	for owner, f := range x.Fans {
		if p := f.Parts[id]; p != nil {
			return around{owner, f, p}, true
		}
	}
	return around{}, false
}

// inputs gives what arrived at a step, by port; of several on one port the newest.
func (sc *scope) inputs(s *flow.Step) (map[string]any, error) {
	in := make(map[string]any, len(s.Inputs))
	for _, a := range s.Inputs {
		v, err := sc.value(a.Ref)
		if err != nil {
			return nil, err
		}
		in[a.Port] = v
	}
	return in, nil
}
