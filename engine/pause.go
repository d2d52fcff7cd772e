package engine

import (
	"context"

	"prana/engine/flow"
)

// Pause keeps an execution from going on: what runs comes to its end and is stored, but nothing begins. Waits end as before, by
// events, by hand and by children, and what follows from them is held; so is a timer whose time comes. The time of the whole
// execution stands still. It keeps the places of its concurrency keys. Its children go on. Pausing one that is paused
// changes nothing. flow.ErrConflict when it is ending, over, or in quarantine.
func (e *Engine) Pause(ctx context.Context, r flow.PauseRequest) error {
	if err := checkActor(r.By); err != nil {
		return err
	}
	return e.applyTo(ctx, r.Execution, paused{by: r.By, reason: flow.Cut(r.Reason, 1024)})
}

// Unpause lets an execution go on that was paused: what was held begins, and timers whose time came fire at once. One that is not
// paused goes on as it did. flow.ErrConflict when it is ending, over, or in quarantine.
func (e *Engine) Unpause(ctx context.Context, r flow.PauseRequest) error {
	return e.applyTo(ctx, r.Execution, unpaused{})
}

// applyTo has a fact judged about an execution of which nothing is known yet.
func (e *Engine) applyTo(ctx context.Context, id string, f Fact) error {
	x, err := e.store.Load(ctx, id, flow.Want{})
	if err != nil {
		return err
	}
	p, err := e.planFor(ctx, x.Workflow, x.Version)
	if err != nil {
		return err
	}
	return e.apply(ctx, id, p, nil, f)
}

// paused: somebody keeps the execution from going on.
type paused struct{ by, reason string }

// unpaused: somebody lets it go on.
type unpaused struct{}

func (paused) wants(*compiled) flow.Want   { return flow.Want{} }
func (unpaused) wants(*compiled) flow.Want { return flow.Want{All: true} }

// done is for facts that are refused once they are stored. These are not: a repetition changes nothing.
func (paused) done(*flow.Execution, []string) bool   { return false }
func (unpaused) done(*flow.Execution, []string) bool { return false }

func (f paused) apply(t *transition) error {
	switch t.x.Status {
	case flow.Paused:
		return nil
	case flow.Pending, flow.Running, flow.Suspended:
	default:
		return t.cannotPause("paused")
	}
	t.x.Pause = &flow.Pause{Since: t.x.Now, By: f.by, Reason: f.reason, Planned: t.x.Status == flow.Pending}
	t.x.Status = flow.Paused
	t.recordReason(flow.ExecutionPaused, f.reason)
	return nil
}

func (f unpaused) apply(t *transition) error {
	switch t.x.Status {
	case flow.Paused:
	case flow.Pending, flow.Running, flow.Suspended:
		return nil
	default:
		return t.cannotPause("unpaused")
	}
	if !t.x.Whole {
		return errNeedAll
	}
	p := t.x.Pause
	t.x.Pause = nil
	t.x.Stood += max(0, t.x.Now.Sub(p.Since))
	t.ch.Deadline = t.x.Deadline()
	t.x.Status = flow.Running
	if p.Planned {
		t.x.Status = flow.Pending
	}
	t.record(flow.ExecutionUnpaused, nil)
	for _, s := range t.liveSteps() {
		if s.Token == "" && s.Status.Live() {
			s.Token = flow.NewToken()
			t.dispatch(s, kindOf(s))
		}
	}
	return t.settle()
}

func (t *transition) cannotPause(what string) *flow.Problem {
	p := flow.Problemf(flow.ErrConflict.Code, "execution %s is %s and cannot be %s", t.x.ID, t.x.Status, what)
	p.Details = map[string]any{"execution_status": string(t.x.Status)}
	return p
}
