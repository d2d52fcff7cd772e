package tasks

import (
	"context"
	"sync/atomic"
	"time"

	"prana/engine/flow"
)

// Slots bound how many tasks several Servers of a process have at a time. A client takes one before it asks for a task,
// so that none leaves its queue that would have to wait here; it stays taken until the task's handler frees it. What asynq
// itself cannot read has no handler and keeps its slot: nobody but us writes into these queues. nil = no bound.
type Slots struct {
	taken  chan struct{}
	passed atomic.Int64 // slots that their tasks left to the next
}

// NewSlots makes n slots.
func NewSlots(n int) *Slots { return &Slots{taken: make(chan struct{}, n)} }

// Free gives back the slot of a task that is over, unless it was passed on.
func (s *Slots) Free() {
	if s == nil {
		return
	}
	for n := s.passed.Load(); n > 0; n = s.passed.Load() {
		if s.passed.CompareAndSwap(n, n-1) {
			return
		}
	}
	<-s.taken
}

// pass leaves the slot of a task that is about to end to another one, which takes none.
func (s *Slots) pass() {
	if s != nil {
		s.passed.Add(1)
	}
}

// take waits for a slot, or for a task that brings its own; those who wait longest get the next. Neither: there was none
// in time, or ctx is done.
func (s *Slots) take(ctx context.Context, atMost time.Duration, handed <-chan flow.Task) (slot bool, own *flow.Task) {
	if s == nil {
		return true, nil
	}
	select {
	case s.taken <- struct{}{}:
		return true, nil
	default:
	}
	if atMost <= 0 {
		return false, nil
	}
	t := time.NewTimer(atMost)
	defer t.Stop()
	select {
	case s.taken <- struct{}{}:
		return true, nil
	case t := <-handed:
		return false, &t
	case <-t.C:
	case <-ctx.Done():
	}
	return false, nil
}
