package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"prana/engine/flow"
)

var eventPromises = []promise{
	{"an id counts once", func(w *world) {
		e := event("ev1")
		equal(w, "new", w.record(e) == nil, true)
		equal(w, "number kept", len(w.kept("paid", nil)), 1)
		w.give(e, someWaits(2)...)
		w.finish(e, flow.PublishResult{ID: "ev1", Matched: 2, Executions: []string{"0a", "0b"}})
		known := w.record(e)
		if known == nil {
			w.Fatal("the event is not known")
		}
		same(w, "what is known", known, flow.PublishResult{ID: "ev1", Matched: 2, Executions: []string{"0a", "0b"}})
	}},
	{"the first result of an event stays", func(w *world) {
		e := event("ev1")
		w.record(e)
		w.give(e, someWaits(1)...)
		w.finish(e, flow.PublishResult{ID: "ev1", Matched: 1, Executions: []string{"0a"}})
		second := w.finish(e, flow.PublishResult{ID: "ev1"})
		equal(w, "what the second learns", second.Matched, 1)
		equal(w, "buffered", second.Buffered, false)
		equal(w, "matched", w.record(e).Matched, 1)
		equal(w, "number kept", len(w.kept("paid", nil)), 0)
	}},
	{"an event that resolved nobody is kept", func(w *world) {
		e := event("ev1")
		e.Data, e.Trace = json.RawMessage(`{"order":7,"odd":"|@\u0000ü"}`), map[string]string{"traceparent": "00"}
		began := w.Now()
		w.record(e)
		equal(w, "buffered", w.finish(e, flow.PublishResult{ID: "ev1", Executions: []string{}}).Buffered, true)
		equal(w, "buffered is remembered", w.record(e).Buffered, true)
		got := w.kept("paid", map[string]any{"order": 7})
		if len(got) != 1 {
			w.Fatalf("%d events are kept, want 1", len(got))
		}
		equal(w, "id", got[0].ID, "ev1")
		equal(w, "type", got[0].Type, "paid")
		equal(w, "data", string(got[0].Data), string(e.Data))
		same(w, "trace", got[0].Trace, e.Trace)
		w.stamped("at", got[0].At, began, 0)
		equal(w, "open", got[0].Open, false)
	}},
	{"an event that resolved somebody is not kept", func(w *world) {
		w.record(event("ev1"))
		w.give(event("ev1"), someWaits(1)...)
		equal(w, "buffered", w.finish(event("ev1"), flow.PublishResult{ID: "ev1", Matched: 1}).Buffered, false)
		equal(w, "number kept", len(w.kept("paid", nil)), 0)
	}},
	{"unless it says so", func(w *world) {
		e := event("ev1")
		e.Keep = true
		w.record(e)
		w.give(e, someWaits(1)...)
		equal(w, "buffered", w.finish(e, flow.PublishResult{ID: "ev1", Matched: 1}).Buffered, true)
		equal(w, "number kept", len(w.kept("paid", nil)), 1)
	}},
	{"an event that is being published is open", func(w *world) {
		e := event("ev1")
		w.record(e)
		got := w.kept("paid", nil)
		equal(w, "number kept", len(got), 1)
		equal(w, "open", got[0].Open, true)
	}},
	{"an event is kept for its time to live", func(w *world) {
		short, long := event("short"), event("long")
		short.TTL, long.TTL = nap, time.Hour
		w.keep(short)
		w.keep(long)
		equal(w, "number kept", len(w.kept("paid", nil)), 2)
		w.Advance(nap + 20*time.Millisecond)
		sameSet(w, "kept", eventIDs(w.kept("paid", nil)), []string{"long"})
		equal(w, "the other is over", w.offer(short, someWaits(1)...).Over, true)
	}},
	{"a negative time to live keeps nothing", func(w *world) {
		e := event("ev1")
		e.TTL = -1
		w.record(e)
		equal(w, "buffered", w.finish(e, flow.PublishResult{ID: "ev1"}).Buffered, false)
		equal(w, "number kept", len(w.kept("paid", nil)), 0)
		equal(w, "its id still counts once", w.record(e) == nil, false)
	}},
	{"kept events come oldest first and by the limit", func(w *world) {
		for _, id := range []string{"c", "a", "b"} {
			w.keep(event(id))
			w.Advance(5 * time.Millisecond)
		}
		same(w, "kept", eventIDs(w.kept("paid", nil)), []string{"c", "a", "b"})
		two, next, err := w.Store.KeptEvents(w.Context(), flow.Subscription{Type: "paid"}, "", 2)
		w.must(err)
		same(w, "first two", eventIDs(two), []string{"c", "a"})
		rest, next, err := w.Store.KeptEvents(w.Context(), flow.Subscription{Type: "paid"}, next, 2)
		w.must(err)
		same(w, "the rest", eventIDs(rest), []string{"b"})
		equal(w, "cursor", next, "")
	}},
	{"kept events match by type and filter", func(w *world) {
		for id, data := range map[string]string{"one": `{"n":1.0}`, "two": `{"n":2}`, "none": `{}`, "list": `[1]`} {
			e := event(id)
			e.Data = json.RawMessage(data)
			w.keep(e)
		}
		sameSet(w, "n is 1", eventIDs(w.kept("paid", map[string]any{"n": 1})), []string{"one"})
		sameSet(w, "n is 2.0", eventIDs(w.kept("paid", map[string]any{"n": 2.0})), []string{"two"})
		sameSet(w, "all", eventIDs(w.kept("paid", nil)), []string{"one", "two", "none", "list"})
		equal(w, "number of another type", len(w.kept("sent", nil)), 0)
	}},
	{"kept events are found by filters that come later, whatever came and went", func(w *world) {
		keep := func(id string, n int) {
			e := event(id)
			e.Data = json.RawMessage(fmt.Sprintf(`{"n":%d,"m":{"k":"x"}}`, n))
			w.keep(e)
		}
		for i := range 230 {
			keep(fmt.Sprintf("a%d", i), i%5)
		}
		n := func(v int) map[string]any { return map[string]any{"n": v} }
		equal(w, "of n 1", len(w.kept("paid", n(1))), 46)
		equal(w, "of n 7", len(w.kept("paid", n(7))), 0)
		keep("late", 7)
		sameSet(w, "of n 7", eventIDs(w.kept("paid", n(7))), []string{"late"})
		equal(w, "of n 1 again", len(w.kept("paid", n(1))), 46)
		equal(w, "of another shape", len(w.kept("paid", map[string]any{"m.k": "x", "n": 2})), 46)
		w.give(event("late"), someWaits(1)...)
		equal(w, "of n 7, taken", len(w.kept("paid", n(7))), 0)
		for i := range 200 { // more shapes than are remembered
			w.kept("paid", map[string]any{fmt.Sprintf("p%d", i): 1})
		}
		keep("later", 1)
		equal(w, "of n 1 in the end", len(w.kept("paid", n(1))), 47)
	}},
	{"kept events are found while others are recorded", func(w *world) {
		sub := flow.Subscription{Type: "paid", Filter: map[string]any{"n": 1}}
		race(40, func(i int) bool {
			e := event(fmt.Sprintf("e%d", i))
			e.Data = json.RawMessage(fmt.Sprintf(`{"n":%d}`, i%2))
			_, _, err := w.Store.RecordEvent(w.Context(), e)
			_, _, lerr := w.Store.KeptEvents(w.Context(), sub, "", 100)
			if err = errors.Join(err, lerr); err != nil {
				w.Error(err)
			}
			return true
		})
		equal(w, "number found", len(w.kept("paid", sub.Filter)), 20)
	}},
	{"of 20 concurrent takers one has a place", func(w *world) {
		k := w.keep(event("ev1"))
		won := race(20, func(int) bool {
			got, err := w.Store.OfferEvent(w.Context(), k.Event, flow.Offer{To: someWaits(1)})
			if err != nil {
				w.Error(err)
			}
			return len(got.To) == 1
		})
		equal(w, "number of takers", won, 1)
	}},
	{"asking again is answered like the first", func(w *world) {
		k, all := w.keep(event("ev1")), someWaits(2)
		for range 2 {
			got := w.offer(k.Event, all[0])
			equal(w, "number with a place", len(got.To), 1)
			equal(w, "who holds the others up", len(got.Held), 0)
		}
		got := w.offer(k.Event, all[1])
		equal(w, "somebody else", len(got.To), 0)
		same(w, "because of", got.Held, []flow.SuspensionID{all[0].Wait})
		equal(w, "number kept", len(w.kept("paid", nil)), 1)
	}},
	{"a place is given on once its wait is gone", func(w *world) {
		k, all := w.keep(event("ev1")), someWaits(3)
		w.offer(k.Event, all[0])
		w.tell(k.Event, flow.Offer{Gone: waitsOf(all[2])})
		equal(w, "not when another is gone", len(w.offer(k.Event, all[1]).To), 0)
		got := w.tell(k.Event, flow.Offer{Gone: waitsOf(all[0]), To: all[1:2]})
		equal(w, "when it is", len(got.To), 1)
		equal(w, "once", len(w.offer(k.Event, all[2]).To), 0)
	}},
	{"an event that is used up is gone", func(w *world) {
		k, all := w.keep(event("ev1")), someWaits(2)
		w.give(k.Event, all[0])
		w.tell(k.Event, flow.Offer{Took: waitsOf(all[0])})
		equal(w, "number kept", len(w.kept("paid", nil)), 0)
		equal(w, "nobody takes it", w.offer(k.Event, all[1]).Over, true)
		equal(w, "its id still counts once", w.record(event("ev1")) == nil, false)
	}},
	{"an event to keep stays", func(w *world) {
		e := event("ev1")
		e.Keep = true
		w.keep(e)
		w.give(e, someWaits(3)...)
		equal(w, "number kept", len(w.kept("paid", nil)), 1)
	}},
	{"all that stand have a place in an event that is published", func(w *world) {
		e, all := event("ev1"), someWaits(150)
		w.record(e)
		equal(w, "number with a place", len(w.publish(e, all...).To), 150)
	}},
	{"a limit holds over all groups, and whoever publishes", func(w *world) {
		e, all := event("ev1"), someWaits(6)
		e.Limit = 3
		all[0].Group, all[1].Group = "*", "9:key"
		w.record(e)
		equal(w, "number with a place", len(w.publish(e, all...).To), 3)
		got := w.publish(e, all[3:]...)
		equal(w, "number of others", len(got.To), 0)
		equal(w, "number of those who hold them up", len(got.Held), 3)
		got = w.tell(e, flow.Offer{Publisher: true, Took: waitsOf(all[:2]...), Gone: waitsOf(all[2]), To: all[3:]})
		same(w, "who gets the place that is free", got.To, waitsOf(all[3]))
		equal(w, "number of those who hold the others up", len(got.Held), 0)
		w.tell(e, flow.Offer{Publisher: true, Took: waitsOf(all[3])})
		equal(w, "buffered", w.finish(e, flow.PublishResult{ID: e.ID, Matched: 3}).Buffered, false)
	}},
	{"a kept event has its limit, too", func(w *world) {
		e, all := event("ev1"), someWaits(4)
		e.Limit, e.Keep = 2, true
		w.keep(e)
		equal(w, "number with a place", len(w.offer(e, all...).To), 2)
		w.tell(e, flow.Offer{Took: waitsOf(all[0])})
		equal(w, "number kept", len(w.kept("paid", nil)), 1)
		w.tell(e, flow.Offer{Took: waitsOf(all[1])})
		equal(w, "number kept in the end", len(w.kept("paid", nil)), 0)
	}},
	{"of a group at most so many take an event as it says", func(w *world) {
		e, two, one, free := event("ev1"), someWaits(3), someWaits(2), someWaits(2)
		for i := range two {
			two[i].Group = "2:key"
		}
		for i := range one {
			one[i].Group = "1:other"
		}
		w.record(e)
		got := w.publish(e, slices.Concat(two, one, free)...)
		same(w, "who has a place", got.To, waitsOf(two[0], two[1], one[0], free[0], free[1]))
		w.tell(e, flow.Offer{Publisher: true, Gone: waitsOf(two[0], one[0], free[0], free[1]), Took: waitsOf(two[1])})
		equal(w, "buffered", w.finish(e, flow.PublishResult{ID: e.ID, Matched: 1}).Buffered, true)
		same(w, "who has a place later", w.offer(e, slices.Concat(two[2:], two[:1], one)...).To, waitsOf(two[2], one[0]))
		w.tell(e, flow.Offer{Gone: waitsOf(one[0])})
		equal(w, "number kept", len(w.kept("paid", nil)), 1)
		w.tell(e, flow.Offer{Took: waitsOf(two[2])})
		equal(w, "number kept in the end", len(w.kept("paid", nil)), 0)
	}},
	{"a group that leaves an event to others does not use it up", func(w *world) {
		e, all := event("ev1"), someWaits(5)
		for i := range all[:4] {
			all[i].Group = "*"
		}
		w.record(e)
		w.publish(e, all[:2]...)
		w.tell(e, flow.Offer{Publisher: true, Took: waitsOf(all[:2]...)})
		equal(w, "buffered", w.finish(e, flow.PublishResult{ID: e.ID, Matched: 2}).Buffered, true)
		w.give(e, all[2], all[3])
		equal(w, "number kept", len(w.kept("paid", nil)), 1)
		w.give(e, all[4])
		equal(w, "number kept in the end", len(w.kept("paid", nil)), 0)
	}},
	{"waits that find an event while it is published are told to its publisher", func(w *world) {
		e, all := event("ev1"), someWaits(3)
		w.record(e)
		w.offer(e, all[0], all[1])
		w.publish(e, all[2])
		nobody := flow.PublishResult{ID: "ev1"}
		open, _, err := w.Store.FinishEvent(w.Context(), e, flow.Offer{Gone: waitsOf(all[2])}, &nobody)
		w.must(err)
		sameSet(w, "open", texts(open), texts(waitsOf(all[:2]...)))
		equal(w, "nothing was stored", w.record(e) == nil, true)
		w.tell(e, flow.Offer{Took: waitsOf(all[0])})
		_, took, err := w.Store.FinishEvent(w.Context(), e, flow.Offer{Gone: waitsOf(all[1])}, &nobody)
		w.must(err)
		sameSet(w, "took", texts(took), texts(waitsOf(all[0])))
		equal(w, "nothing was stored again", w.record(e) == nil, true)
		equal(w, "matched", w.finish(e, flow.PublishResult{ID: "ev1", Matched: 1}).Matched, 1)
		equal(w, "matched, for whoever repeats it", w.record(e).Matched, 1)
		equal(w, "for its publisher it is over", w.publish(e, all[2]).Over, true)
	}},
	{"an event whose publisher died is published by another", func(w *world) {
		quiet, next, err := w.Store.OverdueEvents(w.Context(), 10, time.Minute)
		w.must(err)
		equal(w, "number at first", len(quiet), 0)
		equal(w, "next", next, -1)
		e := event("ev1")
		e.Keep, e.Limit, e.Trace, e.TTL = true, 7, map[string]string{"traceparent": "00"}, time.Minute
		w.record(e)
		quiet, next, err = w.Store.OverdueEvents(w.Context(), 10, time.Minute)
		w.must(err)
		equal(w, "number while its publisher may live", len(quiet), 0)
		equal(w, "next within its time", next > 9*time.Second && next <= 10*time.Second, true)
		w.finish(e, flow.PublishResult{ID: e.ID})
		_, next, err = w.Store.OverdueEvents(w.Context(), 10, time.Minute)
		w.must(err)
		equal(w, "next, once it is finished", next, -1)
	}},
	{"so many events of a type are kept, and one more is refused", func(w *world) {
		most := w.KeptEvents
		for i := range most {
			w.keep(event(fmt.Sprintf("e%d", i)))
		}
		_, _, err := w.Store.RecordEvent(w.Context(), event("more"))
		equal(w, "code", flow.AsProblem(err).Code, "too_many_events")
		equal(w, "number kept", len(w.kept("paid", nil)), most)
		equal(w, "one that is known is answered", w.record(event("e0")) == nil, false)
		moment, other := event("moment"), event("other")
		moment.TTL, other.Type = -1, "sent"
		w.record(moment)
		w.record(other)
		w.give(event("e0"), someWaits(1)...)
		w.keep(event("more"))
	}},
	{"many events are kept side by side", func(w *world) {
		for range 60 {
			w.keep(event(flow.NewToken()))
		}
		equal(w, "number kept", len(w.kept("paid", nil)), 60)
	}},
}

func event(id string) flow.Event {
	return flow.Event{ID: id, Type: "paid", Data: json.RawMessage(`{"order":7}`)}
}

// someWaits makes waits of executions that do not exist.
func someWaits(n int) []flow.Taker {
	all := make([]flow.Taker, n)
	for i := range all {
		all[i].Wait = flow.SuspensionID{Execution: flow.NewExecutionID(0), Step: flow.StepID{Node: 1}, Turn: 1}
	}
	return all
}

func waitsOf(all ...flow.Taker) []flow.SuspensionID {
	var out []flow.SuspensionID
	for _, t := range all {
		out = append(out, t.Wait)
	}
	return out
}

func texts(all []flow.SuspensionID) []string {
	var out []string
	for _, w := range all {
		out = append(out, w.String())
	}
	return out
}

func (w *world) record(e flow.Event) *flow.PublishResult {
	w.Helper()
	_, known, err := w.Store.RecordEvent(w.Context(), e)
	w.must(err)
	return known
}

func (w *world) finish(e flow.Event, r flow.PublishResult) flow.PublishResult {
	w.Helper()
	open, took, err := w.Store.FinishEvent(w.Context(), e, flow.Offer{Publisher: true}, &r)
	w.must(err)
	equal(w, "number of waits that are not decided", len(open), 0)
	equal(w, "number of waits that are not counted", len(took), 0)
	return r
}

// keep publishes an event that resolves nobody.
func (w *world) keep(e flow.Event) flow.KeptEvent {
	w.Helper()
	w.record(e)
	w.finish(e, flow.PublishResult{ID: e.ID})
	return flow.KeptEvent{Event: e}
}

func (w *world) tell(e flow.Event, o flow.Offer) flow.Offered {
	w.Helper()
	got, err := w.Store.OfferEvent(w.Context(), e, o)
	w.must(err)
	return got
}

// offer asks for waits that found the event themselves; publish is its publisher's.
func (w *world) offer(e flow.Event, to ...flow.Taker) flow.Offered {
	w.Helper()
	return w.tell(e, flow.Offer{To: to})
}

func (w *world) publish(e flow.Event, to ...flow.Taker) flow.Offered {
	w.Helper()
	return w.tell(e, flow.Offer{Publisher: true, To: to})
}

// give has waits take an event.
func (w *world) give(e flow.Event, to ...flow.Taker) {
	w.Helper()
	got := w.offer(e, to...)
	w.tell(e, flow.Offer{Took: got.To})
}

func (w *world) kept(eventType string, filter map[string]any) []flow.KeptEvent {
	w.Helper()
	var all []flow.KeptEvent
	for cursor := ""; ; {
		got, next, err := w.Store.KeptEvents(w.Context(), flow.Subscription{Type: eventType, Filter: filter}, cursor, 100)
		w.must(err)
		all = append(all, got...)
		if cursor = next; cursor == "" {
			return all
		}
	}
}

func eventIDs(events []flow.KeptEvent) []string {
	out := []string{}
	for _, e := range events {
		out = append(out, e.ID)
	}
	return out
}
