package storetest

import (
	"slices"
	"time"

	"prana/engine/flow"
)

// lineRules are the rules of the due index, each with the change that shows it
// and the only line that results: when, or the words for "at no time" below.
func lineRules() []promise {
	const (
		atOnce = time.Duration(0)
		never  = -1 * time.Second // a line that time alone does not make due
		gone   = -2 * time.Second // no line
	)
	minute := time.Minute
	var out []promise
	for _, rule := range []struct {
		name string
		step *flow.Step
		as   func(...*flow.Step) edit
		want time.Duration
	}{
		{"fresh: a step just dispatched", step(1, flow.StepPending), run, flow.FreshDue},
		{"ready: a step that waits for its turn", step(1, flow.StepPending), ready, never},
		{"held: a step of a paused execution", held(step(1, flow.StepPending)), steps, never},
		{"held: a timer of a paused execution", held(waiting(1, flow.Wait{Type: flow.Delay, Timer: true, In: 2 * minute})), suspend, never},
		{"undispatched: a step beyond the bound", step(1, flow.StepPending), steps, atOnce},
		{"look: a wait for an event", waiting(1, eventWait("paid", nil)), suspend, flow.LookDue},
		{"look: a wait for an event with a timeout", waiting(1, flow.Wait{
			Type: flow.ExternalEvent, In: minute, Event: &flow.Subscription{Type: "paid"},
		}), suspend, flow.LookDue},
		{"look: a wait for a place", waiting(1, flow.Wait{Type: flow.Concurrency}), suspend, flow.LookDue},
		{"wait: a timer", waiting(1, flow.Wait{Type: flow.Delay, Timer: true, In: 2 * minute}), suspend, 2 * minute},
		{"wait: a timer with its alarm", waiting(1, flow.Wait{Type: flow.Delay, Timer: true, In: 2 * minute}), sleep(2 * minute), 2 * minute},
		{"wait: a timer of no time", waiting(1, flow.Wait{Type: flow.Delay, Timer: true}), suspend, atOnce},
		{"wait: a timeout", waiting(1, flow.Wait{Type: flow.CustomWait, In: 3 * minute}), suspend, 3 * minute},
		{"wait: no deadline", waiting(1, flow.Wait{Type: flow.CustomWait}), suspend, never},
		{"ended: a completed step", step(1, flow.StepCompleted), steps, gone},
		{"ended: a failed step", step(1, flow.StepFailed), steps, gone},
		{"ended: a cancelled step", step(1, flow.StepCancelled), steps, gone},
		{"quarantined: a step that kills", step(1, flow.StepQuarantined), steps, never},
	} {
		out = append(out, promise{rule.name, func(w *world) {
			began := w.Now()
			s := *rule.step // the table is shared by all stores under test
			id := w.create(rule.as(&s))
			line := lineOf(id, &s)
			switch rule.want {
			case atOnce:
				w.wantDue(line)
			case never, gone:
				w.quietFor(began, -1)
				w.settle(line, 0, "")
				if rule.want == gone {
					w.wantDue()
				} else {
					w.wantDue(line)
				}
			default:
				w.quietFor(began, rule.want)
			}
		}})
	}
	return out
}

// sleep suspends steps and dispatches their alarms.
func sleep(in time.Duration) func(...*flow.Step) edit {
	return func(list ...*flow.Step) edit {
		return func(c *flow.Change) {
			suspend(list...)(c)
			for _, s := range list {
				c.Dispatch = append(c.Dispatch, alarm(c.Execution, s, in))
			}
		}
	}
}

// nap is long enough to be told from no time, and short enough to be waited for.
const nap = 200 * time.Millisecond

var duePromises = []promise{
	{"wait: a time given by people", func(w *world) {
		began := w.Now()
		at := began.Add(4 * time.Minute).Truncate(time.Millisecond)
		w.create(suspend(waiting(1, flow.Wait{Type: flow.TimedWait, Timer: true, Until: at})))
		w.quietFor(began, 4*time.Minute)
	}},
	{"wait: a time that is past is due", func(w *world) {
		s := waiting(1, flow.Wait{Type: flow.TimedWait, Timer: true, Until: w.Now().Add(-time.Hour)})
		w.wantDue(lineOf(w.create(suspend(s)), s))
	}},
	{"deadline: of the whole execution", func(w *world) {
		began := w.Now()
		w.create(timeout(4 * time.Minute))
		w.quietFor(began, 4*time.Minute)
	}},
	{"deadline: comes once, as such", func(w *world) {
		id := w.create(timeout(nap))
		w.Advance(nap + slack)
		w.wantDue(flow.DueEntry{Execution: id, Kind: flow.DueDeadline})
		w.wantDue()
	}},
	{"deadline: moved", func(w *world) {
		began := w.Now()
		id := w.create(timeout(time.Minute))
		w.move(id, func(c *flow.Change) { c.Deadline = began.Add(4 * time.Minute) })
		w.quietFor(began, 4*time.Minute)
	}},
	{"deadline: gone when the execution ended", func(w *world) {
		id := w.create(timeout(time.Minute))
		w.move(id, end(flow.Completed))
		w.quietFor(w.Now(), -1)
	}},
	{"outbox: a debt", func(w *world) {
		began := w.Now()
		id := w.create(owe("a", "b"))
		w.quietFor(began, flow.OutboxDue)
		line := flow.DueEntry{Execution: id, Kind: flow.DueOutbox}
		w.settle(line, 0, "")
		w.wantDue(line)
	}},
	{"outbox: outlives the execution", func(w *world) {
		began := w.Now()
		w.create(owe("a"), steps(step(0, flow.StepCompleted)), end(flow.Completed))
		w.quietFor(began, flow.OutboxDue)
	}},
	{"the end of an execution takes its lines", func(w *world) {
		s, held := waiting(1, flow.Wait{Type: flow.Delay, Timer: true, In: time.Minute}), step(2, flow.StepPending)
		id := w.create(run(held), suspend(s))
		cancelled, stopped := step(1, flow.StepCancelled), step(2, flow.StepCancelled)
		w.move(id, resolve(s, cancelled, nil), steps(stopped), end(flow.Cancelled))
		w.quietFor(w.Now(), -1)
		w.settle(lineOf(id, held), 0, "")
		w.wantDue()
	}},
	{"a step written again has its new line", func(w *world) {
		s := step(1, flow.StepPending)
		id := w.create(steps(s))
		began := w.Now()
		w.move(id, run(step(1, flow.StepPending)))
		w.quietFor(began, flow.FreshDue)
		w.move(id, steps(step(1, flow.StepCompleted)))
		w.quietFor(w.Now(), -1)
	}},
	{"what is due comes oldest first and by the limit", func(w *world) {
		var want []flow.DueEntry
		for i := range 3 {
			s := step(i, flow.StepPending)
			want = append(want, lineOf(w.create(steps(s)), s))
			w.Advance(5 * time.Millisecond)
		}
		due, next := w.due(2, time.Minute)
		if !slices.Equal(due, want[:2]) {
			w.Errorf("due are %v, want %v", due, want[:2])
		}
		equal(w, "time until the next", next <= 0, true)
		equal(w, "there is a next", next >= 0, true)
		w.wantDue(want[2])
	}},
	{"what was taken is hidden for the lease", func(w *world) {
		s := step(0, flow.StepPending)
		id := w.create(steps(s))
		due, next := w.due(10, nap)
		equal(w, "number due", len(due), 1)
		equal(w, "the next is within the lease", next > 0 && next <= nap+slack, true)
		due, _ = w.due(10, nap)
		equal(w, "number due while hidden", len(due), 0)
		w.Advance(nap + slack)
		w.wantDue(lineOf(id, s))
	}},
	{"what nobody took is due when its commit said, and never again", func(w *world) {
		began := w.Now().Add(-slack)
		undispatched, timer := step(0, flow.StepPending), waiting(1, flow.Wait{Type: flow.Delay, Timer: true, In: nap})
		id := w.create(steps(undispatched), suspend(timer))
		x := w.whole(id)
		w.Advance(nap + slack)
		want := map[flow.StepID]time.Time{undispatched.ID: x.Steps[undispatched.ID].At, timer.ID: x.Steps[timer.ID].Wait.Due}
		for _, taken := range []bool{false, true} {
			due, _, err := w.Store.Due(w.Context(), 0, 10, nap)
			w.must(err)
			equal(w, "number due", len(due), 2)
			for _, e := range due {
				equal(w, "it is due after the commit", e.At.After(began), true)
				equal(w, "it is due when the commit said", e.At.Equal(want[e.Step]), !taken)
			}
			w.Advance(nap + slack)
		}
	}},
	{"what is due is read as loading it says", func(w *world) {
		a, b, other := step(0, flow.StepPending), waiting(1, flow.Wait{Type: flow.Delay, Timer: true, In: nap}), step(2, flow.StepPending)
		id, alone := w.create(steps(a), suspend(b)), w.create(steps(other))
		w.settle(lineOf(id, a), time.Minute, "look3")
		began := w.Now()
		asked := []flow.DueEntry{lineOf(id, a), lineOf(flow.NewExecutionID(0), a), lineOf(alone, other), lineOf(id, b)}
		found, err := w.Store.LoadDue(w.Context(), asked)
		w.must(err)
		equal(w, "number found", len(found), len(asked))
		equal(w, "one that is gone", found[1], flow.Found{})
		for _, at := range []int{0, 2, 3} {
			e, x := asked[at], found[at].Execution
			w.must(found[at].Err)
			want := w.load(e.Execution, flow.Want{Steps: []flow.StepID{e.Step}})
			equal(w, "its revision", x.Rev, want.Rev)
			equal(w, "its status", x.Status, want.Status)
			same(w, "its step", x.Steps[e.Step], want.Steps[e.Step])
			equal(w, "who claims it", x.Claims[e.Step], want.Claims[e.Step])
			w.stamped("the time", x.Now, began, 0)
		}
	}},
	{"no timer is early", func(w *world) {
		s := waiting(0, flow.Wait{Type: flow.Delay, Timer: true, In: nap})
		id := w.create(suspend(s))
		at := w.whole(id).Steps[s.ID].Wait.Due
		for range 200 {
			before := w.Now()
			due, next := w.due(1, time.Minute)
			if len(due) > 0 {
				equal(w, "it is late enough", w.Now().Add(slack).Before(at), false)
				return
			}
			if before.After(at.Add(slack)) {
				w.Fatalf("at %v nothing is due, want %v", before, at)
			}
			w.Advance(max(time.Millisecond, next/2))
		}
		w.Fatal("it never came")
	}},
	{"nothing due, nothing next", func(w *world) {
		due, next := w.due(10, time.Minute)
		equal(w, "number due", len(due), 0)
		equal(w, "next is negative", next < 0, true)
	}},
	{"partitions have lines of their own", func(w *world) {
		c := birth(steps(step(0, flow.StepPending)))
		c.Execution = flow.NewExecutionID(1)
		w.commit(c)
		w.wantDue()
		due, _, err := w.Store.Due(w.Context(), 1, 10, time.Minute)
		w.must(err)
		equal(w, "number due in the other", len(due), 1)
	}},
	{"settling gives the next time", func(w *world) {
		s := step(0, flow.StepPending)
		line := lineOf(w.create(steps(s)), s)
		w.wantDue(line)
		began := w.Now()
		w.settle(line, 7*time.Minute, "")
		w.quietFor(began, 7*time.Minute)
		w.settle(line, -1, "")
		w.quietFor(began, -1)
		w.settle(line, 0, "")
		w.wantDue(line)
	}},
	{"settling what is gone does nothing", func(w *world) {
		s := step(0, flow.StepCompleted)
		id := w.create(steps(s))
		w.settle(lineOf(id, s), 0, "note")
		w.settle(flow.DueEntry{Execution: id, Kind: flow.DueDeadline}, 0, "")
		w.settle(lineOf(flow.NewExecutionID(0), s), 0, "note")
		w.wantDue()
		equal(w, "number of claims", len(w.whole(id).Claims), 0)
	}},
	{"settling a step that moved on does nothing", func(w *world) {
		s := step(0, flow.StepPending)
		id := w.create(run(s))
		line := lineOf(id, s)
		line.Token = s.Token
		began := w.Now()
		w.move(id, run(step(0, flow.StepPending)))
		w.settle(line, 0, "look1")
		w.quietFor(began, flow.FreshDue)
		equal(w, "number of claims", len(w.whole(id).Claims), 0)
	}},
	{"settling a step that still carries the token does", func(w *world) {
		s := step(0, flow.StepPending)
		id := w.create(run(s))
		line := lineOf(id, s)
		line.Token = s.Token
		w.settle(line, 0, "look1")
		w.wantDue(lineOf(id, s))
		equal(w, "note", w.whole(id).Claims[s.ID], "look1")
	}},
	{"a note is kept until the step is written", func(w *world) {
		s := step(0, flow.StepPending)
		id := w.create(steps(s))
		w.settle(lineOf(id, s), time.Minute, "look3")
		w.settle(lineOf(id, s), time.Minute, "")
		x := w.load(id, flow.Want{Steps: []flow.StepID{s.ID}})
		equal(w, "note", x.Claims[s.ID], "look3")
		w.move(id, run(step(0, flow.StepPending)))
		equal(w, "number of claims", len(w.whole(id).Claims), 0)
	}},
	{"what is forgotten never comes", func(w *world) {
		s := step(0, flow.StepPending)
		line := lineOf(w.create(steps(s)), s)
		w.must(w.Store.Forget(w.Context(), line))
		w.must(w.Store.Forget(w.Context(), line))
		w.settle(line, 0, "")
		w.wantDue()
	}},
	{"concurrent sweepers share what is due", func(w *world) {
		for i := range 20 {
			w.create(steps(step(i, flow.StepPending)))
		}
		took := race(20, func(int) bool {
			due, _, err := w.Store.Due(w.Context(), 0, 1, time.Minute)
			return err == nil && len(due) == 1
		})
		equal(w, "number taken", took, 20)
		w.wantDue()
	}},
}
