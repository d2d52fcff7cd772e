package engine

import (
	"context"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"prana/engine/flow"
)

// Bounds of publishing.
const (
	// DefaultTTL is how long an event is kept for a wait that comes later.
	DefaultTTL    = time.Hour
	maxEventType  = 128
	maxEventID    = 256
	waitersAtOnce = 100
	publishers    = 16
)

// Publish offers an event to every wait that matches it. The same id counts
// once: a repetition is answered like the first. An event that ends no wait is
// kept for its time to live, for a wait that registers later.
func (e *Engine) Publish(ctx context.Context, ev flow.Event) (flow.PublishResult, error) {
	if err := e.checkEvent(&ev); err != nil {
		return flow.PublishResult{}, err
	}
	at, known, err := e.store.RecordEvent(ctx, ev)
	if err != nil {
		return flow.PublishResult{}, fmt.Errorf("publishing event %s: %w", ev.ID, err)
	}
	if known != nil {
		known.Repeated = true
		return *known, nil
	}
	ev.At = at
	return e.offer(context.WithoutCancel(ctx), ev) // half of the waits must not be left out because the caller went away
}

// offer gives a recorded event to all waits that match it, and stores what came of that.
func (e *Engine) offer(ctx context.Context, ev flow.Event) (flow.PublishResult, error) {
	o := &offering{e: e, ev: ev, taken: map[flow.SuspensionID]bool{}}
	if err := o.toWaiting(ctx); err != nil {
		return o.result(), fmt.Errorf("publishing event %s: %w", ev.ID, err)
	}
	r, err := o.finish(ctx)
	if err != nil {
		return r, fmt.Errorf("finishing event %s: %w", ev.ID, err)
	}
	return r, nil
}

func (e *Engine) checkEvent(ev *flow.Event) error {
	switch {
	case ev.Type == "" || utf8.RuneCountInString(ev.Type) > maxEventType:
		return flow.Problemf(flow.ErrInvalid.Code, "an event needs a type of 1 to %d characters", maxEventType)
	case utf8.RuneCountInString(ev.ID) > maxEventID:
		return flow.Problemf(flow.ErrInvalid.Code, "the id of an event has at most %d characters", maxEventID)
	}
	if p := tooLarge("the event", ev.Data, e.limits.Payload); p != nil {
		return p
	}
	if _, err := flow.Decode(ev.Data); err != nil {
		return flow.Problemf(flow.ErrInvalid.Code, "the data of the event is not JSON: %v", err)
	}
	ev.Data = orNull(ev.Data)
	if ev.ID == "" {
		ev.ID = flow.NewToken() + flow.NewToken()
	}
	if ev.TTL == 0 {
		ev.TTL = DefaultTTL
	}
	return nil
}

// each calls f for every item, width of them at once, and gives the first error.
func each[T any](width int, items []T, f func(T) error) error {
	var wg sync.WaitGroup
	errs := make(chan error, len(items))
	slots := make(chan struct{}, width)
	for _, it := range items {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs <- f(it)
		})
	}
	wg.Wait()
	close(errs)
	var first error
	for err := range errs {
		if first == nil {
			first = err
		}
	}
	return first
}
