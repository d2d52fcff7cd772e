package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"prana/engine/flow"
)

var commitPromises = []promise{
	{"a new execution is what it was born as", bornWhole},
	{"creating twice is refused", func(w *world) {
		c := birth()
		w.commit(c)
		again := birth()
		again.Execution = c.Execution
		w.wantErr(w.Store.Commit(w.Context(), again), flow.ErrExists)
		equal(w, "revision", w.whole(c.Execution).Rev, c.Op)
	}},
	{"repeating a creation is answered like the first", func(w *world) {
		c := birth(run(step(0, flow.StepPending)), owe("a"))
		w.commit(c)
		w.commit(c)
		equal(w, "number of tasks", len(w.Tasks(0)), 1)
		out, err := w.Store.Outbox(w.Context(), c.Execution)
		w.must(err)
		equal(w, "number of debts", len(out), 1)
	}},
	{"repeating a change is answered like the first", func(w *world) {
		id := w.create()
		c := w.change(id, takes("ev1", 1, 1), owe("a"), suspend(waiting(0, eventWait("paid", nil))))
		w.commit(c)
		w.commit(c)
		out, err := w.Store.Outbox(w.Context(), id)
		w.must(err)
		equal(w, "number of debts", len(out), 1)
	}},
	{"a repetition after later commits is stale, and its step tells who wrote it", func(w *world) {
		id := w.create()
		c := w.move(id, steps(step(3, flow.StepCompleted)))
		w.move(id, steps(step(4, flow.StepCompleted)))
		w.wantErr(w.Store.Commit(w.Context(), c), flow.ErrStale)
		equal(w, "operation of the step", w.whole(id).Steps[flow.StepID{Node: 3}].Op, c.Op)
	}},
	{"a creation repeated after later commits exists already", func(w *world) {
		c := birth()
		w.commit(c)
		w.move(c.Execution)
		w.wantErr(w.Store.Commit(w.Context(), c), flow.ErrExists)
	}},
	{"a stale change changes nothing", staleChangesNothing},
	{"the first reply stands", func(w *world) {
		id := w.create()
		w.move(id, reply(`{"n":1}`))
		w.move(id, reply(`{"n":2}`), end(flow.Completed))
		x := w.whole(id)
		equal(w, "reply", string(x.Reply), `{"n":1}`)
		equal(w, "status", x.Status, flow.Completed)
	}},
	{"a reply comes back byte for byte", func(w *world) {
		for i, text := range oddValues() {
			if got := string(w.load(w.create(reply(text)), flow.Want{Reply: true}).Reply); got != text {
				w.Errorf("reply %d is %s, want %s", i, flow.Cut(got, 80), flow.Cut(text, 80))
			}
		}
	}},
	{"a change of what never existed is stale", func(w *world) {
		c := birth()
		c.Prev, c.Head, c.Workflow = flow.NewToken(), nil, "order"
		w.wantErr(w.Store.Commit(w.Context(), c), flow.ErrStale)
	}},
	{"two changes are stored together", func(w *world) {
		parent := w.create()
		child := birth(childOf(parent), run(step(0, flow.StepPending)))
		both := []*flow.Change{w.change(parent, suspend(waiting(1, flow.Wait{Type: flow.SubWorkflow, Child: child.Execution}))), child}
		w.commit(both...)
		w.commit(both...)
		equal(w, "parent", w.whole(parent).Status, flow.Suspended)
		equal(w, "child", w.whole(child.Execution).Rev, child.Op)
		equal(w, "number of tasks", len(w.Tasks(0)), 1)
	}},
	{"when the second is stale the first is not stored", func(w *world) { twoWithOneStale(w, 1) }},
	{"when the first is stale the second is not stored", func(w *world) { twoWithOneStale(w, 0) }},
	{"a creation is not stored beside a stale change", func(w *world) {
		id := w.create()
		stale := w.change(id)
		w.move(id)
		child := birth(run(step(0, flow.StepPending)))
		w.wantErr(w.Store.Commit(w.Context(), child, stale), flow.ErrStale)
		_, err := w.Store.Load(w.Context(), child.Execution, flow.Want{})
		w.wantErr(err, flow.ErrNotFound)
		equal(w, "number of tasks", len(w.Tasks(0)), 0)
	}},
	{"a repetition of two is recognised when one moved on", func(w *world) {
		a, b := w.create(), w.create()
		both := []*flow.Change{w.change(a), w.change(b)}
		w.commit(both...)
		w.move(a)
		w.commit(both...)
		equal(w, "revision of the other", w.whole(b).Rev, both[1].Op)
	}},
	{"every terminal status absorbs", func(w *world) {
		for _, status := range []flow.Status{flow.Completed, flow.Failed, flow.Cancelled, flow.TimedOut} {
			id := w.create(end(status))
			late := w.change(id, run(step(0, flow.StepPending)))
			late.Front.Status = flow.Running
			w.wantErr(w.Store.Commit(w.Context(), late), flow.ErrStale)
			equal(w, "status", w.whole(id).Status, status)
		}
		equal(w, "number of tasks", len(w.Tasks(0)), 0)
	}},
	{"quarantine is not the end", func(w *world) {
		id := w.create(func(c *flow.Change) { c.Front.Status = flow.Quarantined }, steps(step(0, flow.StepQuarantined)))
		w.move(id, run(step(0, flow.StepPending)), func(c *flow.Change) { c.Front.Status = flow.Running })
		equal(w, "status", w.whole(id).Status, flow.Running)
	}},
	{"a revived execution lives again", func(w *world) {
		id := w.create(end(flow.Failed), func(c *flow.Change) { c.Error = flow.Problemf("broken", "it broke") })
		w.move(id, revive, cleared("broken", "it broke"), run(step(0, flow.StepPending)))
		x := w.whole(id)
		equal(w, "status", x.Status, flow.Running)
		equal(w, "ended", x.EndedAt.IsZero(), true)
		equal(w, "no error is left", x.Error == nil, true)
		w.move(id)
	}},
	{"a revived execution is listed as it is, is not purged, and its deadline stands where it was moved", func(w *world) {
		id := w.create(timeout(time.Minute))
		w.move(id, end(flow.Failed))
		began := w.Now()
		w.quietFor(began, -1)
		w.move(id, revive, func(c *flow.Change) { c.Deadline = began.Add(time.Hour) })
		w.quietFor(began, time.Hour)
		for status, want := range map[flow.Status]int{flow.Failed: 0, flow.Running: 1} {
			page, err := w.Store.Executions(w.Context(), flow.ExecutionFilter{Status: status})
			w.must(err)
			equal(w, "number that is "+string(status), len(page.Items), want)
		}
		equal(w, "number of purged", w.purge(map[flow.Status]time.Duration{flow.Failed: -time.Hour}, 10), 0)
		w.move(id, end(flow.Completed))
		w.quietFor(began, -1)
	}},
	{"an execution may be revived and end in one commit", func(w *world) {
		id := w.create(timeout(time.Minute), end(flow.Failed), func(c *flow.Change) { c.Error = flow.Problemf("broken", "it broke") })
		began := w.Now()
		w.move(id, revive, cleared("broken", "it broke"), end(flow.Completed), func(c *flow.Change) { v := raw("7"); c.Result, c.Deadline = &v, began.Add(time.Hour) })
		x := w.whole(id)
		equal(w, "status", x.Status, flow.Completed)
		equal(w, "ended", x.EndedAt.IsZero(), false)
		equal(w, "result", string(x.Result), "7")
		equal(w, "no error is left", x.Error == nil, true)
		w.quietFor(began, -1)
		w.wantErr(w.Store.Commit(w.Context(), w.change(id)), flow.ErrStale)
	}},
	{"an execution leaves its quarantine without the error of it", func(w *world) {
		id := w.create(func(c *flow.Change) { c.Front.Status, c.Error = flow.Quarantined, flow.Problemf("poison", "five died") }, steps(step(0, flow.StepQuarantined)))
		w.move(id, revive, cleared("poison", "five died"), run(step(0, flow.StepPending)))
		x := w.whole(id)
		equal(w, "status", x.Status, flow.Running)
		equal(w, "no error is left", x.Error == nil, true)
	}},
	{"an execution takes an event once, by the waits that stood then", func(w *world) {
		id := w.create()
		w.move(id, takes("ev1", 3, 7))
		w.move(id, takes("ev1", 5, 9)) // another wait that stood, too
		late := w.change(id, takes("ev1", 8, 12), steps(step(2, flow.StepCompleted)))
		w.wantErr(w.Store.Commit(w.Context(), late), flow.ErrTaken)
		x := w.whole(id)
		equal(w, "revision is the old one", x.Rev == late.Op, false)
		equal(w, "number of steps", len(x.Steps), 0)
		w.move(id, takes("ev2", 8, 12)) // it may take another event
		other := w.create()
		w.move(other, takes("ev1", 8, 12)) // and another execution this one
	}},
	{"an event taken before undoes the whole commit", func(w *world) {
		a, b := w.create(), w.create()
		w.move(a, takes("ev1", 1, 1))
		before := w.whole(b).Rev
		w.wantErr(w.Store.Commit(w.Context(), w.change(b), w.change(a, takes("ev1", 9, 9))), flow.ErrTaken)
		equal(w, "revision of the other", w.whole(b).Rev, before)
	}},
	{"of 50 concurrent commits exactly one wins", oneOfFifty},
	{"of 20 concurrent creations exactly one wins", func(w *world) {
		id := flow.NewExecutionID(0)
		won := race(20, func(int) bool {
			c := birth()
			c.Execution = id
			return w.Store.Commit(w.Context(), c) == nil
		})
		equal(w, "number of winners", won, 1)
	}},
	{"a large fan-out is stored at once", largeFanOut},
	{"shared state is set and removed", sharedState},
}

func bornWhole(w *world) {
	parent := w.create()
	c := birth(childOf(parent), func(c *flow.Change) {
		c.Head.StartID, c.Head.Tags = "order 7", map[string]string{"team|a": "ü@\x00"}
		c.Head.From, c.Head.Only, c.Head.RerunOf = "pay", true, parent
		c.Head.Trace = map[string]string{"traceparent": "00-1-2-01"}
		c.Front = flow.Front{
			Status: flow.Running, Seq: 4, Transitions: 3, Generation: 2, Retries: []string{"a", "b"}, Stood: 1500 * time.Millisecond,
			Ends: map[int]int{5: 1},
			Region: flow.Region{
				Live:  map[int]flow.Live{2: {Pending: 1, Suspended: 2}, 6: {Open: 1}},
				Joins: map[int]*flow.Open{4: {Fired: true, Arrived: []flow.Arrival{{Edge: 1, Port: "main", Ref: "o1.000"}}}},
			},
			InParts: flow.Live{Pending: 1, Suspended: 1},
			Ready:   []flow.StepID{{Node: 6, Run: 1}},
		}
		c.Nodes = map[int]flow.NodeState{0: {Runs: 2, Last: 1}, 7: {Runs: 1, Last: -1}}
	})
	began := w.Now()
	w.commit(c)
	x := w.whole(c.Execution)
	equal(w, "id", x.ID, c.Execution)
	equal(w, "revision", x.Rev, c.Op)
	w.stamped("birth", x.CreatedAt, began, 0)
	w.stamped("clock", x.Now, began, 0)
	c.Head.CreatedAt = x.CreatedAt
	same(w, "head", x.Head, c.Head)
	same(w, "front", x.Front, c.Front)
	same(w, "nodes", x.Nodes, c.Nodes)
	same(w, "input", x.Input, c.Input)
	equal(w, "whole", x.Whole, true)
}

func staleChangesNothing(w *world) {
	id := w.create()
	late := w.change(id, run(step(0, flow.StepPending)), owe("a"), takes("ev1", 1, 1), value("o0.000", raw("1")), end(flow.Completed),
		func(c *flow.Change) { c.State = map[string]json.RawMessage{"k": json.RawMessage("1")} })
	w.move(id)
	before := w.whole(id)
	w.wantErr(w.Store.Commit(w.Context(), late), flow.ErrStale)
	now := w.whole(id)
	now.Now = before.Now
	same(w, "revision", now.Rev, before.Rev)
	same(w, "front", now.Front, before.Front)
	equal(w, "number of steps, values and state", len(now.Steps)+len(now.State), 0)
	equal(w, "number of tasks", len(w.Tasks(0)), 0)
	w.quietFor(w.Now(), -1)
	w.move(id, takes("ev1", 1, 1)) // was not taken
}

func twoWithOneStale(w *world, stale int) {
	ids := []string{w.create(), w.create()}
	var both []*flow.Change
	for _, id := range ids {
		both = append(both, w.change(id, run(step(0, flow.StepPending)), owe("a")))
	}
	w.move(ids[stale])
	before := w.whole(ids[1-stale])
	w.wantErr(w.Store.Commit(w.Context(), both...), flow.ErrStale)
	x := w.whole(ids[1-stale])
	equal(w, "revision of the other", x.Rev, before.Rev)
	equal(w, "number of steps of the other", len(x.Steps), 0)
	equal(w, "number of tasks", len(w.Tasks(0)), 0)
}

func oneOfFifty(w *world) {
	id := w.create()
	seen := w.load(id, flow.Want{})
	won := race(50, func(i int) bool {
		err := w.Store.Commit(w.Context(), after(seen, steps(step(i, flow.StepCompleted)), owe(fmt.Sprint(i))))
		if err != nil && !errors.Is(err, flow.ErrStale) {
			w.Error(err)
		}
		return err == nil
	})
	equal(w, "number of winners", won, 1)
	equal(w, "number of steps", len(w.whole(id).Steps), 1)
	out, err := w.Store.Outbox(w.Context(), id)
	w.must(err)
	equal(w, "number of debts", len(out), 1)
}

func largeFanOut(w *world) {
	var now, later []*flow.Step
	for i := range flow.MaxDispatch {
		now = append(now, step(i, flow.StepPending))
	}
	for i := range 50 {
		later = append(later, step(1000+i, flow.StepPending))
	}
	began := w.Now()
	id := w.create(run(now...), steps(later...))
	equal(w, "number of tasks", len(w.Tasks(0)), 100)
	equal(w, "number of steps", len(w.whole(id).Steps), 150)
	due, _ := w.due(200, flow.FreshDue*2)
	equal(w, "number of steps due at once", len(due), 50)
	for _, e := range due {
		if e.Execution != id || e.Kind != flow.DueStep || e.Step.Node < 1000 {
			w.Errorf("%v is due", e)
		}
	}
	w.quietFor(began, flow.FreshDue)
}

func sharedState(w *world) {
	id := w.create(func(c *flow.Change) {
		c.State = map[string]json.RawMessage{"a": json.RawMessage("1"), "b|@\x00": json.RawMessage(`"x"`), "c": json.RawMessage("null")}
	})
	w.move(id, func(c *flow.Change) {
		c.State = map[string]json.RawMessage{"a": nil, "d": json.RawMessage(`[]`), "gone": nil}
	})
	want := map[string]string{"b|@\x00": `"x"`, "c": "null", "d": "[]"}
	x := w.load(id, flow.Want{State: true})
	equal(w, "number of keys", len(x.State), len(want))
	for key, v := range want {
		equal(w, "state "+key, string(x.State[key]), v)
	}
}
