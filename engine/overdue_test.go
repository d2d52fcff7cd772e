package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
)

// perishing is the store of a process that dies in the middle of its calls: one is the last, which may still be carried out, and
// all that follow fail.
type perishing struct {
	engine.Store
	left  atomic.Int64
	after bool // the last call is carried out
}

var errDead = errors.New("the process is dead")

func (m *perishing) dies() (before, after error) {
	switch n := m.left.Add(-1); {
	case n < 0 || n == 0 && !m.after:
		return errDead, nil
	case n == 0:
		return nil, errDead
	}
	return nil, nil
}

func perish[T any](m *perishing, call func() (T, error)) (T, error) {
	var none T
	before, after := m.dies()
	if before != nil {
		return none, before
	}
	v, err := call()
	if after != nil {
		return none, after
	}
	return v, err
}

func (m *perishing) RecordEvent(ctx context.Context, e flow.Event) (*flow.PublishResult, error) {
	return perish(m, func() (*flow.PublishResult, error) { return m.Store.RecordEvent(ctx, e) })
}

func (m *perishing) Waiting(ctx context.Context, e flow.Event, without []string, cursor string, _ int) ([]flow.Taker, string, error) {
	p, err := perish(m, func() (page[flow.Taker], error) {
		w, next, err := m.Store.Waiting(ctx, e, without, cursor, 2) // so that there are several batches
		return page[flow.Taker]{w, next}, err
	})
	return p.items, p.next, err
}

func (m *perishing) OfferEvent(ctx context.Context, e flow.Event, o flow.Offer) (flow.Offered, error) {
	return perish(m, func() (flow.Offered, error) { return m.Store.OfferEvent(ctx, e, o) })
}

func (m *perishing) Load(ctx context.Context, id string, w flow.Want) (*flow.Execution, error) {
	return perish(m, func() (*flow.Execution, error) { return m.Store.Load(ctx, id, w) })
}

func (m *perishing) Commit(ctx context.Context, changes ...*flow.Change) error {
	_, err := perish(m, func() (nothing, error) { return nothing{}, m.Store.Commit(ctx, changes...) })
	return err
}

func (m *perishing) FinishEvent(ctx context.Context, e flow.Event, o flow.Offer, r *flow.PublishResult) (open, took []flow.SuspensionID, err error) {
	both, err := perish(m, func() ([2][]flow.SuspensionID, error) {
		open, took, err := m.Store.FinishEvent(ctx, e, o, r)
		return [...][]flow.SuspensionID{open, took}, err
	})
	return both[0], both[1], err
}

// TestDeadPublisher: an event whose publisher died anywhere reaches all of its waits, or as many as it may, once each, without anybody sending it again.
func TestDeadPublisher(t *testing.T) {
	t.Parallel()
	const forever = 1_000_000
	for _, c := range []struct{ limit, takers, want int }{{want: 5}, {limit: 1, want: 1}, {limit: 3, want: 3}, {takers: 2, want: 2}, {limit: 3, takers: 1, want: 1}} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%+v, last call carried out %v", c, after), func(t *testing.T) {
				t.Parallel()
				for calls := int64(1); ; calls++ {
					m := &perishing{after: after}
					m.left.Store(forever)
					env := enginetest.Open(t, enginetest.Options{Types: types(), Partitions: 2, Store: func(real engine.Store) engine.Store {
						m.Store = real
						return m
					}})
					env.Deploy(strings.Replace(waiter, "timeout_ms", fmt.Sprintf("takers: %d, timeout_ms", c.takers), 1))
					ids := waiters(env, 5)
					ev := flow.Event{ID: "e", Type: "go", Data: []byte(`7`), Limit: c.limit}
					m.left.Store(calls)
					_, died := env.Engine().Publish(t.Context(), ev)
					m.left.Store(forever)
					if calls > 1 || after { // else the event was not recorded
						overtaken(t, env, ev, ids, c.want, calls)
					}
					if died == nil {
						return
					}
				}
			})
		}
	}
}

// overtaken checks what became of an event once others had time to publish it on.
func overtaken(t *testing.T, env *enginetest.Env, ev flow.Event, ids []string, want int, calls int64) {
	t.Helper()
	env.Advance(time.Minute)
	took := 0
	for _, id := range append(ids, waiters(env, 1)...) {
		if env.Execution(id).Status == flow.Completed {
			took++
		}
	}
	r, err := env.Engine().Publish(t.Context(), ev)
	if err != nil || !r.Repeated || r.Matched != want || len(r.Executions) != want || r.Buffered || took != want {
		t.Errorf("with the publisher dead at call %d, %d took it, and a repetition is answered %+v, %v; want %d", calls, took, r, err, want)
	}
}

// TestPromisedEventHoldsUpNoOther: a wait that cannot know yet whether it may have an event takes the next one.
func TestPromisedEventHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(waiter)
	first := waiters(env, 1)[0]
	promised, err := flow.ParseSuspensionID(env.Execution(first).Suspensions[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	one := flow.Event{ID: "one", Type: "go", Data: []byte(`1`), TTL: time.Hour, Limit: 1} // its publisher died here
	two := flow.Event{ID: "two", Type: "go", Data: []byte(`2`), TTL: time.Hour}
	for _, ev := range []flow.Event{one, two} {
		if _, err := env.Store().RecordEvent(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	_, err = env.Store().OfferEvent(t.Context(), one, flow.Offer{Publisher: true, To: []flow.Taker{{Wait: promised}}})
	_, _, err2 := env.Store().FinishEvent(t.Context(), two, flow.Offer{}, &flow.PublishResult{ID: "two"})
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	second := waiters(env, 1)[0]
	env.WantStatus(first, flow.Suspended)
	env.WantStatus(second, flow.Completed)
	env.WantOutput(second, 2)
}
