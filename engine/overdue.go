package engine

import (
	"context"
	"time"

	"prana/engine/flow"
)

// Times and bounds of events whose publisher died.
const (
	// overdueBatch bounds how many of them one look takes.
	overdueBatch = 16
	// overdueLease hides what one process took from the others. Each further batch of waits renews it.
	overdueLease = 10 * time.Second
	// overdueAtLeast is how often every process looks, in every rendezvous slot.
	overdueAtLeast = 15 * time.Second
)

// publishLoop publishes on what others left, until ctx is done.
func (e *Engine) publishLoop(ctx context.Context) {
	e.keepLooking(ctx, watch{look: e.PublishOverdue, failed: "looking for events that nobody publishes on failed; it goes on", atLeast: overdueAtLeast})
}

// PublishOverdue looks once for events whose publisher died in the middle, and publishes them on: with the same event, to
// whoever did not take it yet. next is the time until there may be more; negative when nothing is being published.
func (e *Engine) PublishOverdue(ctx context.Context) (next time.Duration, err error) {
	overdue, next, err := e.store.OverdueEvents(ctx, overdueBatch, overdueLease)
	if err != nil || len(overdue) == 0 {
		return next, err
	}
	_ = each(sweepers, overdue, func(ev flow.Event) error { // what fails comes up again after the lease
		r, err := e.offer(context.WithoutCancel(ctx), ev)
		if err != nil {
			e.log.WarnContext(ctx, "an event that its publisher left was not published to the end; it is tried again", "event", ev.ID, "event_type", ev.Type, "error", err)
			return nil
		}
		e.log.InfoContext(ctx, "an event that its publisher left was published to the end", "event", ev.ID, "event_type", ev.Type, "matched", r.Matched)
		return nil
	})
	return 0, nil
}
