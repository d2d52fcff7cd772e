package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"prana/engine/flow"
)

// Reasons for which an attempt is broken off.
var (
	errLost        = errors.New("the step is over, or another worker has it")
	errCutOff      = errors.New("the store could not be reached for too long: another worker may have the step")
	errAttemptTime = errors.New("the attempt's time is up")
)

// Times of the claims of running steps.
const (
	renewEvery = 3 * time.Second
	renewAfter = 2 * time.Second  // shorter steps are never claimed
	claimFor   = 12 * time.Second // from each renewal, by the store's clock
	loseAfter  = 10 * time.Second // without a renewal, by the process's own clock
	lookNote   = "look"           // claim notes of the sweeper begin so
)

// running is the set of steps that this process runs.
type running struct {
	mu   sync.Mutex
	runs map[*run]struct{}
}

// run is a step that this process runs.
type run struct {
	dispatch flow.Dispatch
	began    time.Time
	cancel   context.CancelCauseFunc
	lose     *time.Timer // breaks it off, unless its claim is renewed
}

// renewed tells that the claim was renewed by a request of that time. Nobody but a renewal that came in time puts it off: a
// store that does not answer must not hold up the end.
func (r *run) renewed(at time.Time) {
	if r.lose.Stop() {
		r.lose.Reset(loseAfter - time.Since(at))
	}
}

// start notes a run and gives it a context of its own, which ends with the
// attempt's time, the loss of its claim, or ctx.
func (r *running) start(ctx context.Context, d flow.Dispatch, limit time.Duration) (context.Context, *run, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	ctx, stop := context.WithTimeoutCause(ctx, limit, errAttemptTime)
	x := &run{dispatch: d, began: time.Now(), cancel: cancel}
	x.lose = time.AfterFunc(loseAfter, func() { cancel(errCutOff) })
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.runs == nil {
		r.runs = map[*run]struct{}{}
	}
	r.runs[x] = struct{}{}
	return ctx, x, func() {
		x.lose.Stop()
		stop()
		cancel(nil)
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.runs, x)
	}
}

// old lists the runs that began before.
func (r *running) old(before time.Time) []*run {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*run
	for x := range r.runs {
		if !x.began.After(before) {
			all = append(all, x)
		}
	}
	return all
}

// renewLoop keeps the claims of long steps until ctx is done.
func (e *Engine) renewLoop(ctx context.Context) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			e.claim(ctx, e.running.old(time.Now().Add(-renewAfter)))
		}
	}
}

// claim renews runs, and breaks off those that are not ours any more.
func (e *Engine) claim(ctx context.Context, runs []*run) {
	byPartition := map[int][]*run{}
	for _, r := range runs {
		part, _ := flow.PartitionOf(r.dispatch.Execution)
		byPartition[part] = append(byPartition[part], r)
	}
	var wg sync.WaitGroup // a partition that cannot be reached must not hold up the others
	for _, group := range byPartition {
		wg.Go(func() { e.claimGroup(ctx, group) })
	}
	wg.Wait()
}

func (e *Engine) claimGroup(ctx context.Context, group []*run) {
	steps := make([]flow.Dispatch, len(group))
	for i, r := range group {
		steps[i] = r.dispatch
	}
	timed, cancel := context.WithTimeout(ctx, renewEvery)
	defer cancel()
	now := time.Now()
	lost, err := e.store.Renew(timed, e.id, steps, claimFor)
	if err != nil && ctx.Err() != nil {
		return // this process ends
	}
	if err != nil {
		e.log.WarnContext(ctx, "the claims of running steps could not be renewed", "steps", len(steps), "error", err)
		return
	}
	gone := map[string]bool{}
	for _, d := range lost {
		gone[d.Execution+d.Step.String()+d.Token] = true
	}
	for _, r := range group {
		d := r.dispatch
		if gone[d.Execution+d.Step.String()+d.Token] {
			r.cancel(errLost)
			continue
		}
		r.renewed(now)
	}
}
