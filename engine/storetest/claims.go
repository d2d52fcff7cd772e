package storetest

import (
	"time"

	"prana/engine/flow"
)

var claimPromises = []promise{
	{"renewing claims a step and prolongs its line", func(w *world) {
		s := step(0, flow.StepPending)
		id := w.create(run(s))
		began := w.Now()
		equal(w, "number lost", len(w.renew("ann", dispatch(id, s))), 0)
		equal(w, "claim", w.whole(id).Claims[s.ID], "ann")
		w.quietFor(began, 12*time.Second)
		began = w.Now()
		equal(w, "number lost", len(w.renew("ann", dispatch(id, s))), 0)
		w.quietFor(began, 12*time.Second)
	}},
	{"a claim is lost to another claimant", func(w *world) {
		s := step(0, flow.StepPending)
		id := w.create(run(s))
		w.renew("ann", dispatch(id, s))
		same(w, "lost", w.renew("bob", dispatch(id, s)), []flow.Dispatch{dispatch(id, s)})
		equal(w, "claim", w.whole(id).Claims[s.ID], "ann")
	}},
	{"a claim is lost to another token", func(w *world) {
		s := step(0, flow.StepPending)
		id := w.create(run(s))
		old := dispatch(id, s)
		w.renew("ann", old)
		w.move(id, run(step(0, flow.StepPending)))
		equal(w, "number lost", len(w.renew("ann", old)), 1)
		equal(w, "number of claims", len(w.whole(id).Claims), 0)
	}},
	{"a claim is lost with its step or execution", func(w *world) {
		s := step(0, flow.StepPending)
		id := w.create(run(s))
		w.move(id, steps(step(0, flow.StepCancelled)), end(flow.Cancelled))
		unknown := dispatch(flow.NewExecutionID(0), s)
		equal(w, "number lost", len(w.renew("ann", dispatch(id, s), unknown)), 2)
		w.quietFor(w.Now(), -1)
	}},
	{"a note of the sweeper keeps nobody from claiming", func(w *world) {
		s := step(0, flow.StepPending)
		id := w.create(run(s))
		w.settle(lineOf(id, s), time.Second, "look1")
		equal(w, "number lost", len(w.renew("ann", dispatch(id, s))), 0)
		equal(w, "claim", w.whole(id).Claims[s.ID], "ann")
		equal(w, "number lost to ann", len(w.renew("bob", dispatch(id, s))), 1)
	}},
	{"many are renewed at once, in several partitions", func(w *world) {
		var all []flow.Dispatch
		for i := range 30 {
			c := birth()
			c.Execution = flow.NewExecutionID(i % 2)
			run(step(i, flow.StepPending))(c)
			w.commit(c)
			all = append(all, c.Dispatch...)
		}
		stolen := all[7]
		w.renew("bob", stolen)
		same(w, "lost", w.renew("ann", all...), []flow.Dispatch{stolen})
		equal(w, "number of nothing lost", len(w.renew("ann")), 0)
	}},
	{"of 20 claimants one has the step", func(w *world) {
		s := step(0, flow.StepPending)
		id := w.create(run(s))
		won := race(20, func(i int) bool {
			lost, err := w.Store.Renew(w.Context(), flow.NewToken(), []flow.Dispatch{dispatch(id, s)}, time.Minute)
			return err == nil && len(lost) == 0
		})
		equal(w, "number of winners", won, 1)
	}},
	{"claims are loaded with their steps only", func(w *world) {
		s := step(0, flow.StepPending)
		id := w.create(run(s))
		w.renew("ann", dispatch(id, s))
		equal(w, "asked", w.load(id, flow.Want{Steps: []flow.StepID{s.ID}}).Claims[s.ID], "ann")
		equal(w, "not asked", len(w.load(id, flow.Want{}).Claims), 0)
	}},
}

func (w *world) renew(claimant string, steps ...flow.Dispatch) []flow.Dispatch {
	w.Helper()
	lost, err := w.Store.Renew(w.Context(), claimant, steps, 12*time.Second)
	w.must(err)
	return lost
}
