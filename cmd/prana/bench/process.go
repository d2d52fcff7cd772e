package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"prana/cmd/prana/app"
	"prana/engine/flow"
)

const (
	warmUp   = 50               // samples that do not count
	patience = 30 * time.Second // for one step
)

// process is a whole one, as `prana worker` runs it: engine, asynq, sweeper and middleware.
type process struct {
	*app.App
	went chan string // executions that went on after their wait
}

// timing takes the time of what is measured on one waiter, and returns when that one has run its next step, too: then
// the process is quiet again.
type timing func(ctx context.Context, p *process, w waiter) (time.Duration, error)

// sample runs a process and times one waiter after the other, the first ones for nothing.
func (b *bench) sample(ctx context.Context, waiters []waiter, one timing) (p percentiles, err error) {
	if err := b.redis.calm(ctx); err != nil {
		return p, err
	}
	proc, err := b.start(ctx, len(waiters))
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, proc.stop(ctx)) }()
	runtime.GC() // what made the waiters is not to be cleared away at the expense of what is measured
	var times []time.Duration
	for _, w := range waiters {
		took, err := one(ctx, proc, w)
		if err != nil {
			return p, err
		}
		times = append(times, took)
	}
	return percentilesOf(times[warmUp:]), nil
}

func (b *bench) start(ctx context.Context, most int) (*process, error) {
	p := &process{went: make(chan string, most)}
	o := b.App
	o.Worker = true
	o.Config.Middleware = append(slices.Clone(o.Config.Middleware), "bench")
	o.Middleware = map[string]app.Middleware{"bench": {Call: p.tell}}
	var err error
	p.App, err = app.Start(ctx, o)
	return p, err
}

func (p *process) tell(ctx context.Context, n flow.Notice, next flow.Next) {
	if n.Name == flow.NodeCompleted && n.Node == nextNode {
		p.went <- n.Execution
	}
	next(ctx, n)
}

func (p *process) await(ctx context.Context, execution string) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case got := <-p.went:
		if got != execution {
			return fmt.Errorf("execution %s went on, and it was %s that should", got, execution)
		}
		return nil
	case err := <-p.Err():
		return fmt.Errorf("a part of the process died: %w", err)
	case <-late.C:
		return fmt.Errorf("execution %s did not go on within %s after its wait had ended", execution, patience)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *process) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return p.Shutdown(ctx)
}
