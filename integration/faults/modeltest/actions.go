package modeltest

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"prana/engine/flow"
	"prana/suspend"
)

// most is how many executions there are at a time.
const most = 6

// commit stores changes.
func (w *Machine) commit(t *rapid.T, name string, changes ...*flow.Change) {
	w.do(t, call{
		name:  name,
		store: func(s *suspend.Store) (any, error) { return nil, s.Commit(w.ctx, changes...) },
		model: func(m *Model, _ any) (any, error) { return nil, m.Commit(changes...) },
	})
}

// pick draws an execution that is so, or skips the action.
func (w *Machine) pick(t *rapid.T, so func(x *execution) bool) *execution {
	ids := w.model.ids(so)
	if len(ids) == 0 {
		t.Skip("there is no such execution")
	}
	return w.model.executions[rapid.SampledFrom(ids).Draw(t, "execution")]
}

func moving(x *execution) bool { return !x.ended && x.front.Status != flow.Quarantined }

// Create creates an execution, with or without a start id.
func (w *Machine) Create(t *rapid.T) {
	if len(w.model.executions) >= most {
		t.Skip("there are enough executions")
	}
	b := w.birth(t, rapid.IntRange(0, partitions-1).Draw(t, "partition"))
	if rapid.Bool().Draw(t, "has a start id") {
		b.c.Head.StartID = w.name("start")
		w.reserve(t, b.c.Head.Workflow, b.c.Head.StartID, b.c.Execution)
	}
	b.activate()
	if rapid.Bool().Draw(t, "forks") {
		b.activate()
	}
	b.extras()
	w.commit(t, "create", b.settle())
}

// Move commits something that happened to an execution.
func (w *Machine) Move(t *rapid.T) {
	b := w.next(t, w.pick(t, moving))
	for range rapid.IntRange(1, 2).Draw(t, "facts") {
		b.move()
	}
	b.extras()
	w.commit(t, "move", b.settle())
}

// Stale commits what was decided from a state that is gone, or twice from one.
func (w *Machine) Stale(t *rapid.T) {
	x := w.pick(t, func(x *execution) bool { return true })
	b := w.next(t, x)
	b.activate()
	b.extras()
	c := b.settle()
	c.Revived = rapid.Bool().Draw(t, "says that it revives")
	c.Prev = "op0000000"
	changes := []*flow.Change{c}
	if len(w.model.executions) < most && rapid.Bool().Draw(t, "with a creation") {
		born := w.birth(t, partitionOf(x.id))
		born.activate()
		changes = slices.Insert(changes, rapid.IntRange(0, 1).Draw(t, "before it"), born.settle())
	}
	w.commit(t, "stale", changes...)
}

// Late commits a move of an execution that is over.
func (w *Machine) Late(t *rapid.T) {
	b := w.next(t, w.pick(t, func(x *execution) bool { return x.ended }))
	b.activate()
	b.extras()
	w.commit(t, "late", b.settle())
}

// CreateAgain creates what exists.
func (w *Machine) CreateAgain(t *rapid.T) {
	x := w.pick(t, func(*execution) bool { return true })
	b := w.birth(t, partitionOf(x.id))
	b.c.Execution = x.id
	b.activate()
	w.commit(t, "create again", b.settle())
}

// End ends an execution, and wakes the step of its parent that waits for it.
func (w *Machine) End(t *rapid.T) {
	x := w.pick(t, func(x *execution) bool { return !x.ended })
	b := w.next(t, x)
	b.end()
	b.extras()
	changes := []*flow.Change{b.c}
	if up, id, waits := w.parentOf(x); waits {
		p := w.next(t, up)
		p.wake(id)
		p.again(id)
		p.c.Values[flow.ResumeRef(id)] = flow.Value{Raw: []byte(`{"child":"` + x.id + `"}`)}
		if up.front.Status != flow.Quarantined {
			p.settle()
		}
		changes = append(changes, p.c)
	}
	w.commit(t, "end", changes...)
}

// parentOf finds the step that waits for an execution.
func (w *Machine) parentOf(x *execution) (up *execution, id flow.StepID, waits bool) {
	if x.head.Parent == nil {
		return nil, id, false
	}
	up, id = w.model.executions[x.head.Parent.Execution], x.head.Parent.Step
	if up == nil || up.ended {
		return nil, id, false
	}
	s := up.steps[id]
	return up, id, s.status == flow.StepSuspended && s.wait.Child == x.id
}

// Bear creates a child for which a step of its parent waits, in one commit.
func (w *Machine) Bear(t *rapid.T) {
	if len(w.model.executions) >= most {
		t.Skip("there are enough executions")
	}
	x := w.pick(t, func(x *execution) bool { return moving(x) && len(x.live(pending)) > 0 })
	p := w.next(t, x)
	id := rapid.SampledFrom(x.live(pending)).Draw(t, "step")
	child := w.birth(t, partitionOf(x.id))
	child.c.Head.Parent = &flow.Parent{Execution: x.id, Step: id, Turn: x.steps[id].turn + 1, Mode: "sync"}
	child.c.Head.Depth = x.head.Depth + 1
	child.activate()
	p.sleep(id, flow.Wait{Type: flow.SubWorkflow, Child: child.c.Execution, Held: rapid.Bool().Draw(t, "held"), In: time.Hour})
	w.commit(t, "bear", p.settle(), child.settle())
}

// Quarantine takes a step out of the way that kills.
func (w *Machine) Quarantine(t *rapid.T) {
	x := w.pick(t, func(x *execution) bool { return moving(x) && len(x.live(pending)) > 0 })
	b := w.next(t, x)
	b.quarantine(rapid.SampledFrom(x.live(pending)).Draw(t, "step"))
	w.commit(t, "quarantine", b.c)
}

// Retry lets an execution live again.
func (w *Machine) Retry(t *rapid.T) {
	b := w.next(t, w.pick(t, func(x *execution) bool {
		return x.front.Status == flow.Failed || x.front.Status == flow.Quarantined
	}))
	b.revive(w.now(t))
	if rapid.IntRange(0, 3).Draw(t, "fails again at once") == 0 && len(b.c.Steps) == 0 {
		b.end()
	}
	w.commit(t, "retry", b.c)
}

// reserve binds a start id.
func (w *Machine) reserve(t *rapid.T, workflow, id, execution string) {
	digest := rapid.SampledFrom([]string{"d1", "d1", "d2"}).Draw(t, "digest")
	w.do(t, call{
		name:  "reserve start",
		store: func(s *suspend.Store) (any, error) { return s.ReserveStart(w.ctx, workflow, id, execution, digest) },
		model: func(m *Model, _ any) (any, error) { return m.ReserveStart(workflow, id, execution, digest) },
	})
}

// Reserve asks for a start id that may be taken, for an execution that does not come.
func (w *Machine) Reserve(t *rapid.T) {
	id := "nobody's"
	if x := w.model.ids(func(x *execution) bool { return x.head.StartID != "" }); len(x) > 0 && rapid.Bool().Draw(t, "taken") {
		id = w.model.executions[x[0]].head.StartID
	}
	w.reserve(t, rapid.SampledFrom([]string{"order", "refund"}).Draw(t, "workflow"), id, w.newID(0))
}

// Purge removes what is over.
func (w *Machine) Purge(t *rapid.T) {
	partition := rapid.IntRange(0, partitions-1).Draw(t, "partition")
	status := rapid.SampledFrom([]flow.Status{flow.Completed, flow.Failed, flow.Cancelled, flow.TimedOut, flow.Running}).Draw(t, "status")
	limit := rapid.IntRange(1, 3).Draw(t, "limit")
	old := rapid.SampledFrom([]time.Duration{-time.Hour, time.Hour}).Draw(t, "age")
	w.do(t, call{
		name: "purge", once: true,
		store: func(s *suspend.Store) (any, error) {
			return s.Purge(w.ctx, partition, map[flow.Status]time.Duration{status: old}, limit)
		},
		model: func(m *Model, _ any) (any, error) {
			if old > 0 {
				return 0, nil
			}
			return m.Purge(partition, status, limit), nil
		},
	})
}

// Deliver pays a debt, or one that is not owed.
func (w *Machine) Deliver(t *rapid.T) {
	x := w.pick(t, func(x *execution) bool { return len(x.outbox) > 0 })
	debt := rapid.SampledFrom(append(x.debts(), "another")).Draw(t, "debt")
	w.do(t, call{
		name:  "delivered",
		store: func(s *suspend.Store) (any, error) { return nil, s.Delivered(w.ctx, x.id, debt) },
		model: func(m *Model, _ any) (any, error) { m.Delivered(x.id, debt); return nil, nil },
	})
}

func (x *execution) debts() []string {
	var ids []string
	for id := range x.outbox {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
