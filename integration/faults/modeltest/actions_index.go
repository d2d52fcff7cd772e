package modeltest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"prana/engine/flow"
	"prana/suspend"
)

// Due takes what is due, as every process does all the time.
func (w *Machine) Due(t *rapid.T) {
	partition := rapid.IntRange(0, partitions-1).Draw(t, "partition")
	limit := rapid.SampledFrom([]int{1, 2, 100}).Draw(t, "limit")
	const lease = 10 * time.Second
	w.do(t, call{
		name: "due",
		store: func(s *suspend.Store) (any, error) {
			due, _, err := s.Due(w.ctx, partition, limit, lease)
			return entries(due), err
		},
		model: func(m *Model, got any) (any, error) {
			taken := m.upTo(partition, limit, m.clock.low)
			if later := m.upTo(partition, limit, m.clock.high); fmt.Sprint(later) == fmt.Sprint(got) {
				taken = later // it came due while it was asked for
			}
			m.hide(taken, lease)
			return taken, nil
		},
	})
}

func entries(due []flow.DueEntry) []string {
	all := []string{}
	for _, e := range due {
		rest := map[flow.DueKind]string{flow.DueDeadline: deadline, flow.DueOutbox: outbox, flow.DueStep: e.Step.String()}[e.Kind]
		all = append(all, e.Execution+":"+rest)
	}
	return all
}

// someEntry draws an entry of the due index, or one that is gone; the token may be another.
func (w *Machine) someEntry(t *rapid.T, so func(*step) bool) (flow.DueEntry, *step) {
	x := w.pick(t, func(x *execution) bool { return len(x.live(so)) > 0 })
	id := rapid.SampledFrom(x.live(so)).Draw(t, "step")
	e := flow.DueEntry{Execution: x.id, Kind: flow.DueStep, Step: id, Token: x.steps[id].token}
	if rapid.IntRange(0, 3).Draw(t, "token of another") == 0 {
		e.Token = "foreign"
	}
	return e, x.steps[id]
}

// Settle gives a line its next time: soon, or never if that is how it waits.
func (w *Machine) Settle(t *rapid.T) {
	e, s := w.someEntry(t, func(s *step) bool { return pending(s) || suspended(s) })
	d := rapid.SampledFrom([]time.Duration{0, 7 * time.Second}).Draw(t, "in")
	if s.wait != nil && s.wait.In == 0 && !s.wait.Timer {
		d = -1
	}
	note := rapid.SampledFrom([]string{"", "look3"}).Draw(t, "note")
	w.do(t, call{
		name:  "settle",
		store: func(st *suspend.Store) (any, error) { return nil, st.Settle(w.ctx, e, d, note) },
		model: func(m *Model, _ any) (any, error) { m.Settle(e, d, note); return nil, nil },
	})
}

// Stray settles and forgets lines that are not there.
func (w *Machine) Stray(t *rapid.T) {
	x := w.pick(t, func(x *execution) bool { return len(x.live(func(s *step) bool { return !unended(s) })) > 0 })
	e := flow.DueEntry{Execution: x.id, Kind: flow.DueStep, Step: x.live(func(s *step) bool { return !unended(s) })[0]}
	w.do(t, call{
		name: "stray",
		store: func(s *suspend.Store) (any, error) {
			return nil, errors.Join(s.Settle(w.ctx, e, 0, "look1"), s.Forget(w.ctx, e))
		},
		model: func(*Model, any) (any, error) { return nil, nil },
		once:  true,
	})
}

// Renew claims steps that are run, and some that are not.
func (w *Machine) Renew(t *rapid.T) {
	claimant := rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "claimant")
	var steps []flow.Dispatch
	for range rapid.IntRange(1, 2).Draw(t, "steps") {
		e, _ := w.someEntry(t, func(s *step) bool { return s.status != flow.StepSuspended && s.status != flow.StepQuarantined })
		if d := dispatchOf(e.Execution, e.Step, e.Token, true); len(steps) == 0 || partitionOf(d.Execution) == partitionOf(steps[0].Execution) {
			steps = append(steps, d)
		}
	}
	w.do(t, call{
		name: "renew",
		store: func(s *suspend.Store) (any, error) {
			lost, err := s.Renew(w.ctx, claimant, steps, 12*time.Second)
			return ids(lost), err
		},
		model: func(m *Model, _ any) (any, error) { return m.Renew(claimant, steps, 12*time.Second), nil },
	})
}

func ids(all []flow.Dispatch) []string {
	out := []string{}
	for _, d := range all {
		out = append(out, taskID(d))
	}
	return out
}

// Pop takes the next task out of the queue, as a worker does.
func (w *Machine) Pop(t *rapid.T) {
	partition := rapid.IntRange(0, partitions-1).Draw(t, "partition")
	w.do(t, call{
		name: "pop", once: true,
		store: func(*suspend.Store) (any, error) {
			id, err := w.raw.RPop(w.ctx, queueKey(partition)+"pending").Result()
			if errors.Is(err, redis.Nil) {
				return "", nil
			}
			return id, errors.Join(err, w.raw.Del(w.ctx, queueKey(partition)+"t:"+id).Err())
		},
		model: func(m *Model, _ any) (any, error) { return m.pop(partition), nil },
	})
}

// Enqueue writes the task of a step anew, or finds that it exists; and looks where the task stands.
func (w *Machine) Enqueue(t *rapid.T) {
	e, _ := w.someEntry(t, func(s *step) bool { return pending(s) || suspended(s) })
	d := dispatchOf(e.Execution, e.Step, e.Token, true)
	w.look(t, d)
	if e.Token == "foreign" {
		return
	}
	w.do(t, call{
		name:  "enqueue",
		store: func(s *suspend.Store) (any, error) { return nil, s.Enqueue(w.ctx, d) },
		model: func(m *Model, _ any) (any, error) { m.dispatch(d); return nil, nil },
	})
	w.look(t, d)
}

func (w *Machine) look(t *rapid.T, d flow.Dispatch) {
	w.compare(t, call{
		name:  "task",
		store: func(s *suspend.Store) (any, error) { return s.Task(w.ctx, d) },
		model: func(m *Model, _ any) (any, error) { return m.Task(d), nil },
	})
}

// section keys, and who wants a place.
var keys = []string{"k1", "k2"}

func (w *Machine) someHolder(t *rapid.T) flow.Holder {
	n := rapid.IntRange(0, 4).Draw(t, "holder")
	return flow.Holder{Execution: fmt.Sprintf("0%022d", 900+n), Step: flow.StepID{Node: n}, Whole: n == 4}
}

// Acquire asks for a place of a concurrency key.
func (w *Machine) Acquire(t *rapid.T) {
	key, h := rapid.SampledFrom(keys).Draw(t, "key"), w.someHolder(t)
	limit := rapid.IntRange(1, 2).Draw(t, "limit")
	type answer struct {
		Position int
		Promoted []string
	}
	w.do(t, call{
		name: "acquire",
		store: func(s *suspend.Store) (any, error) {
			position, promoted, err := s.Acquire(w.ctx, key, h, limit)
			return answer{position, holders(promoted)}, err
		},
		model: func(m *Model, _ any) (any, error) {
			position, promoted := m.Acquire(key, h, limit)
			return answer{position, promoted}, nil
		},
	})
}

// Release gives a place up, or what was none.
func (w *Machine) Release(t *rapid.T) {
	key, h := rapid.SampledFrom(keys).Draw(t, "key"), w.someHolder(t)
	w.do(t, call{
		name: "release",
		store: func(s *suspend.Store) (any, error) {
			promoted, err := s.Release(w.ctx, key, h)
			return holders(promoted), err
		},
		model: func(m *Model, _ any) (any, error) { return m.Release(key, h), nil },
	})
	w.compare(t, call{
		name: "holders",
		store: func(s *suspend.Store) (any, error) {
			inside, err := s.Holders(w.ctx, key, 10)
			return sorted(holders(inside)), err
		},
		model: func(m *Model, _ any) (any, error) { return sorted(m.section(key).inside), nil },
	})
}

func holders(all []flow.Holder) []string {
	out := []string{}
	for _, h := range all {
		out = append(out, h.String())
	}
	return out
}

func sorted(all []string) []string {
	out := append([]string{}, all...)
	slices.Sort(out)
	return out
}
