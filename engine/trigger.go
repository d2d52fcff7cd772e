package engine

import (
	"context"
	"fmt"

	"prana/engine/eval"
	"prana/engine/flow"
)

// Startable tells why this process cannot start the newest version of a workflow, whatever the input; nil when it can.
func (e *Engine) Startable(ctx context.Context, workflow string) error {
	_, err := e.planFor(ctx, workflow, "")
	return err
}

// Trigger tells how the newest version of a workflow wants to be started, or flow.ErrNotFound. Nothing is
// started yet: the expressions of the trigger, lazy ones too, see $env, $secrets and $vars, and nothing else.
func (e *Engine) Trigger(ctx context.Context, workflow string) (flow.Trigger, error) {
	p, err := e.planFor(ctx, workflow, "")
	if err != nil {
		return flow.Trigger{}, err
	}
	n := p.Nodes[p.Start]
	env := eval.Env{"vars": p.Workflow.Variables}
	e.outside(env, n)
	params, err := n.Params(env)
	for name := range p.Workflow.Nodes[p.Start].Params {
		if _, done := params[name]; err == nil && !done {
			params[name], err = n.EvalLazy(name, env)
		}
	}
	if err != nil {
		return flow.Trigger{}, fmt.Errorf("evaluating the trigger of workflow %s: %w", p.ref, err)
	}
	return flow.Trigger{Version: p.Version, Type: n.Type.Name, Params: params}, nil
}
