package engine

import (
	"context"
	"log/slog"
	"maps"

	"prana/engine/eval"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
)

// call prepares what the node is given.
func (e *Engine) call(j *job) (*node.Call, error) {
	n, x := j.node, j.x
	sc := j.scope()
	env, inputs, err := e.env(j, sc)
	if err != nil {
		return nil, err
	}
	params, err := n.Params(env)
	if err != nil {
		return nil, err
	}
	lazyText(params, n, j.plan.Workflow.Nodes[n.Index].Params)
	c := &node.Call{
		Execution: x.ID, Workflow: x.Workflow, Node: n.Key, Run: j.Step.Run, Attempt: j.attempt, Key: idempotencyKey(x.ID, j.Step),
		Params: params, Input: inputs[flow.PortMain], Inputs: inputs, Now: x.Now,
		Logger: slog.New(stepLog{e.log.Handler(), []slog.Attr{slog.String("execution", x.ID), slog.String("workflow", x.Workflow), slog.String("node", n.Key)}}),
		Eval: func(field string, extra map[string]any) (any, error) {
			return n.EvalLazy(field, with(env, extra))
		},
	}
	if c.Part, err = partOf(sc, j.step); err != nil {
		return nil, err
	}
	c.Resume, err = resumeOf(sc, j.step, j.woke)
	return c, err
}

// stepLog adds to each record of which step it is. Most steps log nothing, so that nothing is prepared.
type stepLog struct {
	slog.Handler
	attrs []slog.Attr
}

// Handle writes a record.
func (h stepLog) Handle(ctx context.Context, r slog.Record) error {
	return h.Handler.WithAttrs(h.attrs).Handle(ctx, r)
}

// WithAttrs is what With does.
func (h stepLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.Handler.WithAttrs(h.attrs).WithAttrs(attrs)
}

// WithGroup begins a group, in which the step's own attributes do not belong.
func (h stepLog) WithGroup(name string) slog.Handler {
	return h.Handler.WithAttrs(h.attrs).WithGroup(name)
}

// partOf tells a node which part of a step of its it runs; nil = the step itself.
func partOf(sc *scope, s *flow.Step) (*node.Part, error) {
	if s.Of == nil {
		return nil, nil
	}
	item, err := sc.value(flow.ItemRef(s.Of.Owner, s.Of.Index))
	return &node.Part{Index: s.Of.Index, Item: item}, err
}

// scope is where the values stand that the expressions of the step see.
func (j *job) scope() *scope {
	sc := newScope(j.plan, j.x, nil)
	sc.around = partsAround(j.x, j.step.Part)
	return sc
}

// env is what the expressions of a step see, and what arrived at it. Where no expression reads anything there is nothing to be seen.
func (e *Engine) env(j *job, sc *scope) (eval.Env, map[string]any, error) {
	inputs, err := sc.inputs(j.step)
	if err != nil || !j.node.Needs.Any {
		return nil, inputs, err
	}
	env := sc.stepEnv(j.step, inputs, j.attempt)
	e.outside(env, j.node)
	if ex, ok := env["execution"].(map[string]any); ok {
		e.links(ex, j, sc)
	}
	return env, inputs, nil
}

// lazyText gives a node its lazy fields as they are written, to show them.
func lazyText(params map[string]any, n *plan.Node, raw map[string]any) {
	for _, f := range n.Type.Fields {
		if v, ok := raw[f.Name]; ok && f.Lazy {
			params[f.Name] = v
		}
	}
}

// with adds roots to an environment.
func with(env eval.Env, extra map[string]any) eval.Env {
	all := make(eval.Env, len(env)+len(extra))
	maps.Copy(all, env)
	maps.Copy(all, extra)
	return all
}

// idempotencyKey is the same on every attempt and redelivery of a step.
func idempotencyKey(execution string, id flow.StepID) string {
	return execution + "-" + id.String()
}

// outside adds what expressions may read of the process.
func (e *Engine) outside(env eval.Env, n *plan.Node) {
	vars, secrets := map[string]any{}, map[string]any{}
	for _, name := range n.Needs.Env {
		if e.cfg.Env != nil {
			vars[name] = e.cfg.Env(name)
		}
	}
	for _, name := range n.Needs.Secrets {
		if e.cfg.Secrets == nil {
			continue
		}
		if v, ok := e.cfg.Secrets(name); ok {
			secrets[name] = v
		}
	}
	env["env"], env["secrets"] = vars, secrets
}

// resumeOf tells the node how its wait ended; nil on the first turn of an attempt.
func resumeOf(sc *scope, s *flow.Step, woke string) (*node.Resume, error) {
	if woke != "" {
		if holdsBack(sc.x, s.Wait) {
			return nil, nil
		}
		return &node.Resume{By: woke, Wait: s.Wait.Data, Since: s.Wait.Since, Children: s.Children}, nil
	}
	if s.Resumed == nil {
		return nil, nil
	}
	data, err := sc.value(flow.ResumeRef(s.ID))
	if err != nil {
		return nil, err
	}
	return &node.Resume{By: s.Resumed.By, Actor: s.Resumed.Actor, At: s.Resumed.At, Data: data, Error: s.Resumed.Error, Wait: s.Resumed.Wait, Since: s.Resumed.Since, Children: s.Children}, nil
}
