package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
)

// outcome turns what a node gave into what is stored, within its bounds.
func (e *Engine) outcome(ctx context.Context, j *job, o node.Outcome) (outcome, []*flow.Change, error) {
	if err := e.checkContext(ctx, j, o.Context); err != nil {
		return outcome{}, nil, err
	}
	children, ids, err := e.bear(ctx, j, o)
	if err != nil {
		return outcome{}, nil, err
	}
	out := outcome{children: ids, closes: slices.ContainsFunc(children, closedByEnd)}
	out.context = o.Context
	if o.Suspend != nil {
		if out.wait, err = e.wait(j, o, ids); err != nil {
			return outcome{}, nil, err
		}
		out.goesOn = o.Suspend.GoesOn
		out.emits, err = e.emissions(j.node, o.Emit)
		return out, children, err
	}
	if o.Fan != nil {
		out.fan, err = e.fan(j.plan, j.node, o.Fan)
		return out, children, err
	}
	if o.Output == nil && len(ids) == 1 {
		o.Output = map[string]any{"execution_id": ids[0]}
	}
	if out.port, err = leavingPort(j.plan, j.node, o.Port); err != nil {
		return outcome{}, nil, err
	}
	out.timeout = o.Timeout
	if out.state, err = e.stateOf(o.State); err != nil {
		return outcome{}, nil, err
	}
	if out.reply, err = e.replyOf(o.Reply); err != nil {
		return outcome{}, nil, err
	}
	out.value, err = e.valueOf(j.step, o)
	return out, children, err
}

// leavingPort checks that the type declares the port.
func leavingPort(p *compiled, n *plan.Node, port string) (string, error) {
	declared := n.Type.OutputPorts(p.Workflow.Nodes[n.Index].Params)
	if port == "" && len(declared) > 0 {
		return declared[0], nil
	}
	for _, d := range declared {
		if d == port || d == "*" {
			return port, nil
		}
	}
	return "", &flow.Problem{Code: "invalid_port", Message: fmt.Sprintf("node type %s left by port %q, which it does not declare (%s)", n.Type.Name, port, strings.Join(declared, ", ")), Permanent: true}
}

// valueOf gives the output. What only passes through is stored as a reference.
func (e *Engine) valueOf(s *flow.Step, o node.Outcome) (flow.Value, error) {
	if o.PassResume {
		if s.Resumed == nil || s.Status == flow.StepSuspended { // woken by time, which brings nothing
			return flow.Value{Raw: json.RawMessage("null")}, nil
		}
		return flow.Value{Same: flow.ResumeRef(s.ID)}, nil
	}
	if o.PassInput {
		for _, v := range slices.Backward(s.Inputs) {
			if v.Port == flow.PortMain {
				return flow.Value{Same: v.Ref}, nil
			}
		}
		return flow.Value{Raw: json.RawMessage("null")}, nil
	}
	raw, err := encode(o.Output)
	if err != nil {
		return flow.Value{}, &flow.Problem{Code: "invalid_output", Message: "the output is not JSON: " + err.Error(), Permanent: true}
	}
	if p := tooLarge("the output", raw, e.limits.Payload); p != nil {
		return flow.Value{}, p
	}
	return flow.Value{Raw: raw}, nil
}

// encode gives the JSON of what a node brought. What claims to be JSON already is looked at: in a record it could never be read.
func encode(v any) (json.RawMessage, error) {
	raw, err := flow.Encode(v)
	if _, claims := v.(json.RawMessage); claims && !json.Valid(raw) {
		return nil, errors.New("it is given as JSON and is none")
	}
	return raw, err
}

func (e *Engine) stateOf(state map[string]any) (map[string]json.RawMessage, error) {
	var out map[string]json.RawMessage
	for k, v := range state {
		raw, err := encode(v)
		if err != nil {
			return nil, &flow.Problem{Code: "invalid_state", Message: "state key " + k + " is not JSON: " + err.Error(), Permanent: true}
		}
		if p := tooLarge("state key "+flow.Cut(k, 64), raw, e.limits.Payload); p != nil {
			return nil, p
		}
		if out == nil {
			out = map[string]json.RawMessage{}
		}
		if v == nil {
			raw = nil
		}
		out[k] = raw
	}
	return out, nil
}

// checkContext refuses what cannot be stored in the context of a node: once the step has ended nobody could be told.
func (e *Engine) checkContext(ctx context.Context, j *job, set map[string]any) error {
	if len(set) == 0 {
		return nil
	}
	if err := e.loadContext(ctx, j); err != nil {
		return errAway{err}
	}
	raw, err := newScope(j.plan, j.x, nil).merged(j.node.Index, set)
	if err != nil {
		return &flow.Problem{Code: "invalid_context", Message: "the context is not JSON: " + err.Error(), Permanent: true}
	}
	if p := tooLarge("the context of the node", raw, e.limits.Payload); p != nil {
		return p
	}
	return nil
}

// loadContext makes up for what a step lacks that was carried on.
func (e *Engine) loadContext(ctx context.Context, j *job) error {
	ref := flow.ContextRef(j.node.Index)
	if !j.x.Lacks(ref) {
		return nil
	}
	j.x.Values[ref] = nil
	if j.x.Nodes[j.node.Index].Runs <= 1 {
		return nil // nobody set it before
	}
	x, err := e.store.Load(ctx, j.x.ID, flow.Want{Values: []flow.Ref{ref}})
	if err == nil {
		j.x.Values[ref] = x.Values[ref]
	}
	return err
}

// fan turns the parts that a node asks for into what is stored.
func (e *Engine) fan(p *compiled, n *plan.Node, f *node.Fan) (*fan, error) {
	if len(f.Items) > e.limits.Items {
		return nil, &flow.Problem{Code: "too_many_items", Permanent: true, Message: fmt.Sprintf("there are %d items; the limit is %d (limits.items)", len(f.Items), e.limits.Items)}
	}
	out := &fan{width: min(cmp.Or(f.Width, maxWidth), maxWidth), need: f.Need, emit: f.Emit, port: f.Port, lenient: f.Lenient, discard: f.Discard}
	for _, port := range []string{f.Emit, f.Port} {
		if port == "" {
			continue
		}
		if _, err := leavingPort(p, n, port); err != nil {
			return nil, err
		}
	}
	for i, item := range f.Items {
		raw, err := encode(item)
		if err != nil {
			return nil, &flow.Problem{Code: "invalid_output", Message: fmt.Sprintf("item %d is not JSON: %v", i, err), Permanent: true}
		}
		if p := tooLarge(fmt.Sprintf("item %d", i), raw, e.limits.Payload); p != nil {
			return nil, p
		}
		out.items = append(out.items, raw)
	}
	return out, nil
}

// maxResults bounds the results of the parts of one step together, in bytes: whoever reads them has them all at once.
const maxResults = 16 << 20

// maxWidth bounds how many parts of one fan live at a time: they stand in the front, which every commit writes.
const maxWidth = 1000

// replyOf gives the reply in stored form; nil = none.
func (e *Engine) replyOf(reply any) (json.RawMessage, error) {
	if reply == nil {
		return nil, nil
	}
	raw, err := encode(reply)
	if err != nil {
		return nil, &flow.Problem{Code: "invalid_reply", Message: "the reply is not JSON: " + err.Error(), Permanent: true}
	}
	if p := tooLarge("the reply", raw, e.limits.Payload); p != nil {
		return nil, p
	}
	return raw, nil
}
