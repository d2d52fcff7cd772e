package engine

import (
	"context"
	"slices"
	"time"

	"prana/engine/flow"
)

// What comes due goes ahead of all that waits in its queue, and so ahead of what came due before it and still waits there. So that much that is due
// at once keeps its order, the sweeper stays only a little ahead of the workers: the rest waits in the due index, by its time.

const (
	// holdAtMost is for how long it waits for them before it brings up more all the same: all of them may be at long steps, and what is due next
	// may need no worker.
	holdAtMost = 100 * time.Millisecond
	// holdLook is after how long it looks whether they took what it brought up: a batch takes many times that.
	holdLook = 2 * time.Millisecond
)

// sweeper sweeps a partition for a process.
type sweeper struct {
	sweep func(context.Context) (woken []flow.Dispatch, next time.Duration, err error)
	task  func(context.Context, flow.Dispatch) (flow.TaskState, error)

	// before and last are the tasks of the two newest batches that are taken last; nil = there is no such batch, or it was not full.
	before, last *flow.Dispatch
	since        time.Time // when the newest was brought up
}

// look sweeps once, unless the workers have more than a batch before them. next is the time until there is more; negative = nothing is known.
func (s *sweeper) look(ctx context.Context) (next time.Duration, err error) {
	if ahead, err := s.ahead(ctx); ahead || err != nil {
		return holdLook, err
	}
	woken, next, err := s.sweep(ctx)
	s.note(woken, next == 0)
	return next, err
}

// ahead tells whether something is still to be taken that was brought up before the newest batch.
func (s *sweeper) ahead(ctx context.Context) (bool, error) {
	if s.before == nil || time.Since(s.since) > holdAtMost {
		return false, nil
	}
	state, err := s.task(ctx, *s.before)
	return state == flow.TaskPending, err
}

// note remembers what was brought up, by the task that is taken last of those in the partition's own queue.
func (s *sweeper) note(woken []flow.Dispatch, more bool) {
	i := slices.IndexFunc(woken, func(d flow.Dispatch) bool { return d.Queue == "" })
	if !more || i < 0 {
		s.before, s.last = nil, nil
		return
	}
	s.before, s.last, s.since = s.last, &woken[i], time.Now()
}
