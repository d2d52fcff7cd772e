package tasks

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"prana/engine/flow"
)

// Slots bound how many tasks several Servers of a process have at a time. A client takes one before it asks for a task,
// so that none leaves its queue that would have to wait here; it stays taken until the task's handler frees it, or
// the client itself that of a task which asynq cannot read. nil = no bound.
//
// Where several queues want more than there is, each gets slots by its weight: the next slot goes to the queue that had the least,
// divided by its weight. A queue that wanted nothing for a while has no claim to what it did not use (start-time fair queueing).
type Slots struct {
	weights map[string]int // by name of the queue; 1 where there is none

	mu      sync.Mutex
	free    int
	passed  int                // slots that their tasks left to the next
	had     map[string]float64 // what each queue had, divided by its weight
	least   float64            // what the queue had to which the last slot went, before that
	waiting []*taker           // in the order in which they came
}

// taker waits for a slot.
type taker struct {
	queue string
	of    string // the queues of asynq's that its Server asks
	got   chan struct{}
}

// NewSlots makes n slots. weights are by name of the queue, as in a node's settings; flow.DefaultQueue is that of steps which name
// none. A queue that has none weighs 1.
func NewSlots(n int, weights map[string]int) *Slots {
	return &Slots{free: n, weights: weights, had: map[string]float64{}}
}

// Free gives back the slot of a task that is over, unless it was passed on.
func (s *Slots) Free() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.passed > 0:
		s.passed--
	case len(s.waiting) == 0:
		s.free++
	default:
		next := slices.MinFunc(s.waiting, func(a, b *taker) int { return cmp.Compare(s.claim(a.queue), s.claim(b.queue)) })
		s.remove(next)
		s.give(next.queue)
		close(next.got)
	}
}

// claim is the less the sooner a queue is next.
func (s *Slots) claim(queue string) float64 { return max(s.had[queue], s.least) }

// give notes that a queue has a slot more.
func (s *Slots) give(queue string) {
	s.least = s.claim(queue)
	s.had[queue] = s.least + 1/float64(max(1, s.weights[queue]))
}

func (s *Slots) remove(t *taker) (was bool) {
	i := slices.Index(s.waiting, t)
	if i < 0 {
		return false
	}
	s.waiting = slices.Delete(s.waiting, i, i+1)
	return true
}

// passes tells whether the slot of a task may go to another one of its queue: no other queue is to be first.
func (s *Slots) passes(queue string) bool {
	if s == nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return !slices.ContainsFunc(s.waiting, func(t *taker) bool { return t.queue != queue && s.claim(t.queue) < s.claim(queue) })
}

// shared tells whether somebody waits for a slot of a queue to ask other queues of asynq's than these: those of another partition.
func (s *Slots) shared(queue, of string) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.waiting, func(t *taker) bool { return t.queue == queue && t.of != of })
}

// pass leaves the slot of a task that is about to end to another one of its queue, which takes none.
func (s *Slots) pass(queue string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passed++
	s.give(queue)
}

// take waits for a slot, or for a task that brings its own; of one queue those who wait longest get the next. Neither: there was
// none in time, or ctx is done.
func (s *Slots) take(ctx context.Context, queue, of string, atMost time.Duration, handed <-chan flow.Task) (slot bool, own *flow.Task) {
	if s == nil {
		return true, nil
	}
	me := s.join(queue, of)
	select {
	case <-me.got:
		return true, nil
	default:
	}
	if atMost > 0 {
		own = me.wait(ctx, atMost, handed)
	}
	if s.leave(me) {
		return false, own
	}
	if own != nil {
		s.Free()
	}
	return own == nil, own
}

// join gets a slot at once, or waits for one.
func (s *Slots) join(queue, of string) *taker {
	s.mu.Lock()
	defer s.mu.Unlock()
	me := &taker{queue: queue, of: of, got: make(chan struct{})}
	if s.free > 0 {
		s.free--
		s.give(queue)
		close(me.got)
	} else {
		s.waiting = append(s.waiting, me)
	}
	return me
}

// leave tells whether somebody still waited, who does so no more. Otherwise the slot is there.
func (s *Slots) leave(me *taker) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.remove(me)
}

// wait waits for the slot, or what may come instead of it.
func (me *taker) wait(ctx context.Context, atMost time.Duration, handed <-chan flow.Task) *flow.Task {
	t := time.NewTimer(atMost)
	defer t.Stop()
	select {
	case <-me.got:
	case task := <-handed:
		return &task
	case <-t.C:
	case <-ctx.Done():
	}
	return nil
}
