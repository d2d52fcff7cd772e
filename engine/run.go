package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"time"

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
		if away := (errAway{}); errors.As(err, &away) {
			endSpan(err)
			return wrap("finding what a step starts in", x.ID, err)
		}
		f.err, f.retryable = problemOf(runCtx, n, err), retryable(err, x, s, woke)
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

// errAway marks that the store could not be reached beside the node: no failure of the node's, the step is run again.
type errAway struct{ error }

func (e errAway) Unwrap() error { return e.error }

// errExpression marks failures before the node was called: they are never retried.
type errBefore struct{ error }

func (e errBefore) Unwrap() error { return e.error }

// retryable tells whether a failure came from the action itself, on its first turn.
func retryable(err error, x *flow.Execution, s *flow.Step, woke string) bool {
	var before errBefore
	first := woke == "" && s.Resumed == nil || woke != "" && holdsBack(x, s.Wait)
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
