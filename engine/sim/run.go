package sim

import (
	"context"
	"fmt"
	"time"

	"prana/engine/flow"
)

// Bounds after which it is taken to hang.
const (
	maxSteps    = 200_000
	maxFailures = 50 // in a row
)

// Run works off tasks until all that remains sleeps. Time stands still.
func (s *Simulation) Run(ctx context.Context) error {
	for range maxSteps {
		if worked, err := s.Step(ctx); !worked || err != nil {
			return err
		}
	}
	return fmt.Errorf("after %d steps there is still something to do", maxSteps)
}

// Step works off the next task, or what the sweeper finds when there is none.
// False: there was nothing to do.
func (s *Simulation) Step(ctx context.Context) (bool, error) {
	s.engine.Wait() // what follows a commit may bring a task
	for part := range s.opts.Partitions {
		if d, ok := s.store.Pop(part); ok {
			return true, s.work(ctx, d)
		}
	}
	if len(s.again) > 0 {
		d := s.again[0]
		s.again = s.again[1:]
		return true, s.work(ctx, d)
	}
	found, _, err := s.look(ctx)
	return found, err
}

// work does what a worker does with a task. One that fails is brought again, as a queue would.
func (s *Simulation) work(ctx context.Context, d flow.Dispatch) error {
	err := s.engine.RunStep(ctx, d)
	s.engine.Wait()
	failed, err := s.failed(ctx, err)
	if failed {
		s.again = append(s.again, d)
		return err
	}
	s.store.Done(d)
	return nil
}

// failed counts errors, which are to pass: it gives back the one that does not.
func (s *Simulation) failed(ctx context.Context, err error) (bool, error) {
	if err == nil {
		s.failures = 0
		return false, nil
	}
	if ctx.Err() != nil {
		return true, context.Cause(ctx)
	}
	if s.failures++; s.failures > maxFailures {
		return true, fmt.Errorf("it fails again and again: %w", err)
	}
	return true, nil
}

// Sweep lets the sweeper look once at every partition. found tells whether
// something was due, next when there will be more (negative: never).
func (s *Simulation) Sweep(ctx context.Context) (found bool, next time.Duration, err error) {
	next = -1
	for part := range s.opts.Partitions {
		d, err := s.engine.Sweep(ctx, part)
		s.engine.Wait()
		failed, err := s.failed(ctx, err)
		if err != nil {
			return false, -1, err
		}
		if failed || s.found() {
			found = true
		}
		if d >= 0 && (next < 0 || d < next) {
			next = d
		}
	}
	return found, next, nil
}

// Tick lets the engine look once at the schedules. found tells whether one was
// due, next when there will be more (negative: never).
func (s *Simulation) Tick(ctx context.Context) (found bool, next time.Duration, err error) {
	if s.opts.NoSchedules {
		return false, -1, nil
	}
	next, err = s.engine.Tick(ctx)
	failed, err := s.failed(ctx, err)
	return failed || s.found(), next, err
}

// PublishOverdue lets the engine look once for events whose publisher died. found tells whether there was one, next when
// there may be more (negative: never).
func (s *Simulation) PublishOverdue(ctx context.Context) (found bool, next time.Duration, err error) {
	next, err = s.engine.PublishOverdue(ctx)
	failed, err := s.failed(ctx, err)
	return failed || s.found(), next, err
}

// look looks at everything that time moves.
func (s *Simulation) look(ctx context.Context) (found bool, next time.Duration, err error) {
	next = -1
	for _, look := range []func(context.Context) (bool, time.Duration, error){s.Sweep, s.Tick, s.PublishOverdue} {
		one, at, err := look(ctx)
		if err != nil {
			return false, -1, err
		}
		found = found || one
		if next < 0 || at >= 0 && at < next {
			next = at
		}
	}
	return found, next, nil
}

// Advance lets time pass: it jumps from due time to due time and works off
// what comes due, at the time when it does.
func (s *Simulation) Advance(ctx context.Context, d time.Duration) error {
	end := s.Now().Add(d)
	for range maxSteps {
		if err := s.Run(ctx); err != nil {
			return err
		}
		_, next, err := s.look(ctx)
		if err != nil {
			return err
		}
		at := s.Now().Add(next)
		if next < 0 || at.After(end) {
			s.clock.set(end)
			return s.Run(ctx)
		}
		s.clock.set(at)
	}
	return fmt.Errorf("after %d due times there are still more", maxSteps)
}

// Pass moves the clock and does nothing else.
func (s *Simulation) Pass(d time.Duration) { s.clock.set(s.Now().Add(d)) }

// AdvanceUntil lets time pass, from due time to due time, until the execution is as it is asked for (nil: never), is terminal, or
// nothing is left that time could move. Schedules do not come due by it.
func (s *Simulation) AdvanceUntil(ctx context.Context, execution string, done func(*flow.View) bool) error {
	for range maxSteps {
		if err := s.Run(ctx); err != nil {
			return err
		}
		_, next, err := s.Sweep(ctx)
		if err != nil || next < 0 {
			return err
		}
		arrived, err := s.arrived(ctx, execution, done)
		if err != nil || arrived {
			return err
		}
		s.clock.set(s.Now().Add(next))
	}
	return fmt.Errorf("after %d due times the execution is still not there", maxSteps)
}

// arrived tells whether the execution is terminal, or as it is asked for. Without that, not all of it is looked at: a long one
// has many due times.
func (s *Simulation) arrived(ctx context.Context, execution string, done func(*flow.View) bool) (bool, error) {
	if done == nil {
		page, err := s.store.Executions(ctx, flow.ExecutionFilter{ID: execution})
		return err == nil && len(page.Items) == 1 && page.Items[0].Status.Terminal(), err
	}
	v, err := s.engine.Describe(ctx, execution)
	return err == nil && (v.Status.Terminal() || done(v)), err
}

// Lose forgets every task, as if somebody had deleted the queues.
func (s *Simulation) Lose() {
	for part := range s.opts.Partitions {
		s.store.Lose(part)
	}
	s.again = nil
}
