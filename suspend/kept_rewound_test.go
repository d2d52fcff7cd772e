package suspend_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// TestAMarkDoesNotPassEventsThatARewindTookOutOfTheirLists: Redis goes back while a look is under way, to before an older event
// was entered into its list. The look must not say that it was.
func TestAMarkDoesNotPassEventsThatARewindTookOutOfTheirLists(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		s := storeOn(c)
		sub := func(n int) flow.Subscription {
			return flow.Subscription{Type: "shipped", Filter: map[string]any{"n": n}}
		}
		keep := func(n int) {
			t.Helper()
			e := flow.Event{ID: fmt.Sprint("e", n), Type: "shipped", Data: json.RawMessage(fmt.Sprintf(`{"n":%d}`, n)), TTL: time.Hour}
			if _, err := s.RecordEvent(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		finds := func(n int) int {
			t.Helper()
			kept, _, err := s.KeptEvents(t.Context(), sub(n), "", 10)
			if err != nil {
				t.Fatal(err)
			}
			return len(kept)
		}
		keep(1)
		if finds(1) != 1 {
			t.Fatal("the event is not kept")
		}
		keep(2)
		c.AddHook(&whileLooking{do: func() {
			for _, key := range c.Keys(t.Context(), "*").Val() {
				if strings.Contains(key, "}:marks:") {
					c.HDel(t.Context(), key, "s:n")
				}
				if strings.Contains(key, "}:keptby:") {
					c.Del(t.Context(), key)
				}
			}
		}})
		if finds(2) != 1 || finds(1) != 1 {
			t.Errorf("event 1 is found %d times, event 2 %d times", finds(1), finds(2))
		}
	})
}

// TestAnEventThatARewindTookIsNotFinished: its publisher goes on after Redis came back without it. What came of it must not stand
// as if it had been there: then it would count, and be nowhere.
func TestAnEventThatARewindTookIsNotFinished(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		s, e := storeOn(c), flow.Event{ID: "e", Type: "shipped", Data: json.RawMessage(`{}`)}
		wait := flow.SuspensionID{Execution: animal("one")}
		record := func() {
			t.Helper()
			if known, err := s.RecordEvent(t.Context(), e); err != nil || known != nil {
				t.Fatalf("recording it: %v, %v", known, err)
			}
		}
		record()
		if err := c.FlushDB(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		_, err := s.OfferEvent(t.Context(), e, flow.Offer{Publisher: true, To: []flow.Taker{{Wait: wait}}})
		if !errors.Is(err, flow.ErrUnavailable) {
			t.Errorf("offering it: %v", err)
		}
		if _, _, err = s.FinishEvent(t.Context(), e, flow.Offer{Took: []flow.SuspensionID{wait}}, &flow.PublishResult{ID: e.ID, Matched: 1}); !errors.Is(err, flow.ErrUnavailable) {
			t.Errorf("finishing it: %v", err)
		}
		if got, err := s.OfferEvent(t.Context(), e, flow.Offer{Took: []flow.SuspensionID{wait}}); err != nil || !got.Over {
			t.Errorf("a wait that found it: %+v, %v", got, err)
		}
		if n := c.DBSize(t.Context()).Val(); n != 0 {
			t.Errorf("%d keys were written", n)
		}
		record()
	})
}

// whileLooking does something once, when a look has read what is new and has not entered it yet.
type whileLooking struct {
	once sync.Once
	do   func()
}

func (w *whileLooking) DialHook(next redis.DialHook) redis.DialHook { return next }

func (w *whileLooking) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if answer, ok := cmd.(*redis.Cmd); ok {
			if list, err := answer.StringSlice(); err == nil && len(list) > 0 && list[0] == "new" {
				w.once.Do(w.do)
			}
		}
		return err
	}
}

func (w *whileLooking) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
