package storetest

import (
	"encoding/json"
	"time"

	"prana/engine/flow"
)

var eventPromises = []promise{
	{"an id counts once", func(w *world) {
		e := event("ev1")
		equal(w, "new", w.record(e) == nil, true)
		equal(w, "number kept", len(w.kept("paid", nil)), 1)
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
		equal(w, "taker", got[0].Taker, "")
		equal(w, "open", got[0].Open, false)
	}},
	{"an event that resolved somebody is not kept", func(w *world) {
		w.record(event("ev1"))
		equal(w, "buffered", w.finish(event("ev1"), flow.PublishResult{ID: "ev1", Matched: 1}).Buffered, false)
		equal(w, "number kept", len(w.kept("paid", nil)), 0)
	}},
	{"unless it says so", func(w *world) {
		e := event("ev1")
		e.Keep = true
		w.record(e)
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
		took, err := w.Store.TakeEvent(w.Context(), flow.KeptEvent{Event: short}, suspensionID(flow.NewExecutionID(0), step(0, flow.StepPending)), "")
		w.must(err)
		equal(w, "the other can be taken", took, false)
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
		two, err := w.Store.KeptEvents(w.Context(), flow.Subscription{Type: "paid"}, 2)
		w.must(err)
		same(w, "first two", eventIDs(two), []string{"c", "a"})
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
	{"of 20 concurrent takers one has the event", func(w *world) {
		k := w.keep(event("ev1"))
		won := race(20, func(int) bool {
			took, err := w.Store.TakeEvent(w.Context(), k, someWait(), "")
			if err != nil {
				w.Error(err)
			}
			return took
		})
		equal(w, "number of takers", won, 1)
	}},
	{"taking again is answered like the first", func(w *world) {
		k, wait := w.keep(event("ev1")), someWait()
		equal(w, "first", w.take(k, wait, ""), true)
		equal(w, "again", w.take(k, wait, ""), true)
		equal(w, "somebody else", w.take(k, someWait(), ""), false)
		got := w.kept("paid", nil)
		equal(w, "number kept", len(got), 1)
		equal(w, "taker", got[0].Taker, wait.String())
	}},
	{"waits that find an event while it is published are told to its publisher", func(w *world) {
		e, one, two := event("ev1"), someWait(), someWait()
		w.record(e)
		w.take(flow.KeptEvent{Event: e, Open: true}, one, "")
		w.take(flow.KeptEvent{Event: e, Open: true}, two, "")
		w.take(flow.KeptEvent{Event: e}, someWait(), "") // asked by the publisher itself
		nobody := flow.PublishResult{ID: "ev1"}
		takers, err := w.Store.FinishEvent(w.Context(), e, &nobody)
		w.must(err)
		sameSet(w, "takers", []string{takers[0].String(), takers[len(takers)-1].String()}, []string{one.String(), two.String()})
		equal(w, "nothing was stored", w.record(e) == nil, true)
		equal(w, "matched", w.finish(e, flow.PublishResult{ID: "ev1", Matched: 2}).Matched, 2)
		equal(w, "matched, for whoever repeats it", w.record(e).Matched, 2)
	}},
	{"an event that is being published has one taker, too", func(w *world) {
		e, wait := event("ev1"), someWait()
		w.record(e)
		k := flow.KeptEvent{Event: e, Open: true}
		equal(w, "first", w.take(k, wait, ""), true)
		equal(w, "somebody else", w.take(k, someWait(), ""), false)
		got := w.kept("paid", nil)
		equal(w, "number kept", len(got), 1)
		equal(w, "taker", got[0].Taker, wait.String())
		equal(w, "open", got[0].Open, true)
	}},
	{"a taker is replaced by who knows it", func(w *world) {
		k, dead, heir := w.keep(event("ev1")), someWait(), someWait()
		w.take(k, dead, "")
		equal(w, "not by a stranger", w.take(k, heir, someWait().String()), false)
		equal(w, "by who knows it", w.take(k, heir, dead.String()), true)
		equal(w, "once", w.take(k, someWait(), dead.String()), false)
		equal(w, "and the answer stays", w.take(k, heir, dead.String()), true)
		equal(w, "taker", w.kept("paid", nil)[0].Taker, heir.String())
	}},
	{"a dropped event is gone", func(w *world) {
		k, wait := w.keep(event("ev1")), someWait()
		w.take(k, wait, "")
		w.must(w.Store.DropEvent(w.Context(), k))
		w.must(w.Store.DropEvent(w.Context(), k))
		equal(w, "number kept", len(w.kept("paid", nil)), 0)
		equal(w, "nobody takes it", w.take(k, someWait(), ""), false)
		equal(w, "its id still counts once", w.record(event("ev1")) == nil, false)
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

func someWait() flow.SuspensionID {
	return flow.SuspensionID{Execution: flow.NewExecutionID(0), Step: flow.StepID{Node: 1}}
}

func (w *world) record(e flow.Event) *flow.PublishResult {
	w.Helper()
	known, err := w.Store.RecordEvent(w.Context(), e)
	w.must(err)
	return known
}

func (w *world) finish(e flow.Event, r flow.PublishResult) flow.PublishResult {
	w.Helper()
	takers, err := w.Store.FinishEvent(w.Context(), e, &r)
	w.must(err)
	equal(w, "number of takers that are not counted", len(takers), 0)
	return r
}

// keep publishes an event that resolves nobody.
func (w *world) keep(e flow.Event) flow.KeptEvent {
	w.Helper()
	w.record(e)
	w.finish(e, flow.PublishResult{ID: e.ID})
	return flow.KeptEvent{Event: e}
}

func (w *world) kept(eventType string, filter map[string]any) []flow.KeptEvent {
	w.Helper()
	got, err := w.Store.KeptEvents(w.Context(), flow.Subscription{Type: eventType, Filter: filter}, 100)
	w.must(err)
	return got
}

func (w *world) take(k flow.KeptEvent, wait flow.SuspensionID, from string) bool {
	w.Helper()
	took, err := w.Store.TakeEvent(w.Context(), k, wait, from)
	w.must(err)
	return took
}

func eventIDs(events []flow.KeptEvent) []string {
	out := []string{}
	for _, e := range events {
		out = append(out, e.ID)
	}
	return out
}
