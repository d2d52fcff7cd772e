package enginetest

import "time"

// Run works off tasks until all that remains sleeps. Time stands still.
func (e *Env) Run() {
	e.t.Helper()
	e.must(e.sim.Run(e.t.Context()))
}

// Step works off the next task, or what the sweeper finds when there is none.
// False: there was nothing to do.
func (e *Env) Step() bool {
	e.t.Helper()
	worked, err := e.sim.Step(e.t.Context())
	e.must(err)
	return worked
}

// Sweep lets the sweeper look once at every partition. found tells whether
// something was due, next when there will be more (negative: never).
func (e *Env) Sweep() (found bool, next time.Duration) {
	e.t.Helper()
	found, next, err := e.sim.Sweep(e.t.Context())
	e.must(err)
	return found, next
}

// Tick lets the engine look once at the schedules. found tells whether one was
// due, next when there will be more (negative: never).
func (e *Env) Tick() (found bool, next time.Duration) {
	e.t.Helper()
	found, next, err := e.sim.Tick(e.t.Context())
	e.must(err)
	return found, next
}

// PublishOverdue lets the engine look once for events whose publisher died. found tells whether there was one, next when
// there may be more (negative: never).
func (e *Env) PublishOverdue() (found bool, next time.Duration) {
	e.t.Helper()
	found, next, err := e.sim.PublishOverdue(e.t.Context())
	e.must(err)
	return found, next
}

// Advance lets time pass: it jumps from due time to due time and works off
// what comes due, at the time when it does.
func (e *Env) Advance(d time.Duration) {
	e.t.Helper()
	e.must(e.sim.Advance(e.t.Context(), d))
}

// Pass moves the clock and does nothing else.
func (e *Env) Pass(d time.Duration) { e.sim.Pass(d) }

// AdvanceToEnd lets time pass until the execution is terminal, or nothing is
// left that time could move.
func (e *Env) AdvanceToEnd(execution string) {
	e.t.Helper()
	e.must(e.sim.AdvanceUntil(e.t.Context(), execution, nil))
}

// Lose forgets every task, as if somebody had deleted the queues.
func (e *Env) Lose() { e.sim.Lose() }
