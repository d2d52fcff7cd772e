package suspend_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/suspend"
	"prana/tasks"
)

// trips counts round trips of a client.
type trips struct{ n atomic.Int64 }

func (*trips) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (c *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.count(cmd)
		return next(ctx, cmd)
	}
}

func (c *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.count(cmds[0])
		return next(ctx, cmds)
	}
}

// count leaves out what a new connection begins with.
func (c *trips) count(cmd redis.Cmder) {
	if !slices.Contains([]string{"hello", "client", "select"}, cmd.Name()) {
		c.n.Add(1)
	}
}

// made tells how many round trips something takes.
func (c *trips) made(f func()) int64 {
	before := c.n.Load()
	f()
	return c.n.Load() - before
}

// TestEventsCostTheSameWhateverWaits: asking who waits takes two round trips, whatever the number of partitions, of shapes and
// of those who do not match; so does looking for a kept event, whatever else is kept, but for what came since the last look.
func TestEventsCostTheSameWhateverWaits(t *testing.T) {
	t.Parallel()
	c := real(t)
	counted := &trips{}
	c.AddHook(counted)
	s := suspend.New(c, tasks.Encoder{}, suspend.Options{Partitions: 8})
	ctx := t.Context()
	z := &zoo{T: t, redis: c, store: s}
	for n := range 200 {
		w := waits(1, flow.Wait{Type: flow.ExternalEvent, Event: &flow.Subscription{Type: "paid", Filter: map[string]any{"n": n, []string{"a", "b", "c"}[n%3]: 1}}})
		ch := suspended(z.birth("one", w))
		ch.Execution = flow.NewExecutionID(n % 8)
		ch.Opened[0].Execution = ch.Execution
		ch.Dispatch = nil
		z.commit(ch)
	}
	e := flow.Event{ID: "e", Type: "paid", Data: json.RawMessage(`{"n":7,"b":1}`)}
	var found []flow.Taker
	if n := counted.made(func() {
		var err error
		found, _, err = s.Waiting(ctx, e, nil, "", 100)
		z.must(err)
	}); n != 2 || len(found) != 1 {
		t.Errorf("asking who waits took %d round trips and found %d, want 2 and 1", n, len(found))
	}
	for n := range 250 {
		k := flow.Event{ID: fmt.Sprint("k", n), Type: "sent", Data: json.RawMessage(fmt.Sprintf(`{"n":%d}`, n))}
		_, err := s.RecordEvent(ctx, k)
		z.must(err)
	}
	look := func(n int) (kept []flow.KeptEvent) {
		var err error
		kept, _, err = s.KeptEvents(ctx, flow.Subscription{Type: "sent", Filter: map[string]any{"n": n}}, "", 100)
		z.must(err)
		return kept
	}
	look(1)
	for n, want := range map[int]int64{7: 2, 300: 1} { // found and read, or not found
		if n := counted.made(func() { look(n) }); n != want {
			t.Errorf("looking for a kept event took %d round trips, want %d", n, want)
		}
	}
}

// TestOverdueEvents: an event is taken over once its publisher let its time pass, by one process, as it was published.
func TestOverdueEvents(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		z := newZoo(t, c)
		ctx := t.Context()
		e := flow.Event{ID: "e1", Type: "paid", Data: json.RawMessage(`{"n":1}`), TTL: time.Minute, Keep: true, Limit: 7, Trace: trace}
		for _, e := range []flow.Event{e, {ID: "e2", Type: "paid"}} {
			_, err := z.store.RecordEvent(ctx, e)
			z.must(err)
		}
		key := z.redis.Keys(ctx, "*:publishing").Val()[0]
		past := func(name string) { z.must(z.redis.ZAdd(ctx, key, redis.Z{Score: 1, Member: name}).Err()) }
		for _, name := range z.redis.ZRange(ctx, key, 0, -1).Val() {
			var stored struct {
				ID string `json:"i"`
			}
			z.must(json.Unmarshal([]byte(z.redis.HGet(ctx, strings.TrimSuffix(key, "publishing")+"e:"+name, "event").Val()), &stored))
			if stored.ID == e.ID {
				past(name)
			}
		}
		past("gone:gone")
		got, _, err := z.store.OverdueEvents(ctx, 10, time.Minute)
		z.must(err)
		if len(got) != 1 {
			t.Fatalf("overdue are %+v", got)
		}
		got[0].At = time.Time{}
		wantSame(t, got[0], e)
		again, next, err := z.store.OverdueEvents(ctx, 10, time.Minute)
		z.must(err)
		if len(again) != 0 || next <= 0 || next > 10*time.Second {
			t.Errorf("another process takes over %+v, and looks again in %s", again, next)
		}
		if n := z.redis.ZCard(ctx, key).Val(); n != 2 {
			t.Errorf("%d events are being published, want 2: the one that is gone is no more", n)
		}
	})
}

// TestKeptEventsThatLostTheirExpiry: events whose keys came back without their expiry, as from a backup, are found; a look at them
// comes to an end.
func TestKeptEventsThatLostTheirExpiry(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		z := &zoo{T: t, redis: c, store: storeOn(c)}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err := z.store.RecordEvent(ctx, flow.Event{ID: "e", Type: "sent", Data: json.RawMessage(`{"n":7}`)})
		z.must(err)
		keys, err := c.Keys(ctx, "*").Result()
		z.must(err)
		for _, key := range keys {
			z.must(c.Persist(ctx, key).Err())
		}
		for range 2 {
			kept, _, err := z.store.KeptEvents(ctx, flow.Subscription{Type: "sent", Filter: map[string]any{"n": 7}}, "", 100)
			if err != nil || len(kept) != 1 || kept[0].ID != "e" {
				t.Fatalf("found are %v, %v", kept, err)
			}
		}
	})
}
