package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"prana/engine/flow"
)

// Bounds of waiting for a place.
const (
	// holdersAtOnce is how many holders of a key one that waits looks at each time.
	holdersAtOnce = 10
	// askAtMost is the longest time after which one that waits asks again; the shortest is flow.LookDue.
	askAtMost = time.Minute
)

// askAgain asks once more for the place that a wait waits for, now that the wait is
// stored: who gave it the place before could not wake it.
func (e *Engine) askAgain(ctx context.Context, id flow.SuspensionID) {
	p, x, err := e.holder(ctx, flow.Holder{Execution: id.Execution, Step: id.Step})
	if err == nil {
		if s := x.Steps[id.Step]; asleep(s) && s.Turn == id.Turn {
			err = e.ask(ctx, p, x, s)
		}
	}
	if err != nil && !isNotFound(err) {
		e.log.WarnContext(ctx, "asking for a place failed; the sweeper does it again", "execution", id.Execution, "step", id.Step.String(), "error", err)
	}
}

// holder loads the steps that may wait for the place of a holder: of a whole execution, all.
func (e *Engine) holder(ctx context.Context, h flow.Holder) (*compiled, *flow.Execution, error) {
	want := flow.Want{Steps: []flow.StepID{h.Step}}
	if h.Whole {
		want = flow.Want{All: true}
	}
	x, err := e.store.Load(ctx, h.Execution, want)
	if err != nil {
		return nil, nil, err
	}
	p, err := e.planFor(ctx, x.Workflow, x.Version)
	return p, x, err
}

// asleep tells whether a step waits for a place.
func asleep(s *flow.Step) bool {
	return s != nil && s.Status == flow.StepSuspended && s.Wait != nil && s.Wait.Type == flow.Concurrency
}

// ask tries once to get the place that a step waits for, and wakes whoever has one now.
func (e *Engine) ask(ctx context.Context, p *compiled, x *flow.Execution, s *flow.Step) error {
	want := p.awaited(x, s)
	position, promoted, err := e.store.Acquire(ctx, want.key, want.holder, want.limit)
	if err != nil {
		return err
	}
	if position == 0 {
		promoted = append(promoted, want.holder)
	}
	return e.wakeAll(ctx, want.key, promoted)
}

// queued asks again for a place whose wait came up. One holder that cannot be read must not keep it from asking again.
func (e *Engine) queued(ctx context.Context, entry flow.DueEntry, p *compiled, x *flow.Execution, s *flow.Step) error {
	err := errors.Join(e.ask(ctx, p, x, s), e.examine(ctx, p.awaited(x, s).key))
	if errors.Is(err, flow.ErrUnavailable) {
		return err
	}
	if err != nil {
		e.log.ErrorContext(ctx, "who holds a place cannot be found out; it is tried again", "execution", x.ID, "step", s.ID.String(), "error", err)
	}
	waited := x.Now.Sub(s.Wait.Since) // so the time between two looks doubles
	return e.store.Settle(ctx, entry, min(max(waited, flow.LookDue), askAtMost), "")
}

// examine sees that no place is lost with its holder: it looks at some of them, at random, and has
// those give up their place that are over.
func (e *Engine) examine(ctx context.Context, key string) error {
	holders, err := e.store.Holders(ctx, key, holdersAtOnce)
	if err != nil {
		return err
	}
	return e.wakeAll(ctx, key, holders)
}

// wakeLater sees to holders beside the caller.
func (e *Engine) wakeLater(ctx context.Context, key string, holders []flow.Holder) {
	if len(holders) == 0 {
		return
	}
	ctx = context.WithoutCancel(ctx)
	e.background(func() {
		if err := e.wakeAll(ctx, key, holders); err != nil {
			e.log.WarnContext(ctx, "holders of a place were not woken; they ask for it themselves", "error", err)
		}
	})
}

// wakeAll wakes those holders of a place that sleep still, each of which must have its place. From those that are over it
// takes the place, and sees to who gets it next.
func (e *Engine) wakeAll(ctx context.Context, key string, holders []flow.Holder) error {
	var errs []error
	for len(holders) > 0 {
		next, err := e.wakeHolder(ctx, key, holders[0])
		holders = append(holders[1:], next...)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (e *Engine) wakeHolder(ctx context.Context, key string, h flow.Holder) ([]flow.Holder, error) {
	p, x, err := e.holder(ctx, h)
	if err != nil && !isNotFound(err) {
		return nil, fmt.Errorf("waking %s: %w", h, err)
	}
	if err != nil || lost(x, h, key) {
		return e.store.Release(ctx, key, h)
	}
	var errs []error
	for _, id := range sortedSteps(x.Steps) {
		s := x.Steps[id]
		if !asleep(s) || p.awaited(x, s).holder != h {
			continue
		}
		wait := flow.SuspensionID{Execution: x.ID, Step: id, Turn: s.Turn}
		err := e.apply(ctx, x.ID, p, nil, waitEnded{wait: wait, by: flow.ByPlace})
		if !errors.Is(err, flow.ErrConflict) { // it moved on: who ended it gives up its place
			errs = append(errs, err)
		}
	}
	return nil, errors.Join(errs...)
}

// leave takes the place from a holder that is over, and wakes who has it now. One that lives keeps its place, or its place in
// the queue: it was retried meanwhile, or another worker runs it.
func (e *Engine) leave(ctx context.Context, key string, h flow.Holder) error {
	x, err := e.store.Load(ctx, h.Execution, flow.Want{Steps: []flow.StepID{h.Step}})
	if err != nil && !isNotFound(err) {
		return fmt.Errorf("giving up the place of %s: %w", h, err)
	}
	if err == nil && !lost(x, h, key) {
		return nil
	}
	promoted, err := e.store.Release(ctx, key, h)
	if err != nil {
		return err
	}
	return e.wakeAll(ctx, key, promoted)
}

// lost tells whether a holder can have no use for a place of the key any more. A step that did not note its key yet may run.
func lost(x *flow.Execution, h flow.Holder, key string) bool {
	if h.Whole {
		return x.Status.Terminal() || x.Place != key
	}
	s := x.Steps[h.Step]
	over := x.Status.Terminal() || s == nil || !s.Status.Live() && s.Status != flow.StepQuarantined
	return over || s.Place != "" && s.Place != key
}

// sendRelease gives up a place, and wakes who has it now. When that fails they wake themselves after a while.
func (e *Engine) sendRelease(ctx context.Context, o flow.Outgoing) error {
	var name string
	if err := json.Unmarshal(o.Data, &name); err != nil {
		return fmt.Errorf("reading who gives up a place: %w", err)
	}
	h, err := flow.ParseHolder(name)
	if err != nil {
		return err
	}
	return e.leave(ctx, o.To, h)
}
