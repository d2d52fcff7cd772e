package engine

import (
	"encoding/json"
	"fmt"

	"prana/engine/eval"
	"prana/engine/flow"
)

// scope is what the expressions of one execution see.
type scope struct {
	p       *compiled
	x       *flow.Execution
	fresh   map[flow.Ref]flow.Value // values of a change that is not stored yet
	decoded map[flow.Ref]any
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

func (sc *scope) raw(ref flow.Ref) json.RawMessage {
	for v, ok := sc.fresh[ref]; ok; v, ok = sc.fresh[ref] {
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
	for n, st := range sc.x.Nodes {
		if st.Last < 0 {
			continue
		}
		id := flow.StepID{Node: n, Run: st.Last}
		out, err := sc.value(flow.OutputRef(id))
		if err != nil {
			continue
		}
		entry := map[string]any{"output": out}
		if s := sc.x.Steps[id]; s != nil {
			entry["port"] = s.Port
			if s.Error != nil {
				entry["error"] = s.Error.Map()
			}
		}
		all[sc.p.Nodes[n].Key] = entry
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
	ex, _ := env["execution"].(map[string]any)
	ex["attempt"], ex["run_index"] = attempt, s.ID.Run
	ex["current_node_key"] = sc.p.Nodes[s.ID.Node].Key
	return env
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
