package suspend_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/suspend"
)

// onEach runs the test on miniredis and on a real server, each empty.
func onEach(t *testing.T, test func(t *testing.T, c *redis.Client)) {
	t.Helper()
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, real(t))
	})
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		c := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
		t.Cleanup(func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
		test(t, c)
	})
}

var orders = suspend.StreamOptions{Key: "orders", Group: "prana"}

// consumer is one more reader of the stream.
func consumer(t *testing.T, c *redis.Client, o suspend.StreamOptions) *suspend.Stream {
	t.Helper()
	s := suspend.NewStream(c, c, o)
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func add(t *testing.T, c *redis.Client, n int) string {
	t.Helper()
	id, err := c.XAdd(t.Context(), &redis.XAddArgs{Stream: orders.Key, Values: []any{"n", n}}).Result()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// read gives the numbers of the entries that are new to the group.
func read(t *testing.T, s *suspend.Stream) []string {
	t.Helper()
	found, err := s.Read(t.Context(), 10, 0)
	if err != nil {
		t.Fatal(err)
	}
	return numbers(found)
}

func numbers(found []flow.StreamEntry) []string {
	all := []string{}
	for _, e := range found {
		all = append(all, e.Fields["n"])
	}
	return all
}

func takeOver(t *testing.T, s *suspend.Stream, n int) []flow.StreamEntry {
	t.Helper()
	var all []flow.StreamEntry
	for {
		taken, more, err := s.TakeOver(t.Context(), n, 0)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, taken...); !more {
			return all
		}
	}
}

func pending(t *testing.T, c *redis.Client) int64 {
	t.Helper()
	p, err := c.XPending(t.Context(), orders.Key, orders.Group).Result()
	if err != nil {
		t.Fatal(err)
	}
	return p.Count
}

func same(t *testing.T, what string, got any, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestAGroupBeginsWhereItIsTold(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, c *redis.Client) {
		add(t, c, 1)
		late := orders
		late.Group, late.FromEnd = "late", true
		all, end := consumer(t, c, orders), consumer(t, c, late)
		add(t, c, 2)
		same(t, "from the beginning", read(t, all), []string{"1", "2"})
		same(t, "from the end", read(t, end), []string{"2"})
		same(t, "another consumer of the group, which exists", read(t, consumer(t, c, orders)), []string{})
	})
}

func TestAGroupThatWasLostIsMadeAgain(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, c *redis.Client) {
		s := consumer(t, c, orders)
		if err := c.Del(t.Context(), orders.Key).Err(); err != nil {
			t.Fatal(err)
		}
		add(t, c, 1)
		same(t, "the first read finds no group, and makes it", read(t, s), []string{})
		same(t, "what was written meanwhile", read(t, s), []string{"1"})
		if err := c.Del(t.Context(), orders.Key).Err(); err != nil {
			t.Fatal(err)
		}
		same(t, "taking over", len(takeOver(t, s, 10)), 0)
		if err := s.Leave(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestAReadWaitsForTheFirstEntry would end by the deadline of its context, not by the time to wait, if nothing woke it.
func TestAReadWaitsForTheFirstEntry(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, c *redis.Client) {
		s := consumer(t, c, orders)
		got := make(chan []flow.StreamEntry, 1)
		go func() {
			found, _ := s.Read(context.WithoutCancel(t.Context()), 10, time.Hour) // an error gives nothing, which is told
			got <- found
		}()
		add(t, c, 1)
		select {
		case found := <-got:
			same(t, "the entry", numbers(found), []string{"1"})
		case <-time.After(10 * time.Second):
			t.Fatal("nothing woke the read")
		}
	})
}

func TestEntriesOfTheDeadAreTakenOver(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, c *redis.Client) {
		dead, heir := consumer(t, c, orders), consumer(t, c, orders)
		var ids []string
		for n := range 7 {
			ids = append(ids, add(t, c, n))
		}
		same(t, "read", len(read(t, dead)), 7)
		if err := dead.Ack(t.Context(), ids[0]); err != nil {
			t.Fatal(err)
		}
		taken, more, err := heir.TakeOver(t.Context(), 10, time.Hour)
		if err != nil || len(taken) > 0 || more {
			t.Errorf("what its reader may still acknowledge was taken over: %v, %v", taken, err)
		}
		left := takeOver(t, heir, 2)
		same(t, "taken over", numbers(left), []string{"1", "2", "3", "4", "5", "6"})
		for _, e := range left {
			if err := heir.Ack(t.Context(), e.ID); err != nil {
				t.Fatal(err)
			}
		}
		same(t, "pending", pending(t, c), 0)
	})
}

// TestADeletedEntryIsReported: what was trimmed away while its reader was dead does not vanish without a word.
func TestADeletedEntryIsReported(t *testing.T) {
	t.Parallel()
	c := real(t) // the one in memory does not tell
	dead, heir := consumer(t, c, orders), consumer(t, c, orders)
	gone := add(t, c, 1)
	add(t, c, 2)
	read(t, dead)
	if err := c.XDel(t.Context(), orders.Key, gone).Err(); err != nil {
		t.Fatal(err)
	}
	left := takeOver(t, heir, 10)
	slices.SortFunc(left, func(a, b flow.StreamEntry) int { return strings.Compare(a.ID, b.ID) })
	if len(left) != 2 || left[0].ID != gone || left[0].Fields != nil || left[1].Fields["n"] != "2" {
		t.Errorf("got %+v", left)
	}
}

// TestAConsumerIsRemovedOnlyWithEmptyHands: with it, what it owes would be lost.
func TestAConsumerIsRemovedOnlyWithEmptyHands(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, c *redis.Client) {
		s := consumer(t, c, orders)
		id := add(t, c, 1)
		read(t, s)
		if err := s.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		same(t, "pending", pending(t, c), 1)
		if err := s.Ack(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if err := s.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		same(t, "consumers", len(c.XInfoConsumers(t.Context(), orders.Key, orders.Group).Val()), 0)
	})
}

// TestConsumersOfTheDeadGo asks until the server's clock has moved on.
func TestConsumersOfTheDeadGo(t *testing.T) {
	t.Parallel()
	c := real(t)
	names := func() []string {
		all := []string{}
		for _, x := range c.XInfoConsumers(t.Context(), orders.Key, orders.Group).Val() {
			all = append(all, x.Name)
		}
		return all
	}
	hasty := orders
	hasty.Forget = time.Millisecond
	idle, owing, heir, patient := consumer(t, c, orders), consumer(t, c, orders), consumer(t, c, hasty), consumer(t, c, orders)
	id := add(t, c, 1)
	read(t, idle)
	first := names()
	if err := idle.Ack(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	add(t, c, 2)
	read(t, owing)
	second := slices.DeleteFunc(names(), func(n string) bool { return n == first[0] })
	search := func(by *suspend.Stream) []string {
		if _, _, err := by.TakeOver(t.Context(), 10, time.Hour); err != nil {
			t.Fatal(err)
		}
		return names()
	}
	if left := search(patient); !slices.Contains(left, first[0]) {
		t.Errorf("%v is gone, though it may only sleep", first)
	}
	for deadline := time.Now().Add(10 * time.Second); slices.Contains(search(heir), first[0]); {
		if time.Now().After(deadline) {
			t.Fatalf("%v never goes", first)
		}
	}
	if left := names(); !slices.Contains(left, second[0]) {
		t.Errorf("%v went with the entry that it owes", second)
	}
}

func TestRefusedEntriesAreKeptWithTheirReason(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, c *redis.Client) {
		s := consumer(t, c, orders)
		huge := strings.Repeat("x", 64<<10)
		for _, e := range []flow.StreamEntry{
			{ID: "1-1", Fields: map[string]string{"type": "a", "data": "{"}}, {ID: "1-2", Fields: map[string]string{"data": huge}}, {ID: "1-3"},
		} {
			if err := s.Refuse(t.Context(), e, "invalid: because"); err != nil {
				t.Fatal(err)
			}
		}
		found, err := c.XRange(t.Context(), "orders:refused", "-", "+").Result()
		if err != nil || len(found) != 3 {
			t.Fatalf("%v, %v", found, err)
		}
		same(t, "a whole entry", found[0].Values, map[string]any{"prana:entry": "1-1", "prana:reason": "invalid: because", "type": "a", "data": "{"})
		same(t, "a large entry", found[1].Values, map[string]any{"prana:entry": "1-2", "prana:reason": "invalid: because"})
		same(t, "a deleted entry", found[2].Values, map[string]any{"prana:entry": "1-3", "prana:reason": "invalid: because"})
	})
}

func TestRefusedEntriesAreBounded(t *testing.T) {
	t.Parallel()
	c := real(t)
	s := consumer(t, c, orders)
	for n := range 1300 {
		if err := s.Refuse(t.Context(), flow.StreamEntry{ID: fmt.Sprint(n)}, "no"); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.XLen(t.Context(), "orders:refused").Val(); n < 1000 || n > 1200 {
		t.Errorf("%d refused entries are kept", n)
	}
}

func TestTheStateOfAStream(t *testing.T) {
	t.Parallel()
	c := real(t)
	s := suspend.NewStream(c, c, orders)
	state := func() suspend.StreamState {
		t.Helper()
		st, err := s.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	same(t, "no stream", state(), suspend.StreamState{})
	add(t, c, 1)
	same(t, "no group", state(), suspend.StreamState{})
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	add(t, c, 2)
	same(t, "nobody reads", state(), suspend.StreamState{Exists: true, Lag: 2})
	read(t, s)
	takeOver(t, s, 10)
	if err := s.Refuse(t.Context(), flow.StreamEntry{ID: "1-1"}, "no"); err != nil {
		t.Fatal(err)
	}
	add(t, c, 3)
	same(t, "in the middle", state(), suspend.StreamState{Exists: true, Lag: 1, Pending: 2, Tries: 2, Refused: 1})
}

func TestAKeyThatIsNoStreamIsSaid(t *testing.T) {
	t.Parallel()
	c := real(t)
	if err := c.Set(t.Context(), orders.Key, "text", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := suspend.NewStream(c, c, orders).Open(t.Context()); err == nil || !strings.Contains(err.Error(), "stream orders: making group prana") {
		t.Errorf("got %v", err)
	}
}
