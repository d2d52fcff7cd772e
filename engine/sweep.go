package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"prana/engine/flow"
)

// Times of the sweeper.
const (
	// sweepBatch bounds what one look at the due index takes.
	sweepBatch = 100
	// sweepLease hides what one process took from the others.
	sweepLease = 10 * time.Second
	// sweepAtLeast is how often every process looks, whatever it knows of the next due time.
	sweepAtLeast = time.Second
	// lookAgain is after how long a task in a backlog is looked at again; doubling to lookAtMost.
	lookAgain     = 10 * time.Second
	lookAtMost    = 5 * time.Minute
	lookActive    = 6 * time.Second
	sweepers      = 32
	purgeEvery    = time.Minute
	backoffAtMost = 5 * time.Second
)

// Run keeps the promises that need a clock, in every partition, until ctx is
// done: timers fire, dead steps run again, debts are paid, the old is purged,
// schedules start what is due, and events reach all waits though their publisher died.
// Several processes may run it; each entry is taken by one of them at a time.
func (e *Engine) Run(ctx context.Context) {
	for part := range e.cfg.Partitions {
		e.background(func() { e.sweepLoop(ctx, part) })
		e.background(func() { e.purgeLoop(ctx, part) })
	}
	e.background(func() { e.renewLoop(ctx) })
	e.background(func() { e.scheduleLoop(ctx) })
	e.background(func() { e.publishLoop(ctx) })
	<-ctx.Done()
	e.pending.Wait()
}

// Wait blocks until nothing runs beside the callers any more.
func (e *Engine) Wait() { e.pending.Wait() }

func (e *Engine) sweepLoop(ctx context.Context, part int) {
	s := sweeper{sweep: func(ctx context.Context) ([]flow.Dispatch, time.Duration, error) { return e.sweep(ctx, part) }, task: e.store.Task}
	e.keepLooking(ctx, watch{look: s.look, failed: fmt.Sprintf("sweeping partition %d failed; it goes on", part), atLeast: sweepAtLeast, nudge: e.nudge[part]})
}

// watch is what a process looks at again and again.
type watch struct {
	look    func(context.Context) (next time.Duration, err error) // next is the time until there is more; negative = nothing is known
	failed  string                                                // how a look that failed is logged
	atLeast time.Duration                                         // between two looks, whatever is known
	nudge   <-chan struct{}                                       // something new was stored by this process; nil = nobody says
}

// keepLooking looks until ctx is done; after a look that failed it pauses, twice as long each time.
func (e *Engine) keepLooking(ctx context.Context, w watch) {
	failed := time.Duration(0)
	for ctx.Err() == nil {
		next, err := w.look(ctx)
		if err != nil && ctx.Err() == nil {
			failed = min(max(2*failed, 50*time.Millisecond), backoffAtMost)
			e.log.WarnContext(ctx, w.failed, "error", err)
			pause(ctx, failed)
			continue
		}
		failed = 0
		if next < 0 || next > w.atLeast {
			next = w.atLeast
		}
		sleep(ctx, next, w.nudge)
	}
}

// sleep sleeps for a while, or until it is nudged.
func sleep(ctx context.Context, d time.Duration, nudge <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-nudge:
	}
}

// nudgeSweep tells the sweeper of a partition that something may be due sooner than it thinks.
func (e *Engine) nudgeSweep(part int) {
	if part >= len(e.nudge) {
		return
	}
	select {
	case e.nudge[part] <- struct{}{}:
	default:
	}
}

// Sweep looks once at what is due in a partition and moves it. next is the time until
// there is more; negative when the index is empty.
func (e *Engine) Sweep(ctx context.Context, part int) (next time.Duration, err error) {
	_, next, err = e.sweep(ctx, part)
	return next, err
}

// sweep also gives the tasks that it enqueued: what was due first is last, and taken first.
func (e *Engine) sweep(ctx context.Context, part int) (wake []flow.Dispatch, next time.Duration, err error) {
	due, next, err := e.store.Due(ctx, part, sweepBatch, sweepLease)
	if err != nil {
		return nil, 0, err
	}
	if len(due) == 0 {
		return nil, next, nil
	}
	e.cfg.Counters.Swept(ctx, len(due))
	found, err := e.loadDue(ctx, due)
	if err != nil {
		return nil, 0, err
	}
	ready := make([]*flow.Dispatch, len(due))
	index := make([]int, len(due))
	for i := range index {
		index[i] = i
	}
	err = each(sweepers, index, func(i int) error {
		d, err := e.sweepOne(ctx, due[i], found[due[i]])
		ready[i] = d
		return err
	})
	for _, d := range ready {
		if d != nil {
			wake = append(wake, *d)
		}
	}
	if len(wake) > 0 {
		slices.Reverse(wake) // each goes ahead of those before
		if werr := e.enqueue(ctx, wake); werr != nil {
			return nil, 0, errors.Join(err, werr)
		}
	}
	if len(due) == sweepBatch {
		next = 0
	}
	return wake, next, err
}

// loadDue reads what the entries of steps are about.
func (e *Engine) loadDue(ctx context.Context, due []flow.DueEntry) (map[flow.DueEntry]flow.Found, error) {
	steps := slices.DeleteFunc(slices.Clone(due), func(d flow.DueEntry) bool { return d.Kind != flow.DueStep })
	if len(steps) == 0 {
		return nil, nil
	}
	all, err := e.store.LoadDue(ctx, steps)
	if err != nil {
		return nil, err
	}
	found := make(map[flow.DueEntry]flow.Found, len(steps))
	for i, d := range steps {
		found[d] = all[i]
	}
	return found, nil
}

// sweepOne moves one entry. The answer is the task to enqueue for it, if that is all it needs.
func (e *Engine) sweepOne(ctx context.Context, entry flow.DueEntry, found flow.Found) (d *flow.Dispatch, err error) {
	defer func() { // one bad record must not stop the others
		if r := recover(); r != nil {
			e.log.ErrorContext(ctx, "sweeping panicked", "execution", entry.Execution, "step", entry.Step.String(), "panic", r, "stack", string(debug.Stack()))
			d, err = nil, fmt.Errorf("sweeping execution %s panicked: %v", entry.Execution, r)
		}
	}()
	switch entry.Kind {
	case flow.DueOutbox:
		e.deliverLater(ctx, entry.Execution)
		return nil, nil
	case flow.DueDeadline:
		return nil, e.expire(ctx, entry)
	}
	if found.Err != nil {
		return nil, found.Err
	}
	x := found.Execution
	if x == nil {
		return nil, e.store.Forget(ctx, entry)
	}
	s := x.Steps[entry.Step]
	switch {
	case s == nil || !s.Status.Live() || x.Status.Terminal():
		return nil, e.store.Forget(ctx, entry)
	}
	if s.Token == "" { // held meanwhile, and its line with it
		return nil, nil
	}
	entry.Token = s.Token
	if x.Status == flow.Quarantined || s.Status == flow.StepOpen { // its parts have lines of their own
		return nil, e.store.Settle(ctx, entry, -1, "")
	}
	return e.sweepStep(ctx, entry, x, s)
}

// expire ends an execution whose whole time is up.
func (e *Engine) expire(ctx context.Context, entry flow.DueEntry) error {
	x, p, err := e.whole(ctx, entry.Execution)
	if isNotFound(err) || err == nil && x.Status.Terminal() {
		return e.store.Forget(ctx, entry)
	}
	if err != nil {
		return err
	}
	if x.Status == flow.Paused { // its time stands still; it gets another line when it goes on
		return e.store.Settle(ctx, entry, -1, "")
	}
	problem := flow.Problemf("execution_timeout", "the execution took longer than %s", time.Duration(p.Workflow.TimeoutMS)*time.Millisecond)
	err = e.apply(ctx, x.ID, p, nil, ended{status: flow.TimedOut, reason: problem.Message, err: problem})
	switch {
	case errors.Is(err, errFenced): // it was retried, and has time left: the store gave the entry another time
		return nil
	case errors.Is(err, flow.ErrConflict): // it is ending already
		return e.store.Forget(ctx, entry)
	}
	return err
}

// sweepStep decides what a live step needs whose time has come.
func (e *Engine) sweepStep(ctx context.Context, entry flow.DueEntry, x *flow.Execution, s *flow.Step) (*flow.Dispatch, error) {
	p, err := e.planFor(ctx, x.Workflow, x.Version)
	if err != nil {
		return nil, err
	}
	if s.Status == flow.StepSuspended && (s.Wait.Due.IsZero() || s.Wait.Due.After(x.Now)) {
		if s.Wait.Type == flow.Concurrency {
			return nil, e.queued(ctx, entry, p, x, s)
		}
		if s.Wait.Event == nil {
			return nil, e.store.Settle(ctx, entry, untilDue(x, s), "")
		}
		e.look(ctx, flow.SuspensionID{Execution: x.ID, Step: s.ID, Turn: s.Turn}, *s.Wait)
		return nil, nil
	}
	return e.revive(ctx, entry, p, x, s)
}

// revive finds out what became of the task of a step that should be running.
func (e *Engine) revive(ctx context.Context, entry flow.DueEntry, p *compiled, x *flow.Execution, s *flow.Step) (*flow.Dispatch, error) {
	d := hint(p, x, s)
	if first(entry, x, s) {
		return &d, nil
	}
	claim := x.Claims[s.ID]
	if claim != "" && !isNote(claim) {
		return nil, e.redispatch(ctx, p, x, s, true) // its renewals stopped: the worker is dead or cut off
	}
	state, err := e.store.Task(ctx, d)
	if err != nil {
		return nil, err
	}
	switch state {
	case flow.TaskPending:
		e.announce(ctx, d.Queue)
		wait, note := backlog(claim)
		return nil, e.store.Settle(ctx, entry, wait, note)
	case flow.TaskActive:
		if claim != lookNote+"a" {
			return nil, e.store.Settle(ctx, entry, lookActive, lookNote+"a")
		}
		return nil, e.redispatch(ctx, p, x, s, s.Deaths < suspectDeaths)
	case flow.TaskRetry:
		return nil, e.store.Settle(ctx, entry, lookAgain, lookNote)
	case flow.TaskMissing, flow.TaskScheduled:
		if s.Status == flow.StepSuspended {
			return &d, nil // a timer whose time has come
		}
	}
	return nil, e.redispatch(ctx, p, x, s, false)
}

// first tells whether nobody took the line of a step before: it is due when the commit said that wrote it. So the step had no task
// yet, beyond the bound of one commit, or only its alarm, and its token is nobody's. Enqueueing leaves a task alone that is there; whoever
// took the line hides it for as long as one that is dispatched, and finds out afterwards what became of the task.
func first(entry flow.DueEntry, x *flow.Execution, s *flow.Step) bool {
	switch {
	case s.Token == "" || x.Claims[s.ID] != "" || x.Status == flow.Paused:
		return false
	case s.Status == flow.StepPending:
		return entry.At.Equal(s.At)
	}
	return s.Status == flow.StepSuspended && !s.Wait.Looks() && entry.At.Equal(s.Wait.Due) // who looked for events moved the line
}

// hint is the dispatch of a step as it stands.
func hint(p *compiled, x *flow.Execution, s *flow.Step) flow.Dispatch {
	return flow.Dispatch{
		Kind: kindOf(s), Execution: x.ID, Step: s.ID, Token: s.Token, Workflow: p.ref,
		Queue: x.QueueOf(p.Nodes[s.ID.Node].Settings), First: true, Trace: s.Trace,
	}
}

// kindOf says what a dispatch of the step asks for: its first turn, or one after a wait.
func kindOf(s *flow.Step) string {
	if s.Status == flow.StepSuspended || s.Resumed != nil {
		return flow.KindResume
	}
	return flow.KindStep
}

// redispatch gives a step a new token and a new task.
func (e *Engine) redispatch(ctx context.Context, p *compiled, x *flow.Execution, s *flow.Step, dead bool) error {
	err := e.apply(ctx, x.ID, p, nil, redispatched{step: s.ID, token: s.Token, dead: dead})
	if errors.Is(err, errFenced) {
		return nil
	}
	if err == nil && x.Status != flow.Paused { // else it is held
		e.cfg.Counters.Redispatched(ctx)
		e.log.InfoContext(ctx, "a step is dispatched again", "execution", x.ID, "step", s.ID.String(), "worker_died", dead)
	}
	return err
}

func isNote(claim string) bool {
	return len(claim) >= len(lookNote) && claim[:len(lookNote)] == lookNote
}

// backlog doubles the time between looks at a task that waits in its queue.
func backlog(note string) (time.Duration, string) {
	n := 0
	if len(note) == len(lookNote)+1 && note[len(lookNote)] >= '0' && note[len(lookNote)] <= '9' {
		n = int(note[len(lookNote)]-'0') + 1
	}
	n = min(n, 9)
	return min(lookAgain<<n, lookAtMost), lookNote + string(rune('0'+n))
}

// purgeLoop removes what ended long ago.
func (e *Engine) purgeLoop(ctx context.Context, part int) {
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for ctx.Err() == nil {
			n, err := e.store.Purge(ctx, part, e.cfg.Retention, sweepBatch)
			if err != nil {
				e.log.WarnContext(ctx, "purging failed; it is tried again", "partition", part, "error", err)
			}
			if err != nil || n < sweepBatch {
				break
			}
		}
	}
}
