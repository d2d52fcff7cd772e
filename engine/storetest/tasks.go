package storetest

import (
	"time"

	"prana/engine/flow"
)

var taskPromises = []promise{
	{"a commit writes tasks and alarms", func(w *world) {
		now, later := step(0, flow.StepPending), waiting(1, flow.Wait{Type: flow.Delay, Timer: true, In: time.Hour})
		id := w.create(run(now), sleep(time.Hour)(later))
		equal(w, "task", w.taskState(dispatch(id, now)), flow.TaskPending)
		equal(w, "alarm", w.taskState(alarm(id, later, time.Hour)), flow.TaskScheduled)
		sameSet(w, "tasks", seen(w.Tasks(0)), []string{
			taskID(dispatch(id, now)) + " pending", taskID(alarm(id, later, 0)) + " scheduled",
		})
	}},
	{"an unknown task is missing", func(w *world) {
		id := w.create()
		equal(w, "task", w.taskState(dispatch(id, step(0, flow.StepPending))), flow.TaskMissing)
	}},
	{"another token is another task", func(w *world) {
		s := step(0, flow.StepPending)
		id := w.create(run(s))
		other := dispatch(id, s)
		other.Token = flow.NewToken()
		equal(w, "task", w.taskState(other), flow.TaskMissing)
		w.must(w.Store.Enqueue(w.Context(), other))
		equal(w, "number of tasks", len(w.Tasks(0)), 2)
	}},
	{"what goes on is popped before what begins", func(w *world) {
		a, b, c := step(0, flow.StepPending), step(1, flow.StepPending), step(2, flow.StepPending)
		id := w.create(run(a))
		w.move(id, steps(b), func(ch *flow.Change) {
			d := dispatch(id, b)
			d.First = true
			ch.Dispatch = []flow.Dispatch{d}
		})
		w.move(id, run(c))
		var got []string
		for _, t := range w.Tasks(0) {
			got = append(got, t.ID)
		}
		same(w, "order", got, []string{taskID(dispatch(id, b)), taskID(dispatch(id, a)), taskID(dispatch(id, c))})
	}},
	{"enqueueing writes a missing task once", func(w *world) {
		s := step(0, flow.StepPending)
		d := dispatch(w.create(steps(s)), s)
		w.must(w.Store.Enqueue(w.Context(), d))
		w.must(w.Store.Enqueue(w.Context(), d, d))
		equal(w, "number of tasks", len(w.Tasks(0)), 1)
		equal(w, "task", w.taskState(d), flow.TaskPending)
	}},
	{"enqueueing what a commit wrote does nothing", func(w *world) {
		s := step(0, flow.StepPending)
		d := dispatch(w.create(run(s)), s)
		w.must(w.Store.Enqueue(w.Context(), d))
		equal(w, "number of tasks", len(w.Tasks(0)), 1)
	}},
	{"enqueueing a missing alarm makes it due at once", func(w *world) {
		s := waiting(0, flow.Wait{Type: flow.Delay, Timer: true, In: time.Hour})
		d := alarm(w.create(suspend(s)), s, time.Hour)
		w.must(w.Store.Enqueue(w.Context(), d))
		equal(w, "task", w.taskState(d), flow.TaskPending)
	}},
	{"enqueueing makes an alarm due at once, and only once", func(w *world) {
		s := waiting(0, flow.Wait{Type: flow.Delay, Timer: true, In: time.Hour})
		id := w.create(sleep(time.Hour)(s))
		d := alarm(id, s, 0)
		w.must(w.Store.Enqueue(w.Context(), d))
		w.must(w.Store.Enqueue(w.Context(), d))
		equal(w, "alarm", w.taskState(d), flow.TaskPending)
		sameSet(w, "tasks", seen(w.Tasks(0)), []string{taskID(d) + " pending"})
	}},
	{"enqueueing nothing is fine", func(w *world) {
		w.must(w.Store.Enqueue(w.Context()))
	}},
	{"of 20 that enqueue one task one does", func(w *world) {
		s := step(0, flow.StepPending)
		d := dispatch(w.create(steps(s)), s)
		fine := race(20, func(int) bool { return w.Store.Enqueue(w.Context(), d) == nil })
		equal(w, "number of fine answers", fine, 20)
		equal(w, "number of tasks", len(w.Tasks(0)), 1)
	}},
	{"a wait that ends withdraws its alarm", func(w *world) {
		s := waiting(0, flow.Wait{Type: flow.Delay, Timer: true, In: time.Hour})
		id := w.create(sleep(time.Hour)(s))
		d := alarm(id, s, time.Hour)
		w.move(id, resolve(s, step(0, flow.StepCompleted), &d))
		equal(w, "alarm", w.taskState(d), flow.TaskMissing)
		equal(w, "number of tasks", len(w.Tasks(0)), 0)
	}},
	{"a task that is no alarm any more is left alone", func(w *world) {
		s := waiting(0, flow.Wait{Type: flow.Delay, Timer: true, In: time.Hour})
		id := w.create(sleep(time.Hour)(s))
		d := alarm(id, s, time.Hour)
		w.must(w.Store.Enqueue(w.Context(), d))
		w.move(id, resolve(s, step(0, flow.StepCompleted), &d))
		equal(w, "task", w.taskState(d), flow.TaskPending)
	}},
	{"partitions have queues of their own", func(w *world) {
		c := birth(run(step(0, flow.StepPending)))
		c.Execution = flow.NewExecutionID(1)
		c.Dispatch[0].Execution = c.Execution
		w.commit(c)
		equal(w, "number of tasks here", len(w.Tasks(0)), 0)
		equal(w, "number of tasks there", len(w.Tasks(1)), 1)
	}},
}

func seen(tasks []TaskSeen) []string {
	var out []string
	for _, t := range tasks {
		out = append(out, t.ID+" "+string(t.State))
	}
	return out
}
