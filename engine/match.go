package engine

import (
	"context"
	"errors"
	"fmt"

	"prana/engine/flow"
)

// verdict is what the match of a wait says of an event that passed its type and filter.
type verdict struct {
	x     *flow.Execution // as it was seen
	wants bool
	// err says why it could not be evaluated, which declines the event.
	err error
}

// judgeEvent evaluates the match of a wait in the scope of its step.
func (e *Engine) judgeEvent(ctx context.Context, p *compiled, w flow.SuspensionID, ev flow.Event) (verdict, error) {
	d := flow.Dispatch{Execution: w.Execution, Step: w.Step, Workflow: p.ref}
	_, x, err := e.loadStep(ctx, d)
	if err != nil || !waits(x, w) {
		return verdict{x: x}, err
	}
	j, err := e.jobOf(ctx, d, p, x, "")
	if err != nil {
		return verdict{x: x}, err
	}
	wants, err := e.matches(j, ev)
	if err != nil && !errors.Is(err, flow.ErrUnavailable) {
		return verdict{x: x, err: err}, nil
	}
	return verdict{x: x, wants: wants}, err
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
