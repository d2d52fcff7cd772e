package suspend_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/suspend"
)

func note(t *testing.T, s *suspend.Store, d flow.Delivery) {
	t.Helper()
	if err := s.NoteDelivery(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

func deliveries(t *testing.T, s *suspend.Store, f flow.DeliveryFilter) flow.Page[flow.Delivery] {
	t.Helper()
	page, err := s.Deliveries(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func TestDeliveryComesBackAsItWas(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		t.Helper()
		s := storeOn(c)
		want := flow.Delivery{
			Hook: "github", Outcome: flow.DeliveryProcessed, Key: "k", Repeated: true, ReplayOf: "a1-0", Count: 3, Executions: []string{"x", "y"}, Buffered: true,
			Source: "192.0.2.7", Size: 8, Digest: "abc", Signed: true, Headers: map[string]string{"x-event": "push"}, Query: map[string]any{"a": "b"}, Body: "{\"a\":\xff\x00}",
		}
		began := c.Time(t.Context()).Val().Truncate(time.Millisecond)
		note(t, s, want)
		listed := deliveries(t, s, flow.DeliveryFilter{Hook: "github"}).Items[0]
		got, err := s.Delivery(t.Context(), "github", listed.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.At.Before(began) || got.At.After(c.Time(t.Context()).Val()) {
			t.Errorf("it came at %s", got.At)
		}
		want.ID, want.At = got.ID, got.At
		wantSame(t, got, want)
		want.Body = ""
		wantSame(t, listed, want)
	})
}

func TestStrangersPushOutNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		t.Helper()
		s := storeOn(c)
		for i := range 105 {
			note(t, s, flow.Delivery{Hook: "h", Outcome: flow.DeliveryProcessed, Key: fmt.Sprint(i), Signed: true, Body: "{}"})
		}
		for range 150 {
			note(t, s, flow.Delivery{Hook: "h", Outcome: flow.DeliveryRefused, Reason: "no signature matches", Body: "of a stranger"})
		}
		counts, err := s.CountDeliveries(t.Context(), []string{"other", "h"})
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, counts, []flow.DeliveryCounts{{}, {Accepted: 100, Refused: 100}})
		var keys []string
		f := flow.DeliveryFilter{Hook: "h", Limit: 40}
		for pages := 1; ; pages++ {
			page := deliveries(t, s, f)
			for _, d := range page.Items {
				keys = append(keys, d.Key)
			}
			if f.Cursor = page.Cursor; f.Cursor == "" {
				if pages != 3 {
					t.Errorf("%d pages", pages)
				}
				break
			}
		}
		if len(keys) != 100 || keys[0] != "104" || keys[99] != "5" {
			t.Errorf("got %d deliveries: %v", len(keys), keys)
		}
		refused := deliveries(t, s, flow.DeliveryFilter{Hook: "h", Refused: true, Limit: 1}).Items[0]
		d, err := s.Delivery(t.Context(), "h", refused.ID)
		if err != nil || d.Body != "" || d.Reason != "no signature matches" {
			t.Errorf("got %+v, %v", d, err)
		}
	})
}

func TestDeliveriesAreForgotten(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	s := storeOn(inMemory(t, m))
	day := func(n int) { m.SetTime(time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC)) }
	for _, n := range []int{1, 2, 8, 9} {
		day(n)
		note(t, s, flow.Delivery{Hook: "h", Outcome: flow.DeliveryIgnored, Key: fmt.Sprint(n)})
	}
	var keys []string
	for _, d := range deliveries(t, s, flow.DeliveryFilter{Hook: "h"}).Items {
		keys = append(keys, d.Key)
	}
	if got := strings.Join(keys, " "); got != "9 8 2" {
		t.Errorf("on day 9 there are %s", got)
	}
	m.FastForward(7 * 24 * time.Hour)
	if left := m.Keys(); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

func TestDeliveriesThatAreNone(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		t.Helper()
		s := storeOn(c)
		note(t, s, flow.Delivery{Hook: "h", Outcome: flow.DeliveryProcessed})
		id := deliveries(t, s, flow.DeliveryFilter{Hook: "h"}).Items[0].ID
		for _, wrong := range []string{"", "a", "r" + id[1:], id[1:], id + "0", "a-", "a0-1", "a*", "a+", "ar" + id[1:]} {
			if _, err := s.Delivery(t.Context(), "h", wrong); !errors.Is(err, flow.ErrNotFound) {
				t.Errorf("%q: got %v", wrong, err)
			}
		}
		if _, err := s.Delivery(t.Context(), "other", id); !errors.Is(err, flow.ErrNotFound) {
			t.Errorf("at another hook: got %v", err)
		}
		for _, wrong := range []string{"x", "-", "1", base64.StdEncoding.EncodeToString([]byte("1-0"))} {
			if _, err := s.Deliveries(t.Context(), flow.DeliveryFilter{Hook: "h", Cursor: wrong}); !errors.Is(err, flow.ErrInvalid) {
				t.Errorf("cursor %q: got %v", wrong, err)
			}
		}
	})
}
