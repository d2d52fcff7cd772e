package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"prana/engine/flow"
)

// watch takes the time from the first step of many executions to the end of the last.
type watch struct {
	first sync.Once
	began time.Time
	steps atomic.Int64
	left  atomic.Int64
	over  chan time.Time // gets when the last one ended
	bad   chan error     // gets the first one that ended badly
}

func newWatch(executions int) *watch {
	w := &watch{over: make(chan time.Time, 1), bad: make(chan error, 1)}
	w.left.Store(int64(executions))
	return w
}

// tell is a middleware.
func (w *watch) tell(ctx context.Context, n flow.Notice, next flow.Next) {
	switch n.Name {
	case flow.NodeStarting:
		w.step()
	case flow.ExecutionCompleted:
		w.end()
	case flow.ExecutionFailed:
		w.fail(fmt.Errorf("execution %s failed: %w", n.Execution, n.Error))
	}
	next(ctx, n)
}

func (w *watch) step() {
	w.first.Do(func() { w.began = time.Now() })
	w.steps.Add(1)
}

func (w *watch) end() {
	if w.left.Add(-1) == 0 {
		w.over <- time.Now()
	}
}

func (w *watch) fail(err error) {
	select {
	case w.bad <- err:
	default: // one is enough
	}
}

// again waits for one more execution. Nothing may run at that time.
func (w *watch) again() { w.left.Store(1) }

// wait gives the time from the first step to the last end.
func (w *watch) wait(ctx context.Context, died <-chan error) (time.Duration, error) {
	over, err := w.lastEnd(ctx, died)
	if err != nil {
		return 0, err
	}
	return over.Sub(w.began), nil
}

// lastEnd waits for the last end, for as long as steps are made.
func (w *watch) lastEnd(ctx context.Context, died <-chan error) (time.Time, error) {
	tick := time.NewTicker(patience)
	defer tick.Stop()
	for before := int64(-1); ; {
		select {
		case over := <-w.over:
			return over, nil
		case err := <-w.bad:
			return time.Time{}, err
		case err := <-died:
			return time.Time{}, fmt.Errorf("a part of the process died: %w", err)
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		case <-tick.C:
			now := w.steps.Load()
			if now == before {
				return time.Time{}, fmt.Errorf("%d executions did not end, and there was no step within %s", w.left.Load(), patience)
			}
			before = now
		}
	}
}
