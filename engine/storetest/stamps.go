package storetest

import (
	"encoding/json"
	"time"

	"prana/engine/flow"
)

var stampPromises = []promise{
	{"a step written gets its time and operation", func(w *world) {
		began := w.Now()
		s := step(0, flow.StepPending)
		c := birth(run(s))
		w.commit(c)
		got := w.whole(c.Execution).Steps[s.ID]
		w.stamped("written at", got.At, began, 0)
		w.stamped("created at", got.CreatedAt, began, 0)
		equal(w, "operation", got.Op, c.Op)
		equal(w, "never started", got.StartedAt.IsZero(), true)
		equal(w, "never ended", got.EndedAt.IsZero(), true)
	}},
	{"a step that suspends has a start and no end", func(w *world) {
		began := w.Now()
		s := waiting(0, flow.Wait{Type: flow.CustomWait})
		s.Ran = 1500 * time.Millisecond
		got := w.whole(w.create(suspend(s))).Steps[s.ID]
		w.stamped("started at", got.StartedAt, began, -1500*time.Millisecond)
		equal(w, "ended", got.EndedAt.IsZero(), true)
	}},
	{"a step that ends without having run has no start", func(w *world) {
		s := step(0, flow.StepCancelled)
		got := w.whole(w.create(steps(s))).Steps[s.ID]
		equal(w, "started", got.StartedAt.IsZero(), true)
		equal(w, "ended", got.EndedAt.IsZero(), false)
	}},
	{"a step that ends gets its end, and its start from how long it ran", func(w *world) {
		for _, status := range []flow.StepStatus{flow.StepCompleted, flow.StepFailed, flow.StepCancelled} {
			began := w.Now()
			s := step(0, status)
			s.Ran, s.Span = 1500*time.Millisecond, map[string]string{"traceparent": "x"}
			got := w.whole(w.create(steps(s))).Steps[s.ID]
			w.stamped("ended at", got.EndedAt, began, 0)
			w.stamped("started at", got.StartedAt, began, -1500*time.Millisecond)
			equal(w, "how long it ran is not stored", got.Ran, 0)
			equal(w, "its span is not stored", len(got.Span), 0)
		}
	}},
	{"times that are set stay", timesStay},
	{"only the last attempt is stamped", func(w *world) {
		began, old := w.Now(), w.Now().Add(-time.Hour).Truncate(time.Millisecond)
		s := waiting(0, flow.Wait{Type: flow.Retry, Timer: true, In: time.Second})
		s.Ran = 400 * time.Millisecond
		s.Attempts = []flow.Attempt{
			{Number: 0, StartedAt: old, EndedAt: old.Add(time.Second), Error: flow.Problemf("a", "first")},
			{Number: 1, Error: flow.Problemf("b", "second")},
		}
		got := w.whole(w.create(suspend(s))).Steps[s.ID].Attempts
		equal(w, "number of attempts", len(got), 2)
		equal(w, "first began", got[0].StartedAt.Equal(old), true)
		equal(w, "first ended", got[0].EndedAt.Equal(old.Add(time.Second)), true)
		w.stamped("second began", got[1].StartedAt, began, -400*time.Millisecond)
		w.stamped("second ended", got[1].EndedAt, began, 0)
		equal(w, "second error", got[1].Error.Code, "b")
	}},
	{"a wait gets its beginning and its time", func(w *world) {
		began := w.Now()
		s := waiting(0, flow.Wait{Type: flow.Delay, Timer: true, In: 90 * time.Minute})
		got := w.whole(w.create(suspend(s))).Steps[s.ID].Wait
		w.stamped("since", got.Since, began, 0)
		w.stamped("due", got.Due, began, 90*time.Minute)
		equal(w, "timer", got.Timer, true)
	}},
	{"a time given by people stays absolute", func(w *world) {
		at := w.Now().Add(72 * time.Hour).Truncate(time.Millisecond)
		s := waiting(0, flow.Wait{Type: flow.TimedWait, Timer: true, Until: at, In: time.Minute})
		got := w.whole(w.create(suspend(s))).Steps[s.ID].Wait
		equal(w, "due", got.Due.Equal(at), true)
	}},
	{"a time given by people may be 1970", func(w *world) {
		for _, timer := range []bool{true, false} {
			s := waiting(0, flow.Wait{Type: flow.TimedWait, Timer: timer, Until: time.UnixMilli(0)})
			got := w.whole(w.create(suspend(s))).Steps[s.ID].Wait
			equal(w, "due", got.Due.Equal(time.UnixMilli(0)), true)
		}
	}},
	{"a wait without end has no time", func(w *world) {
		s := waiting(0, flow.Wait{Type: flow.CustomWait, Data: json.RawMessage(`{"ask":"Ann"}`)})
		got := w.whole(w.create(suspend(s))).Steps[s.ID].Wait
		equal(w, "due", got.Due.IsZero(), true)
		equal(w, "data", string(got.Data), `{"ask":"Ann"}`)
	}},
	{"a resumption gets its time", func(w *world) {
		old := waiting(0, eventWait("paid", nil))
		id := w.create(suspend(old))
		began := w.Now()
		next := step(0, flow.StepPending)
		next.Turn = 1
		next.Resumed = &flow.Resumption{By: flow.ByEvent, Event: "ev1"}
		w.move(id, resolve(old, next, nil))
		got := w.whole(id).Steps[next.ID]
		w.stamped("resumed at", got.Resumed.At, began, 0)
		equal(w, "by", got.Resumed.By, flow.ByEvent)
		equal(w, "no wait is left", got.Wait == nil, true)
	}},
	{"the end of an execution has its time", func(w *world) {
		id := w.create()
		equal(w, "not ended", w.whole(id).EndedAt.IsZero(), true)
		began := w.Now()
		w.move(id, end(flow.Completed))
		w.stamped("ended at", w.whole(id).EndedAt, began, 0)
	}},
	{"a step comes back as it was written", stepComesBack},
}

func timesStay(w *world) {
	old := w.Now().Add(-48 * time.Hour).Truncate(time.Millisecond)
	s := step(0, flow.StepCompleted)
	s.CreatedAt, s.StartedAt, s.EndedAt = old, old.Add(time.Millisecond), old.Add(2*time.Millisecond)
	s.Ran = time.Minute
	s.Resumed = &flow.Resumption{By: flow.ByTimer, At: old}
	waits := waiting(1, flow.Wait{Type: flow.Delay, Timer: true, In: time.Hour, Since: old, Due: old.Add(time.Hour)})
	began := w.Now()
	x := w.whole(w.create(steps(s), suspend(waits)))
	got := x.Steps[s.ID]
	equal(w, "created", got.CreatedAt.Equal(old), true)
	equal(w, "started", got.StartedAt.Equal(old.Add(time.Millisecond)), true)
	equal(w, "ended", got.EndedAt.Equal(old.Add(2*time.Millisecond)), true)
	equal(w, "resumed", got.Resumed.At.Equal(old), true)
	w.stamped("written", got.At, began, 0)
	wait := x.Steps[waits.ID].Wait
	equal(w, "since", wait.Since.Equal(old), true)
	equal(w, "due", wait.Due.Equal(old.Add(time.Hour)), true)
}

func stepComesBack(w *world) {
	s := waiting(3, flow.Wait{
		Type: flow.Polling, Data: json.RawMessage(`{"polls":2}`), Timer: true, In: time.Minute, Child: "0child", Held: true,
		Event: &flow.Subscription{Type: "a|b", Filter: map[string]any{"x.y": "@z", "n": 1}, Match: "$event.ok"},
	})
	s.ID.Run, s.Attempt, s.Turn, s.Deaths, s.Port = 12, 3, 2, 1, "tïmeout"
	s.Inputs = []flow.Arrival{{Edge: 1, Port: "main", Ref: "o1.000"}, {Edge: 2, Port: "in2", Ref: "i"}}
	s.Children, s.Trace = []string{"0a", "0b"}, map[string]string{"traceparent": "00"}
	s.Error = &flow.Problem{Code: "http", Message: "|@\x00", Node: "call", Permanent: true, RetryAfter: time.Second, Details: map[string]any{"status": "404"}}
	id := w.create(suspend(s))
	got := w.whole(id).Steps[s.ID]
	if got == nil {
		w.Fatal("the step is not there")
	}
	want := *s
	want.Op, want.At, want.CreatedAt = got.Op, got.At, got.CreatedAt
	wait := *s.Wait
	wait.In, wait.Until = got.Wait.In, got.Wait.Until // only Due matters once it is stored
	wait.Due, wait.Since = got.Wait.Due, got.Wait.Since
	want.Wait = &wait
	same(w, "step", got, want)
}
