package enginetest

import (
	"time"

	"prana/engine/flow"
)

// Bounds after which a test is taken to hang.
const (
	maxSteps    = 200_000
	maxFailures = 50 // in a row
)

// Run works off tasks until all that remains sleeps. Time stands still.
func (e *Env) Run() {
	e.t.Helper()
	for range maxSteps {
		if !e.Step() {
			return
		}
	}
	e.t.Fatalf("after %d steps there is still something to do", maxSteps)
}

// Step works off the next task, or what the sweeper finds when there is none.
// False: there was nothing to do.
func (e *Env) Step() bool {
	e.t.Helper()
	e.engine.Wait() // what follows a commit may bring a task
	for part := range e.opts.Partitions {
		if d, ok := e.store.Pop(part); ok {
			e.work(d)
			return true
		}
	}
	if len(e.again) > 0 {
		d := e.again[0]
		e.again = e.again[1:]
		e.work(d)
		return true
	}
	found, _ := e.look()
	return found
}

// work does what a worker does with a task. One that fails is brought again, as a queue would.
func (e *Env) work(d flow.Dispatch) {
	e.t.Helper()
	err := e.engine.RunStep(e.t.Context(), d)
	e.engine.Wait()
	if e.failed(err) {
		e.again = append(e.again, d)
		return
	}
	e.store.Done(d)
}

// failed counts errors, which are to pass.
func (e *Env) failed(err error) bool {
	e.t.Helper()
	if err == nil {
		e.failures = 0
		return false
	}
	if e.failures++; e.failures > maxFailures {
		e.t.Fatalf("it fails again and again: %v", err)
	}
	return true
}

// Sweep lets the sweeper look once at every partition. found tells whether
// something was due, next when there will be more (negative: never).
func (e *Env) Sweep() (found bool, next time.Duration) {
	e.t.Helper()
	next = -1
	for part := range e.opts.Partitions {
		d, err := e.engine.Sweep(e.t.Context(), part)
		e.engine.Wait()
		if e.failed(err) || e.found() {
			found = true
		}
		if d >= 0 && (next < 0 || d < next) {
			next = d
		}
	}
	return found, next
}

// Tick lets the engine look once at the schedules. found tells whether one was
// due, next when there will be more (negative: never).
func (e *Env) Tick() (found bool, next time.Duration) {
	e.t.Helper()
	next, err := e.engine.Tick(e.t.Context())
	return e.failed(err) || e.found(), next
}

// PublishOverdue lets the engine look once for events whose publisher died. found tells whether there was one, next when
// there may be more (negative: never).
func (e *Env) PublishOverdue() (found bool, next time.Duration) {
	e.t.Helper()
	next, err := e.engine.PublishOverdue(e.t.Context())
	return e.failed(err) || e.found(), next
}

// look looks at everything that time moves.
func (e *Env) look() (found bool, next time.Duration) {
	e.t.Helper()
	next = -1
	for _, look := range []func() (bool, time.Duration){e.Sweep, e.Tick, e.PublishOverdue} {
		one, at := look()
		found = found || one
		if next < 0 || at >= 0 && at < next {
			next = at
		}
	}
	return found, next
}

func (e *Env) found() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.due > 0
}

// Advance lets time pass: it jumps from due time to due time and works off
// what comes due, at the time when it does.
func (e *Env) Advance(d time.Duration) {
	e.t.Helper()
	end := e.Now().Add(d)
	for range maxSteps {
		e.Run()
		_, next := e.look()
		at := e.Now().Add(next)
		if next < 0 || at.After(end) {
			e.clock.set(end)
			e.Run()
			return
		}
		e.clock.set(at)
	}
	e.t.Fatalf("after %d due times there are still more", maxSteps)
}

// Pass moves the clock and does nothing else.
func (e *Env) Pass(d time.Duration) { e.clock.set(e.Now().Add(d)) }

// AdvanceToEnd lets time pass until the execution is terminal, or nothing is
// left that time could move.
func (e *Env) AdvanceToEnd(execution string) {
	e.t.Helper()
	for range maxSteps {
		e.Run()
		_, next := e.Sweep()
		if next < 0 || e.Execution(execution).Status.Terminal() {
			return
		}
		e.clock.set(e.Now().Add(next))
	}
	e.t.Fatalf("after %d due times the execution has not ended", maxSteps)
}

// Lose forgets every task, as if somebody had deleted the queues.
func (e *Env) Lose() {
	for part := range e.opts.Partitions {
		e.store.Lose(part)
	}
	e.again = nil
}
