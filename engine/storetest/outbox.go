package storetest

import (
	"time"

	"prana/engine/flow"
)

var outboxPromises = []promise{
	{"a debt stands until it is delivered", func(w *world) {
		id := w.create(owe("a"))
		w.move(id, owe("b", "c"))
		sameSet(w, "debts", w.debts(id), []string{"a", "b", "c"})
		w.deliver(id, "b")
		w.deliver(id, "b")
		sameSet(w, "debts", w.debts(id), []string{"a", "c"})
		out, err := w.Store.Outbox(w.Context(), id)
		w.must(err)
		equal(w, "kind", out[0].Kind, flow.SendAlert)
		equal(w, "to", out[0].To, "somebody")
		equal(w, "data", string(out[0].Data), `{"id":"`+out[0].ID+`"}`)
	}},
	{"the line goes with the last debt", func(w *world) {
		began := w.Now()
		id := w.create(owe("a", "b"))
		w.deliver(id, "a")
		w.quietFor(began, flow.OutboxDue)
		w.deliver(id, "b")
		w.quietFor(began, -1)
	}},
	{"delivering leaves the revision alone", func(w *world) {
		id := w.create(owe("a"))
		c := w.change(id)
		w.deliver(id, "a")
		w.commit(c)
	}},
	{"nothing is owed by who does not exist", func(w *world) {
		id := flow.NewExecutionID(0)
		equal(w, "number of debts", len(w.debts(id)), 0)
		w.deliver(id, "a")
	}},
}

var purgePromises = []promise{
	{"only what ended is purged", func(w *world) {
		live := []string{w.create(), w.create(suspend(waiting(0, eventWait("paid", nil)))), w.create(func(c *flow.Change) { c.Front.Status = flow.Quarantined })}
		w.create(end(flow.Completed))
		w.Advance(2 * slack)
		all := map[flow.Status]time.Duration{}
		for _, s := range flow.Statuses() {
			all[s] = 0
		}
		equal(w, "purged", w.purge(all, 100), 1)
		for _, id := range live {
			w.whole(id)
		}
	}},
	{"each status has its own age", func(w *world) {
		completed, failed, cancelled := w.create(end(flow.Completed)), w.create(end(flow.Failed)), w.create(end(flow.Cancelled))
		w.Advance(2 * slack)
		age := map[flow.Status]time.Duration{flow.Completed: 0, flow.Failed: time.Hour}
		equal(w, "purged", w.purge(age, 100), 1)
		w.gone(completed)
		w.whole(failed)
		w.whole(cancelled) // no age, no purge
	}},
	{"age counts from the end", func(w *world) {
		id := w.create()
		w.Advance(nap)
		w.move(id, end(flow.Completed))
		age := map[flow.Status]time.Duration{flow.Completed: nap}
		equal(w, "purged too early", w.purge(age, 100), 0)
		w.Advance(nap + 2*slack)
		equal(w, "purged", w.purge(age, 100), 1)
		w.gone(id)
	}},
	{"a purge is bounded", func(w *world) {
		for range 5 {
			w.create(end(flow.Completed))
		}
		w.Advance(2 * slack)
		for _, want := range []int{2, 2, 1, 0} {
			equal(w, "purged", w.purge(map[flow.Status]time.Duration{flow.Completed: 0}, 2), want)
		}
	}},
	{"who owes something is not purged", func(w *world) {
		id := w.create(owe("a"), end(flow.Completed))
		w.Advance(2 * slack)
		age := map[flow.Status]time.Duration{flow.Completed: 0}
		equal(w, "purged while it owes", w.purge(age, 100), 0)
		w.deliver(id, "a")
		w.Advance(2 * slack)
		equal(w, "purged", w.purge(age, 100), 1)
		w.gone(id)
	}},
	{"who was revived is not purged", func(w *world) {
		id := w.create(end(flow.Failed))
		w.move(id, revive)
		w.Advance(2 * slack)
		equal(w, "purged", w.purge(map[flow.Status]time.Duration{flow.Failed: 0, flow.Running: 0}, 100), 0)
		w.whole(id)
		w.move(id, end(flow.Failed))
		w.Advance(2 * slack)
		equal(w, "purged after its second end", w.purge(map[flow.Status]time.Duration{flow.Failed: 0}, 100), 1)
	}},
	{"who was revived and failed again in one move has its age from there", func(w *world) {
		id := w.create(end(flow.Failed))
		w.Advance(nap)
		w.move(id, revive, end(flow.Failed))
		age := map[flow.Status]time.Duration{flow.Failed: nap}
		equal(w, "purged too early", w.purge(age, 100), 0)
		w.Advance(nap + 2*slack)
		equal(w, "purged", w.purge(age, 100), 1)
	}},
	{"nothing is left", nothingLeft},
	{"a start id is free again", func(w *world) {
		c := birth(end(flow.Completed), func(c *flow.Change) { c.Head.StartID = "7" })
		equal(w, "holder", w.reserve("order", "7", c.Execution, "d1"), c.Execution)
		w.commit(c)
		w.Advance(2 * slack)
		equal(w, "purged", w.purge(map[flow.Status]time.Duration{flow.Completed: 0}, 100), 1)
		next := flow.NewExecutionID(0)
		equal(w, "holder", w.reserve("order", "7", next, "d2"), next)
	}},
	{"partitions are purged one by one", func(w *world) {
		c := birth(end(flow.Completed))
		c.Execution = flow.NewExecutionID(1)
		w.commit(c)
		w.Advance(2 * slack)
		equal(w, "purged", w.purge(map[flow.Status]time.Duration{flow.Completed: 0}, 100), 0)
		w.whole(c.Execution)
	}},
}

func nothingLeft(w *world) {
	parent := w.create()
	s := waiting(0, flow.Wait{Type: flow.Delay, Timer: true, In: time.Minute, Event: &flow.Subscription{Type: "paid"}})
	id := w.create(childOf(parent), sleep(time.Minute)(s), owe("a"), takes("ev1", 1, 1), value("o0.0", raw("1")))
	d := alarm(id, s, time.Minute)
	w.deliver(id, "a")
	w.move(id, resolve(s, step(0, flow.StepCancelled), &d), end(flow.Cancelled))
	w.Advance(2 * slack)
	equal(w, "purged", w.purge(map[flow.Status]time.Duration{flow.Cancelled: 0}, 100), 1)
	w.gone(id)
	equal(w, "number of debts", len(w.debts(id)), 0)
	equal(w, "number of tasks", len(w.Tasks(0)), 0)
	equal(w, "number of waits", len(w.waiting("paid", `{}`, 10)), 0)
	w.quietFor(w.Now(), -1)
	x, err := w.Store.Executions(w.Context(), flow.ExecutionFilter{})
	w.must(err)
	equal(w, "number of executions", len(x.Items), 1)
	r, err := w.Store.Relations(w.Context(), flow.RelationFilter{Parent: parent})
	w.must(err)
	equal(w, "number of relations", len(r.Items), 0)
	delays, err := w.Store.Delays(w.Context(), flow.DelayFilter{})
	w.must(err)
	equal(w, "number of delays", len(delays.Items), 0)
}

func (w *world) debts(id string) []string {
	w.Helper()
	out, err := w.Store.Outbox(w.Context(), id)
	w.must(err)
	var ids []string
	for _, o := range out {
		ids = append(ids, o.ID)
	}
	return ids
}

func (w *world) deliver(execution, id string) {
	w.Helper()
	w.must(w.Store.Delivered(w.Context(), execution, id))
}

func (w *world) gone(id string) {
	w.Helper()
	_, err := w.Store.Load(w.Context(), id, flow.Want{})
	w.wantErr(err, flow.ErrNotFound)
}
