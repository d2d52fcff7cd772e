package storetest

import (
	"fmt"
	"slices"
	"time"

	"prana/engine/flow"
)

var queuePromises = []promise{
	{"a commit leaves the tasks of named queues to its writer", func(w *world) {
		s := step(0, flow.StepPending)
		began := w.Now()
		id := w.create(steps(s), func(c *flow.Change) { c.Dispatch = []flow.Dispatch{slow(c.Execution, s)} })
		equal(w, "task", w.taskState(slow(id, s)), flow.TaskMissing)
		equal(w, "number of tasks in the partition's own queue", len(w.Tasks(0)), 0)
		w.quietFor(began, flow.FreshDue)
	}},
	{"what is enqueued on a named queue is there and nowhere else", func(w *world) {
		s := step(0, flow.StepPending)
		d := slow(w.create(steps(s)), s)
		w.must(w.Store.Enqueue(w.Context(), d))
		w.must(w.Store.Enqueue(w.Context(), d, d))
		equal(w, "task", w.taskState(d), flow.TaskPending)
		equal(w, "number of tasks in the partition's own queue", len(w.Tasks(0)), 0)
		for _, elsewhere := range []string{"", "fast"} {
			other := d
			other.Queue = elsewhere
			equal(w, fmt.Sprintf("task in queue %q", elsewhere), w.taskState(other), flow.TaskMissing)
		}
	}},
	{"several queues are enqueued on at once", func(w *world) {
		a, b, c := step(0, flow.StepPending), step(1, flow.StepPending), step(2, flow.StepPending)
		id := w.create(steps(a, b, c))
		there := birth(steps(c))
		there.Execution = flow.NewExecutionID(1)
		w.commit(there)
		all := []flow.Dispatch{dispatch(id, a), slow(id, b), dispatch(there.Execution, c), slow(there.Execution, c), slow(id, c)}
		w.must(w.Store.Enqueue(w.Context(), all...))
		for _, d := range all {
			equal(w, "task in queue "+d.Queue, w.taskState(d), flow.TaskPending)
		}
		equal(w, "number of tasks here", len(w.Tasks(0)), 1)
		equal(w, "number of tasks there", len(w.Tasks(1)), 1)
	}},
	{"the queue of an execution is remembered", func(w *world) {
		id := w.create(func(c *flow.Change) { c.Head.Queue = "slow" })
		w.move(id)
		equal(w, "queue", w.load(id, flow.Want{}).Queue, "slow")
	}},
	{"a queue is known once it was added, and once only", func(w *world) {
		w.wantQueues()
		w.must(w.Store.AddQueue(w.Context(), "slow"))
		w.must(w.Store.AddQueue(w.Context(), "fast"))
		w.must(w.Store.AddQueue(w.Context(), "slow"))
		w.wantQueues("fast", "slow")
	}},
	{"the names are bounded", func(w *world) {
		var names []string
		for i := range flow.MaxQueues {
			names = append(names, fmt.Sprintf("q%03d", i))
			w.must(w.Store.AddQueue(w.Context(), names[i]))
		}
		equal(w, "code", flow.AsProblem(w.Store.AddQueue(w.Context(), "more")).Code, "too_many_queues")
		w.must(w.Store.AddQueue(w.Context(), "q007"))
		w.wantQueues(names...)
	}},
	{"of 20 that add one queue all do", func(w *world) {
		fine := race(20, func(int) bool { return w.Store.AddQueue(w.Context(), "slow") == nil })
		equal(w, "number of fine answers", fine, 20)
		w.wantQueues("slow")
	}},
	{"a timer of a named queue is due when its time has come", func(w *world) {
		s := waiting(0, flow.Wait{Type: flow.Delay, Timer: true, In: time.Minute})
		began := w.Now()
		id := w.create(suspend(s))
		w.quietFor(began, time.Minute)
		w.move(id, resolve(s, step(0, flow.StepCompleted), nil))
		equal(w, "number of tasks", len(w.Tasks(0)), 0)
	}},
}

// slow dispatches a step to the queue of that name.
func slow(execution string, s *flow.Step) flow.Dispatch {
	d := dispatch(execution, s)
	d.Queue = "slow"
	return d
}

func (w *world) wantQueues(want ...string) {
	w.Helper()
	got, err := w.Store.Queues(w.Context())
	w.must(err)
	if !slices.Equal(got, want) {
		w.Fatalf("the queues are %q, want %q", got, want)
	}
}
