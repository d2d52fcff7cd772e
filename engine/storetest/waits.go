package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"prana/engine/flow"
)

var waitPromises = append(filterPromises(), []promise{
	{"waits come oldest first", func(w *world) {
		var want []string
		for range 4 {
			want = append(want, w.subscribe("paid", nil))
			w.Advance(5 * time.Millisecond)
		}
		same(w, "waits", w.waiting("paid", `{}`, 10), want)
	}},
	{"several shapes of one type are all found", func(w *world) {
		want := []string{
			w.subscribe("paid", nil),
			w.subscribe("paid", map[string]any{"order": 7}),
			w.subscribe("paid", map[string]any{"order": 7, "user.name": "ann"}),
			w.subscribe("paid", map[string]any{"user.name": "ann"}),
		}
		w.subscribe("paid", map[string]any{"user.name": "bob"})
		w.subscribe("paid", map[string]any{"order": 7, "missing": 1})
		w.subscribe("sent", nil)
		sameSet(w, "waits", w.waiting("paid", `{"order":7,"user":{"name":"ann"}}`, 10), want)
	}},
	{"250 waits are read by pages", func(w *world) {
		var want []string
		for i := range 250 {
			filter := map[string]any{"order": 7}
			if i%3 == 0 {
				filter = nil
			}
			want = append(want, w.subscribe("paid", filter))
		}
		sameSet(w, "waits", w.waiting("paid", `{"order":7}`, 100), want)
		sameSet(w, "waits in small pages", w.waiting("paid", `{"order":7}`, 7), want)
	}},
	{"waits that end while they are paged hide no other", func(w *world) {
		all := map[string]*flow.Step{}
		for range 10 {
			s := waiting(0, eventWait("paid", nil))
			all[suspensionID(w.create(suspend(s)), s).String()] = s
		}
		e := flow.Event{ID: "ev", Type: "paid", Data: json.RawMessage(`{}`)}
		var got []string
		cursor := ""
		for range 100 {
			page, next, err := w.Store.Waiting(w.Context(), e, nil, cursor, 3)
			w.must(err)
			for _, t := range page {
				got = append(got, t.Wait.String())
				w.move(t.Wait.Execution, resolve(all[t.Wait.String()], step(0, flow.StepPending), nil))
			}
			if cursor = next; cursor == "" {
				break
			}
		}
		equal(w, "number of waits seen", len(got), 10)
		equal(w, "number of waits left", len(w.waiting("paid", `{}`, 10)), 0)
	}},
	{"a wait that ended is not found, the next one of its step is", func(w *world) {
		old := waiting(0, eventWait("paid", map[string]any{"n": 1}))
		id := w.create(suspend(old))
		next := waiting(0, eventWait("paid", map[string]any{"n": 2}))
		next.Turn = 1
		w.move(id, resolve(old, next, nil), func(c *flow.Change) {
			c.Opened = []flow.SuspensionID{suspensionID(id, next)}
		})
		equal(w, "number of old waits", len(w.waiting("paid", `{"n":1}`, 10)), 0)
		same(w, "waits", w.waiting("paid", `{"n":2}`, 10), []string{suspensionID(id, next).String()})
	}},
	{"a filter keeps its numbers to the last digit", func(w *world) {
		for _, number := range []string{"9007199254740993", "12345678901234567890", "0.12345678901234567890123", "1e999", "-1e-400"} {
			n, err := flow.Number(number)
			w.must(err)
			s := waiting(0, eventWait("paid", map[string]any{"n": n}))
			id := w.create(suspend(s))
			x, err := w.Store.Load(w.Context(), id, flow.Want{All: true})
			w.must(err)
			got := x.Steps[s.ID]
			equal(w, "list of "+number, got.Wait.Event.Key(), s.Wait.Event.Key())
			same(w, "waits for "+number, w.waiting("paid", `{"n":`+number+`}`, 10), []string{suspensionID(id, s).String()})
			w.move(id, resolve(got, step(0, flow.StepPending), nil))
			equal(w, "number of waits left for "+number, len(w.waiting("paid", `{"n":`+number+`}`, 10)), 0)
		}
	}},
	{"all partitions are asked together, oldest first", func(w *world) {
		var want []string
		for n := range 30 {
			c, s := birth(), waiting(0, eventWait("paid", [...]map[string]any{nil, {"n": 1}, {"m": 2}}[n%3]))
			c.Execution = flow.NewExecutionID(n % 2)
			suspend(s)(c)
			w.commit(c)
			want = append(want, suspensionID(c.Execution, s).String())
			w.Advance(2 * time.Millisecond)
		}
		for _, limit := range []int{1, 4, 29, 30, 100} {
			same(w, fmt.Sprintf("waits in pages of %d", limit), w.waiting("paid", `{"n":1,"m":2}`, limit), want)
		}
	}},
	{"many waits of the same millisecond are all found", func(w *world) {
		var want []string
		c := birth()
		for n := range 70 {
			s := waiting(n, eventWait("paid", nil))
			suspend(s)(c)
			want = append(want, suspensionID(c.Execution, s).String())
		}
		w.commit(c)
		for _, limit := range []int{1, 3, 69, 70} {
			sameSet(w, fmt.Sprintf("waits in pages of %d", limit), w.waiting("paid", `{}`, limit), want)
		}
	}},
	{"a wait says with whom it shares places of an event", func(w *world) {
		e := flow.Event{ID: "e", Type: "paid", Data: json.RawMessage(`{"n":1.0}`)}
		for _, takers := range []int{0, flow.AllTakers, 1, 3} {
			sub := eventWait("paid", map[string]any{"n": 1})
			sub.Event.Takers = takers
			s := waiting(0, sub)
			id := w.create(suspend(s))
			page, _, err := w.Store.Waiting(w.Context(), e, nil, "", 10)
			w.must(err)
			i := slices.IndexFunc(page, func(t flow.Taker) bool { return t.Wait.Execution == id })
			if i < 0 {
				w.Fatalf("the wait of %d takers is not found", takers)
			}
			equal(w, "group", page[i].Group, sub.Event.Group())
			others, _, err := w.Store.Waiting(w.Context(), e, []string{page[i].Group, "x"}, "", 10)
			w.must(err)
			equal(w, "number without that group", len(others), len(page)-1)
			equal(w, "places", flow.Places(page[i].Group), max(0, takers))
			same(w, "what is stored", w.whole(id).Steps[s.ID].Wait.Event, sub.Event)
		}
	}},
	{"a wait with a match is offered by type and filter alone", func(w *world) {
		s := waiting(0, eventWait("paid", nil))
		s.Wait.Event.Match = "match"
		id := w.create(suspend(s))
		same(w, "waits", w.waiting("paid", `{"amount":1}`, 10), []string{suspensionID(id, s).String()})
	}},
}...)

// filterPromises say which data satisfies which filter.
func filterPromises() []promise {
	var out []promise
	for _, c := range []struct {
		name   string
		filter map[string]any
		yes    []string
		no     []string
	}{
		{"no filter: any data", nil, []string{`{}`, `{"a":1}`, `null`, `[]`, `"x"`}, nil},
		{"empty filter: any data", map[string]any{}, []string{`{}`, `7`}, nil},
		{
			"numbers: 1 is 1.0 and not \"1\"",
			map[string]any{"n": 1},
			[]string{`{"n":1}`, `{"n":1.0}`, `{"n":1e0}`},
			[]string{`{"n":"1"}`, `{"n":2}`, `{"n":true}`, `{"n":[1]}`, `{}`},
		},
		{"numbers: 1.0 is 1", map[string]any{"n": 1.0}, []string{`{"n":1}`, `{"n":1.0}`}, []string{`{"n":1.5}`}},
		{
			"paths into objects and lists",
			map[string]any{"order.items[1].id": "b"},
			[]string{`{"order":{"items":[{"id":"a"},{"id":"b"}]}}`},
			[]string{`{"order":{"items":[{"id":"b"}]}}`, `{"order":{}}`, `{"order.items[1].id":"b"}`, `null`},
		},
		{"null is a value, missing is none", map[string]any{"x": nil}, []string{`{"x":null}`}, []string{`{}`, `{"x":0}`}},
		{
			"objects in any order of keys",
			map[string]any{"o": map[string]any{"a": 1, "b": []any{2.0, "c"}}},
			[]string{`{"o":{"b":[2,"c"],"a":1.0}}`},
			[]string{`{"o":{"b":["c",2],"a":1}}`, `{"o":{"a":1}}`},
		},
		{
			"odd texts",
			map[string]any{"a": "x|@\x00y", "b": "<&>ü🙂"},
			[]string{`{"a":"x|@\u0000y","b":"<&>ü🙂"}`},
			[]string{`{"a":"x|@","b":"<&>ü🙂"}`, `{"a":"x|@\u0000y"}`},
		},
	} {
		out = append(out, promise{c.name, func(w *world) {
			want := []string{w.subscribe("paid", c.filter)}
			for _, data := range c.yes {
				same(w, "waits for "+data, w.waiting("paid", data, 10), want)
			}
			for _, data := range c.no {
				equal(w, "number of waits for "+data, len(w.waiting("paid", data, 10)), 0)
			}
			equal(w, "number of waits for another type", len(w.waiting("paid2", c.yes[0], 10)), 0)
		}})
	}
	return out
}

// subscribe creates an execution that waits for an event, and names the wait.
func (w *world) subscribe(eventType string, filter map[string]any) string {
	w.Helper()
	s := waiting(0, eventWait(eventType, filter))
	return suspensionID(w.create(suspend(s)), s).String()
}

// waiting reads all pages of the waits that an event matches.
func (w *world) waiting(eventType, data string, limit int) []string {
	w.Helper()
	e := flow.Event{ID: "ev", Type: eventType, Data: json.RawMessage(data)}
	var out []string
	cursor := ""
	for range 1000 {
		page, next, err := w.Store.Waiting(w.Context(), e, nil, cursor, limit)
		w.must(err)
		if len(page) > limit {
			w.Fatalf("a page has %d waits, want at most %d", len(page), limit)
		}
		for _, t := range page {
			out = append(out, t.Wait.String())
		}
		if cursor = next; cursor == "" {
			if n := len(out); len(slices.Compact(slices.Sorted(slices.Values(out)))) != n {
				w.Fatal("a wait was given twice")
			}
			return out
		}
	}
	w.Fatal("the list of waits has no end")
	return nil
}
