package modeltest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"prana/engine/flow"
	"prana/suspend"
)

// eventTypes are those of events and of what waits for them.
var eventTypes = []string{"paid", "sent"}

// waits are those to which events are offered. The rendezvous knows nothing of executions: they need not exist.
var waits = func() []flow.Taker {
	var all []flow.Taker
	for i, group := range []string{"", "", "*", "1:key", "1:key", "2:other"} {
		all = append(all, flow.Taker{Wait: flow.SuspensionID{Execution: fmt.Sprintf("0%022d", 800+i), Step: flow.StepID{Node: 1}, Turn: 1}, Group: group})
	}
	return all
}()

// Publish records an event, a new one or one that is known.
func (w *Machine) Publish(t *rapid.T) {
	ev := w.someEvent(t)
	if w.model.clock.low = w.now(t); w.model.busy(ev.ID) {
		t.Skip("another publishes it")
	}
	w.do(t, call{
		name: "record event", once: true, // while it is published, a second one would wait
		store: func(s *suspend.Store) (any, error) { return s.RecordEvent(w.ctx, ev) },
		model: func(m *Model, _ any) (any, error) { return m.RecordEvent(ev), nil },
	})
}

// someEvent draws a new event, or one that was recorded.
func (w *Machine) someEvent(t *rapid.T) flow.Event {
	if len(w.model.arrived) > 0 && rapid.IntRange(0, 2).Draw(t, "known") == 0 {
		return w.knownEvent(t).Event
	}
	return flow.Event{
		ID: w.name("event"), Type: rapid.SampledFrom(eventTypes).Draw(t, "type"),
		Data:  json.RawMessage(fmt.Sprintf(`{"n":%d}`, rapid.IntRange(0, 1).Draw(t, "n"))),
		TTL:   rapid.SampledFrom([]time.Duration{time.Hour, time.Hour, -1}).Draw(t, "time to live"),
		Keep:  rapid.IntRange(0, 3).Draw(t, "keep") == 0,
		Limit: rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "limit"),
	}
}

func (w *Machine) knownEvent(t *rapid.T) *event {
	if len(w.model.arrived) == 0 {
		t.Skip("there is no event")
	}
	recent := w.model.arrived[max(0, len(w.model.arrived)-4):]
	return w.model.events[rapid.SampledFrom(recent).Draw(t, "event")]
}

// some draws some of the waits, each once.
func some(t *rapid.T, what string) []flow.Taker {
	all := rapid.SliceOfNDistinct(rapid.SampledFrom(waits), 0, 3, func(w flow.Taker) string { return w.Wait.String() }).Draw(t, what)
	return all
}

func (w *Machine) someOffer(t *rapid.T) flow.Offer {
	var o flow.Offer
	for _, wait := range some(t, "decided") {
		if rapid.Bool().Draw(t, "took it") {
			o.Took = append(o.Took, wait.Wait)
		} else {
			o.Gone = append(o.Gone, wait.Wait)
		}
	}
	return o
}

// Offer gives waits places, and says what became of others.
func (w *Machine) Offer(t *rapid.T) {
	e := w.knownEvent(t)
	o := w.someOffer(t)
	o.To, o.Publisher = some(t, "to"), rapid.Bool().Draw(t, "publisher")
	w.do(t, call{
		name: "offer event",
		store: func(s *suspend.Store) (any, error) {
			got, err := s.OfferEvent(w.ctx, e.Event, o)
			if got.Over {
				return offered{Over: true}, err
			}
			return offered{To: texts(got.To), Held: sorted(texts(got.Held))}, err
		},
		model: func(m *Model, _ any) (any, error) { return m.OfferEvent(e.ID, o), nil },
	})
}

// Finish stores what came of an event, as somebody counted it.
func (w *Machine) Finish(t *rapid.T) {
	e := w.knownEvent(t)
	o := w.someOffer(t)
	o.Publisher = true
	r := flow.PublishResult{ID: e.ID, Matched: rapid.IntRange(0, 3).Draw(t, "counted"), Executions: []string{}}
	w.do(t, call{
		name: "finish event",
		store: func(s *suspend.Store) (any, error) {
			got := r
			open, took, err := s.FinishEvent(w.ctx, e.Event, o, &got)
			return finished{sortedOrNone(open), sortedOrNone(took), got}, err
		},
		model: func(m *Model, _ any) (any, error) { return m.FinishEvent(e.ID, o, r), nil },
	})
}

func sortedOrNone(all []flow.SuspensionID) []string {
	if len(all) == 0 {
		return nil
	}
	return sorted(texts(all))
}

func texts(all []flow.SuspensionID) []string {
	out := []string{}
	for _, id := range all {
		out = append(out, id.String())
	}
	return out
}

// Kept looks for the events that a wait may take.
func (w *Machine) Kept(t *rapid.T) {
	sub := flow.Subscription{Type: rapid.SampledFrom(eventTypes).Draw(t, "type")}
	if n := rapid.IntRange(-1, 1).Draw(t, "n"); n >= 0 {
		sub.Filter = map[string]any{"n": n}
	}
	limit := rapid.IntRange(1, 3).Draw(t, "limit")
	w.compare(t, call{
		name: "kept events",
		store: func(s *suspend.Store) (any, error) {
			found := []string{}
			for cursor := ""; ; {
				kept, next, err := s.KeptEvents(w.ctx, sub, cursor, limit)
				if err != nil {
					return nil, err
				}
				for _, k := range kept {
					found = append(found, k.ID)
				}
				if cursor = next; cursor == "" {
					return found, nil
				}
			}
		},
		model: func(m *Model, _ any) (any, error) { return m.KeptEvents(sub), nil },
	})
}

// Match finds the waits that an event is for.
func (w *Machine) Match(t *rapid.T) {
	ev := flow.Event{ID: "match", Type: rapid.SampledFrom(eventTypes).Draw(t, "type"), Data: json.RawMessage(fmt.Sprintf(`{"n":%d}`, rapid.IntRange(0, 1).Draw(t, "n")))}
	limit := rapid.IntRange(1, 3).Draw(t, "limit")
	w.compare(t, call{
		name: "waiting",
		store: func(s *suspend.Store) (any, error) {
			found := []string{}
			for cursor := ""; ; {
				waits, next, err := s.Waiting(w.ctx, ev, nil, cursor, limit)
				if err != nil {
					return nil, err
				}
				for _, x := range waits {
					found = append(found, x.Wait.String()+" "+x.Group)
				}
				if cursor = next; cursor == "" {
					slices.Sort(found)
					return found, nil
				}
			}
		},
		model: func(m *Model, _ any) (any, error) { return m.Waiting(ev), nil },
	})
}

// Overdue takes events whose publisher seems dead.
func (w *Machine) Overdue(t *rapid.T) {
	w.do(t, call{
		name: "overdue events", once: true,
		store: func(s *suspend.Store) (any, error) {
			overdue, _, err := s.OverdueEvents(w.ctx, 100, 10*time.Second)
			found := []string{}
			for _, e := range overdue {
				found = append(found, e.ID)
			}
			return sorted(found), err
		},
		model: func(m *Model, _ any) (any, error) { return m.Overdue(m.clock.low, 10*time.Second), nil },
	})
}
