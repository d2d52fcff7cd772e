package suspend_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/suspend"
)

const beatsKey = "{prana-0}:beats"

// watched lets a process watch a store, and gives what it is told. Two processes stand for all.
func watched(t *testing.T, c *redis.Client) <-chan suspend.Rewind {
	t.Helper()
	s := storeOn(c)
	id, err := s.Identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	told, done := make(chan suspend.Rewind, 10), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		done <- s.Watch(ctx, id, 10*time.Millisecond, func(r suspend.Rewind) { told <- r })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("watching ended with: %v", err)
		}
	})
	return told
}

// beats waits until a partition has so many, and gives their ids.
func beats(t *testing.T, c *redis.Client, n int) []string {
	t.Helper()
	for {
		found, err := c.XRange(t.Context(), beatsKey, "-", "+").Result()
		if err != nil {
			t.Fatal(err)
		}
		if len(found) >= n {
			var ids []string
			for _, m := range found {
				ids = append(ids, m.ID)
			}
			return ids
		}
		select {
		case <-t.Context().Done():
			t.Fatal("there are too few beats")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func next(t *testing.T, told <-chan suspend.Rewind) suspend.Rewind {
	t.Helper()
	select {
	case r := <-told:
		return r
	case <-time.After(10 * time.Second):
		t.Fatal("nobody noticed")
		return suspend.Rewind{}
	}
}

// TestEveryProcessNoticesThatThePartitionWentBack: also the one that looks after another has begun anew.
func TestEveryProcessNoticesThatThePartitionWentBack(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		one, two := watched(t, c), watched(t, c)
		ids := beats(t, c, 2)
		time.Sleep(100 * time.Millisecond) // until both have seen the last one
		if n, err := c.XDel(t.Context(), beatsKey, ids[1]).Result(); n != 1 || err != nil {
			t.Fatalf("deleting a beat: %d, %v", n, err)
		}
		for _, told := range []<-chan suspend.Rewind{one, two} {
			if r := next(t, told); r.Partition != 0 || !r.From.After(r.To) || r.To.IsZero() || r.Emptied || r.Lost > time.Second {
				t.Errorf("told %+v (%s)", r, r)
			}
		}
		beats(t, c, 3)
		if len(one)+len(two) > 0 {
			t.Error("it is told again and again")
		}
	})
}

// TestBeatsDeletedByHandStopNobody: they tell, and nothing else relies on them.
func TestBeatsDeletedByHandStopNobody(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		if err := c.ZAdd(t.Context(), "{prana-0}:all", redis.Z{Member: animal("one")}).Err(); err != nil {
			t.Fatal(err)
		}
		told := watched(t, c)
		beats(t, c, 1)
		time.Sleep(100 * time.Millisecond)
		if err := c.Del(t.Context(), beatsKey).Err(); err != nil {
			t.Fatal(err)
		}
		if r := next(t, told); !r.To.IsZero() || r.Emptied {
			t.Errorf("told %+v (%s)", r, r)
		}
		beats(t, c, 1)
	})
}

// TestBeatsAreFew: processes share them, and old ones go.
func TestBeatsAreFew(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		for range 130 {
			if err := c.XAdd(t.Context(), &redis.XAddArgs{Stream: beatsKey, Values: []string{"b", ""}}).Err(); err != nil {
				t.Fatal(err)
			}
		}
		last := beats(t, c, 130)[129]
		for range 4 {
			watched(t, c)
		}
		ids := beats(t, c, 1)
		for ; ids[len(ids)-1] == last; ids = beats(t, c, 1) {
			time.Sleep(10 * time.Millisecond)
		}
		if len(ids) != 128 {
			t.Errorf("%d beats are kept", len(ids))
		}
	})
}
