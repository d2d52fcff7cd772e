package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"time"

	"prana/engine/eval"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/engine/telemetry"
)

// RunStep does what a task asks for: it runs a step, if the step still carries
// the task's token, and stores what follows. nil means that the task is settled, also
// when there was nothing to do for it; an error, that it should be brought again soon.
func (e *Engine) RunStep(ctx context.Context, d flow.Dispatch) error {
	p, x, err := e.loadStep(ctx, d)
	if isNotFound(err) {
		return nil // purged, or rewound with the store: nobody asks for it any more
	}
	if err != nil {
		return wrap("running a step of", d.Execution, err)
	}
	s := x.Steps[d.Step]
	woke, ok := runnable(x, s, d.Token)
	if !ok {
		return nil
	}
	if c := x.Claims[d.Step]; c != "" && !strings.HasPrefix(c, lookNote) {
		return nil // another process runs it; if that one dies, the sweeper finds out
	}
	if s.Deaths >= suspectDeaths {
		return e.runSuspect(ctx, d)
	}
	return e.runStep(ctx, p, x, s, woke, d)
}

// runSuspect runs a step that workers died of, one such step at a time, if it is
// still wanted when its turn comes.
func (e *Engine) runSuspect(ctx context.Context, d flow.Dispatch) error {
	select {
	case e.suspect <- struct{}{}:
		defer func() { <-e.suspect }()
	case <-ctx.Done():
		return ctx.Err()
	}
	p, x, err := e.loadStep(ctx, d)
	if err != nil {
		return wrap("running a step of", d.Execution, err)
	}
	s := x.Steps[d.Step]
	woke, ok := runnable(x, s, d.Token)
	if !ok {
		return nil
	}
	return e.runStep(ctx, p, x, s, woke, d)
}

// loadStep reads what the step needs before it runs.
func (e *Engine) loadStep(ctx context.Context, d flow.Dispatch) (*compiled, *flow.Execution, error) {
	id, version, _ := strings.Cut(d.Workflow, "@")
	p, err := e.planFor(ctx, id, version)
	if err != nil {
		return nil, nil, err
	}
	if d.Step.Node >= len(p.Nodes) {
		return nil, nil, flow.NotFound("step", d.Step.String())
	}
	x, err := e.store.Load(ctx, d.Execution, wantsToRun(p, d.Step))
	return p, x, err
}

func wantsToRun(p *compiled, id flow.StepID) flow.Want {
	n := p.Nodes[id.Node].Needs
	w := flow.Want{Steps: []flow.StepID{id}, Inputs: true, Outputs: n.Outputs, Records: n.Records, Input: n.Trigger, State: n.State}
	return w.And(p.after(id.Node))
}

// runnable tells whether a task with this token may run the step now, and what woke
// it when time ended its wait.
func runnable(x *flow.Execution, s *flow.Step, token string) (woke string, ok bool) {
	switch {
	case s == nil || s.Token != token || x.Status.Terminal() || x.Status == flow.Quarantined:
		return "", false
	case s.Status == flow.StepPending:
		return "", true
	case s.Status != flow.StepSuspended || s.Wait == nil || s.Wait.Due.IsZero() || s.Wait.Due.After(x.Now):
		return "", false // an alarm that rang early, or for a wait that is over
	case s.Wait.Timer:
		return flow.ByTimer, true
	}
	return flow.ByTimeout, true
}

// runStep runs the node and has its outcome judged.
func (e *Engine) runStep(ctx context.Context, p *compiled, x *flow.Execution, s *flow.Step, woke string, d flow.Dispatch) error {
	n := p.Nodes[s.ID.Node]
	attempt := s.Attempt
	if woke != "" && s.Wait.Type == flow.Retry {
		attempt++
	}
	ctx, endSpan := telemetry.StartStep(ctx, telemetry.Step{
		Execution: x.ID, Workflow: x.Workflow, Version: x.Version, Node: n.Key, NodeType: n.Type.Name,
		Run: s.ID.Run, Attempt: attempt, Kind: d.Kind, Root: x.Trace, Previous: s.Trace,
	})
	runCtx, r, stop := e.running.start(ctx, d, attemptTimeout(n))
	defer stop()
	if s.Deaths >= suspectDeaths {
		e.claim(ctx, []*run{r}) // so that its death is counted, and only its own
	}
	e.noticeStarting(ctx, p, x, s, attempt)
	began := time.Now()
	f := stepEnded{step: s.ID, token: d.Token, woke: woke, random: rand.Float64()}
	out, children, err := e.invoke(runCtx, p, x, s, woke, attempt)
	f.ran, f.span, f.out = time.Since(began), telemetry.Inject(ctx), out
	if f.span == nil {
		f.span = s.Trace
	}
	if err != nil {
		if cause := context.Cause(runCtx); stopped(ctx, cause) {
			endSpan(cause)
			return fmt.Errorf("step %s of execution %s was stopped: %w", s.ID, x.ID, cause)
		}
		f.err, f.retryable = problemOf(runCtx, n, err), retryable(err, s, woke)
		children = nil
	}
	failed := err
	err = e.apply(ctx, x.ID, p, x, f, children...)
	endSpan(failed)
	if errors.Is(err, errFenced) {
		e.cfg.Counters.Fenced(ctx)
		e.log.InfoContext(ctx, "a late result was refused", "execution", x.ID, "node", n.Key, "step", s.ID.String())
		return nil
	}
	return wrap("storing a step of", x.ID, err)
}

func attemptTimeout(n *plan.Node) time.Duration {
	if n.Timeout > 0 {
		return n.Timeout
	}
	return node.DefaultTimeout
}

// stopped tells whether the attempt was broken off by us, so that it never counts.
func stopped(ctx context.Context, cause error) bool {
	return ctx.Err() != nil || errors.Is(cause, errLost)
}

// errExpression marks failures before the node was called: they are never retried.
type errBefore struct{ error }

func (e errBefore) Unwrap() error { return e.error }

// retryable tells whether a failure came from the action itself, on its first turn.
func retryable(err error, s *flow.Step, woke string) bool {
	var before errBefore
	first := s.Resumed == nil && (woke == "" || s.Wait.Type == flow.Retry || s.Wait.Type == flow.TimedWait && s.Turn == 1 && s.StartedAt.IsZero())
	return first && !errors.As(err, &before)
}

// problemOf gives a failure its stored form; an attempt that ran out of its time says so.
func problemOf(ctx context.Context, n *plan.Node, err error) *flow.Problem {
	if errors.Is(context.Cause(ctx), errAttemptTime) {
		return flow.Problemf("timeout", "the attempt took longer than %s", attemptTimeout(n))
	}
	p := *flow.AsProblem(err)
	p.Message = flow.Cut(p.Message, 4096)
	return &p
}

// invoke evaluates the parameters and calls the node. Panics become problems.
func (e *Engine) invoke(ctx context.Context, p *compiled, x *flow.Execution, s *flow.Step, woke string, attempt int) (out outcome, children []*flow.Change, err error) {
	call, err := e.call(p, x, s, woke, attempt)
	if err != nil {
		return outcome{}, nil, errBefore{err}
	}
	n := p.Nodes[s.ID.Node]
	o, err := safely(ctx, n, call)
	if err != nil {
		return outcome{}, nil, err
	}
	return e.outcome(ctx, p, x, s, o)
}

// safely calls the node, so that its panic is only its own failure.
func safely(ctx context.Context, n *plan.Node, call *node.Call) (o node.Outcome, err error) {
	defer func() {
		if r := recover(); r != nil {
			call.Logger.ErrorContext(ctx, "a node panicked", "node", n.Key, "panic", r, "stack", string(debug.Stack()))
			err = &flow.Problem{Code: "panic", Message: flow.Cut(fmt.Sprintf("node type %s panicked: %v", n.Type.Name, r), 512)}
		}
	}()
	return n.Type.Run(ctx, call)
}

// call prepares what the node is given.
func (e *Engine) call(p *compiled, x *flow.Execution, s *flow.Step, woke string, attempt int) (*node.Call, error) {
	sc := newScope(p, x, nil)
	inputs, err := sc.inputs(s)
	if err != nil {
		return nil, err
	}
	n := p.Nodes[s.ID.Node]
	env := sc.stepEnv(s, inputs, attempt)
	e.outside(env, n)
	params, err := n.Params(env)
	if err != nil {
		return nil, err
	}
	lazyText(params, n, p.Workflow.Nodes[n.Index].Params)
	c := &node.Call{
		Execution: x.ID, Workflow: x.Workflow, Node: n.Key, Run: s.ID.Run, Attempt: attempt, Key: idempotencyKey(x.ID, s.ID),
		Params: params, Input: inputs[flow.PortMain], Inputs: inputs, Now: x.Now,
		Logger: e.log.With("execution", x.ID, "workflow", x.Workflow, "node", n.Key),
		Eval: func(field string, extra map[string]any) (any, error) {
			return n.EvalLazy(field, with(env, extra))
		},
	}
	c.Resume, err = resumeOf(sc, s, woke)
	return c, err
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
	all := maps.Clone(env)
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
		if s.Wait.Type == flow.Retry {
			return nil, nil
		}
		return &node.Resume{By: woke, Wait: s.Wait.Data, Since: s.Wait.Since}, nil
	}
	if s.Resumed == nil {
		return nil, nil
	}
	data, err := sc.value(flow.ResumeRef(s.ID))
	if err != nil {
		return nil, err
	}
	return &node.Resume{By: s.Resumed.By, Data: data, Error: s.Resumed.Error, Wait: s.Resumed.Wait, Since: s.Resumed.Since}, nil
}

// outcome turns what a node gave into what is stored, within its bounds.
func (e *Engine) outcome(ctx context.Context, p *compiled, x *flow.Execution, s *flow.Step, o node.Outcome) (outcome, []*flow.Change, error) {
	n := p.Nodes[s.ID.Node]
	children, ids, err := e.bear(ctx, x, s, o)
	if err != nil {
		return outcome{}, nil, err
	}
	out := outcome{children: ids}
	if o.Suspend != nil {
		out.wait, err = e.wait(o, ids)
		return out, children, err
	}
	if o.Output == nil && len(ids) == 1 {
		o.Output = map[string]any{"execution_id": ids[0]}
	}
	if out.port, err = leavingPort(p, n, o.Port); err != nil {
		return outcome{}, nil, err
	}
	out.timeout = o.Timeout
	if out.state, err = e.stateOf(o.State); err != nil {
		return outcome{}, nil, err
	}
	out.value, err = e.valueOf(s, o)
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
	if o.PassResume && s.Resumed != nil {
		return flow.Value{Same: flow.ResumeRef(s.ID)}, nil
	}
	if o.PassInput {
		for i := len(s.Inputs) - 1; i >= 0; i-- {
			if s.Inputs[i].Port == flow.PortMain {
				return flow.Value{Same: s.Inputs[i].Ref}, nil
			}
		}
		return flow.Value{Raw: json.RawMessage("null")}, nil
	}
	raw, err := flow.Encode(o.Output)
	if err != nil {
		return flow.Value{}, &flow.Problem{Code: "invalid_output", Message: "the output is not JSON: " + err.Error(), Permanent: true}
	}
	if p := tooLarge("the output", raw, e.limits.Payload); p != nil {
		return flow.Value{}, p
	}
	return flow.Value{Raw: raw}, nil
}

func (e *Engine) stateOf(state map[string]any) (map[string]json.RawMessage, error) {
	var out map[string]json.RawMessage
	for k, v := range state {
		raw, err := flow.Encode(v)
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

// wait turns what a node asks for into what is stored.
func (e *Engine) wait(o node.Outcome, children []string) (*flow.Wait, error) {
	sp := o.Suspend
	data, err := flow.Encode(sp.Data)
	if err != nil {
		return nil, &flow.Problem{Code: "invalid_suspension", Message: "the data of the suspension is not JSON: " + err.Error(), Permanent: true}
	}
	if p := tooLarge("the data of the suspension", data, e.limits.Payload); p != nil {
		return nil, p
	}
	if sp.Event != nil {
		if _, empty := sp.Event.Filter[""]; empty || sp.Event.Type == "" {
			return nil, &flow.Problem{Code: "invalid_suspension", Message: "the wait names no event type, or its filter has an empty path", Permanent: true}
		}
	}
	w := &flow.Wait{Type: orElse(sp.Type, flow.CustomWait), Data: data, Timer: sp.Timer, In: sp.In, Until: sp.Until, Event: sp.Event}
	if len(children) > 0 {
		w.Child = children[0]
		w.Held = o.Start[0].Mode == node.Sync
	}
	return w, nil
}
