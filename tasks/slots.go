package tasks

import (
	"context"
	"time"
)

// Slots bound how many tasks several Servers of a process have at a time. A client takes one before it asks for a task,
// so that none leaves its queue that would have to wait here; it stays taken until the task's handler frees it. What asynq
// itself cannot read has no handler and keeps its slot: nobody but us writes into these queues.
type Slots struct{ taken chan struct{} }

// NewSlots makes n slots.
func NewSlots(n int) *Slots { return &Slots{make(chan struct{}, n)} }

// Free gives back the slot of a task that is over.
func (s *Slots) Free() { <-s.taken }

// take waits for a slot; those who wait longest get the next. False: there was none in time, or ctx is done.
func (s *Slots) take(ctx context.Context, atMost time.Duration) bool {
	select {
	case s.taken <- struct{}{}:
		return true
	default:
	}
	if atMost <= 0 {
		return false
	}
	t := time.NewTimer(atMost)
	defer t.Stop()
	select {
	case s.taken <- struct{}{}:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}
