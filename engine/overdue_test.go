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
	"prana/engine/interleavetest"
)

// perishing is the store of a process that dies in the middle of its calls: one is the last, which may still be carried out, and
// all that follow fail.
type perishing struct {
	interleavetest.Store
	left  atomic.Int64
	after bool // the last call is carried out
}

var errDead = errors.New("the process is dead")

func (m *perishing) around(_ context.Context, _ interleavetest.Call, do func() error) error {
	switch n := m.left.Add(-1); {
	case n < 0 || n == 0 && !m.after:
		return errDead
	case n == 0:
		_ = do()
		return errDead
	}
	return do()
}

// narrow is a store that gives waits two at a time, so that there are several batches.
type narrow struct{ engine.Store }

func (s narrow) Waiting(ctx context.Context, e flow.Event, without []string, cursor string, _ int) ([]flow.Taker, string, error) {
	return s.Store.Waiting(ctx, e, without, cursor, 2)
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
						m.Store = interleavetest.Store{Store: narrow{real}, Around: m.around}
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
		if _, _, err := env.Store().RecordEvent(t.Context(), ev); err != nil {
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
