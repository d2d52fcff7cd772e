package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
)

// slowLook is a store on which looks for kept events fail until they may, and on which a publisher
// can be held up at two places.
type slowLook struct {
	engine.Store
	may       atomic.Bool
	publishes atomic.Bool
	waiting   func() // before a publisher asks who waits
	commit    func() // before the publisher commits
}

func (s *slowLook) KeptEvents(ctx context.Context, sub flow.Subscription, cursor string, limit int) ([]flow.KeptEvent, string, error) {
	if !s.may.Load() {
		return nil, "", flow.ErrUnavailable
	}
	return s.Store.KeptEvents(ctx, sub, cursor, limit)
}

func (s *slowLook) Waiting(ctx context.Context, e flow.Event, without []string, cursor string, limit int) ([]flow.Taker, string, error) {
	if s.waiting != nil {
		s.waiting()
	}
	return s.Store.Waiting(ctx, e, without, cursor, limit)
}

func (s *slowLook) Commit(ctx context.Context, changes ...*flow.Change) error {
	if s.commit != nil && s.publishes.CompareAndSwap(true, false) {
		s.commit()
	}
	return s.Store.Commit(ctx, changes...)
}

// TestPublisherCountsWhoWasFaster: a wait that stands when an event is published is matched by it, also when it
// finds the event before the publisher finds the wait.
func TestPublisherCountsWhoWasFaster(t *testing.T) {
	t.Parallel()
	for _, place := range []string{"before it asks", "before it commits"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			store := &slowLook{}
			env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(real engine.Store) engine.Store {
				store.Store = real
				return store
			}})
			env.Deploy(waiter)
			id := env.Start("waiter", nil)
			env.Run()
			other := env.Process()
			look := func() {
				store.may.Store(true)
				if _, err := other.Sweep(t.Context(), 0); err != nil {
					t.Error(err)
				}
				other.Wait()
				if v := env.Execution(id); len(v.Suspensions) != 0 {
					t.Errorf("the wait did not find the event: %+v", v.Suspensions)
				}
			}
			store.publishes.Store(true)
			if place == "before it asks" {
				store.waiting = look
			} else {
				store.commit = look
			}
			env.Pass(6 * time.Second)
			r, err := env.Engine().Publish(t.Context(), flow.Event{ID: "e1", Type: "go", Data: []byte(`{}`)})
			if err != nil || r.Matched != 1 || r.Buffered || len(r.Executions) != 1 || r.Executions[0] != id {
				t.Errorf("the publisher was answered %+v, %v", r, err)
			}
		})
	}
}

// deafOnce is a store that cannot be told once that a wait took an event.
type deafOnce struct {
	engine.Store
	missed atomic.Int32
}

func (d *deafOnce) OfferEvent(ctx context.Context, e flow.Event, o flow.Offer) (flow.Offered, error) {
	if len(o.Took) > 0 && d.missed.Add(1) == 1 {
		return flow.Offered{}, flow.ErrUnavailable
	}
	return d.Store.OfferEvent(ctx, e, o)
}

// TestATakenEventIsToldSo: an event that waited for its wait is offered to nobody any more, although it could not be told at first, and
// although nobody else ever looks for it.
func TestATakenEventIsToldSo(t *testing.T) {
	t.Parallel()
	store := &deafOnce{}
	env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(real engine.Store) engine.Store {
		store.Store = real
		return store
	}})
	env.Deploy(waiter)
	env.Publish("go", 7)
	id := env.Start("waiter", nil)
	env.Run()
	env.WantStatus(id, flow.Completed)
	env.Advance(10 * time.Second)
	kept, _, err := env.Store().KeptEvents(t.Context(), flow.Subscription{Type: "go"}, "", 10)
	if err != nil || len(kept) > 0 || store.missed.Load() != 2 {
		t.Errorf("%d attempts to tell it; it is still offered as %v, %v", store.missed.Load(), kept, err)
	}
}

// hangs is a store that does not answer the next commit for as long as its caller is patient.
type hangs struct {
	engine.Store
	next atomic.Bool
}

func (h *hangs) Commit(ctx context.Context, changes ...*flow.Change) error {
	if h.next.CompareAndSwap(true, false) {
		<-ctx.Done()
		return fmt.Errorf("storing a change: %w", ctx.Err()) // as a client does whose context ends before the reply comes
	}
	return h.Store.Commit(ctx, changes...)
}

// TestAnEventOutlivesTheLastMomentOfPatience: a publisher whose patience ends while a commit hangs knows nothing of the wait
// that it was to end. The wait must not be passed over, or nobody ever comes back to it.
func TestAnEventOutlivesTheLastMomentOfPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &hangs{}
		env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(real engine.Store) engine.Store {
			store.Store = real
			return store
		}})
		env.Deploy(waiter)
		id := env.Start("waiter", nil)
		env.Run()
		store.next.Store(true)
		ev := flow.Event{ID: "e1", Type: "go"}
		if r, err := env.Engine().Publish(t.Context(), ev); !errors.Is(err, flow.ErrUnavailable) {
			t.Errorf("the publisher hears %+v, %v; want that the store was away", r, err)
		}
		env.Advance(time.Minute) // whoever looks for events that were left publishes it on
		if _, err := env.Engine().PublishOverdue(t.Context()); err != nil {
			t.Fatal(err)
		}
		env.Run()
		env.WantStatus(id, flow.Completed)
	})
}
