package engine

import (
	"context"
	"fmt"
	"slices"

	"prana/engine/flow"
)

// verdict is what the match of a wait says of an event that passed its type and filter.
type verdict struct {
	x     *flow.Execution // as it was seen; nil = the wait is over
	wants bool
	// err says why it could not be evaluated, which declines the event.
	err error
}

// judgeEvent evaluates the match of a wait in the scope of its step.
func (e *Engine) judgeEvent(ctx context.Context, p *compiled, w flow.SuspensionID, ev flow.Event) (verdict, error) {
	j, err := e.waitingJob(ctx, p, w)
	if err != nil || j == nil {
		return verdict{}, err
	}
	wants, err := e.matches(j, ev)
	return verdict{x: j.x, wants: wants, err: err}, nil
}

// waitingJob loads a step that waits, with what its match reads; nil = the wait is over.
func (e *Engine) waitingJob(ctx context.Context, p *compiled, w flow.SuspensionID) (*job, error) {
	d := flow.Dispatch{Execution: w.Execution, Step: w.Step, Workflow: p.ref}
	_, x, err := e.loadStep(ctx, d)
	if err != nil || !waits(x, w) {
		return nil, err
	}
	return e.jobOf(ctx, d, p, x, "", 0)
}

// wanted drops the kept events that the match of a wait declines, which is loaded once for all of them.
func (e *Engine) wanted(ctx context.Context, w flow.SuspensionID, sub *flow.Subscription, kept []flow.KeptEvent) ([]flow.KeptEvent, error) {
	if sub.Match == "" || len(kept) == 0 {
		return kept, nil
	}
	x, err := e.store.Load(ctx, w.Execution, flow.Want{})
	if err != nil {
		return nil, err
	}
	p, err := e.planFor(ctx, x.Workflow, x.Version)
	if err != nil {
		return nil, err
	}
	j, err := e.waitingJob(ctx, p, w)
	if err != nil || j == nil {
		return nil, err
	}
	return slices.DeleteFunc(kept, func(k flow.KeptEvent) bool {
		ok, err := e.matches(j, k.Event)
		e.logDeclined(ctx, w, k.Event, err)
		return !ok
	}), nil
}

// logDeclined tells of an event that was declined because its match could not be evaluated.
func (e *Engine) logDeclined(ctx context.Context, w flow.SuspensionID, ev flow.Event, err error) {
	if err != nil {
		e.log.WarnContext(ctx, "the match of a wait could not be evaluated; the event is declined", "event", ev.ID, "suspension", w.String(), "error", err)
	}
}

// matches evaluates the match of a step that waits.
func (e *Engine) matches(j *job, ev flow.Event) (bool, error) {
	env, _, err := e.env(j, j.scope())
	if err != nil {
		return false, err
	}
	data, err := flow.Decode(ev.Data)
	if err != nil {
		return false, err
	}
	event := map[string]any{"id": ev.ID, "type": ev.Type, "data": data}
	v, err := j.node.EvalLazy(j.step.Wait.Event.Match, with(env, map[string]any{"event": event}))
	if err != nil {
		return false, err
	}
	wants, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("parameter %s gave %T, and must give true or false", j.step.Wait.Event.Match, v)
	}
	return wants, nil
}
