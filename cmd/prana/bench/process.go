package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"prana/cmd/prana/app"
	"prana/engine/flow"
)

const (
	warmUp   = 50               // samples that do not count
	turn     = 10               // samples of one series before it is the next one's turn
	patience = 30 * time.Second // until the next step
)

// process is a whole one, as `prana worker` and `prana server` run it: engine, asynq, sweeper, middleware and API.
type process struct {
	*app.App
	started atomic.Pointer[time.Time] // when the node after a wait last did
	went    chan string               // executions that went on after their wait
}

// timing takes the time of what is measured on one waiter, and returns when that one has run its next step, too: then
// the process is quiet again.
type timing func(ctx context.Context, p *process, w waiter) (time.Duration, error)

// series is a process with the waiters on which times are taken, one after the other.
type series struct {
	*process
	waiters []waiter
	one     timing
	times   []time.Duration
}

// newSeries starts the process. There must be warmUp waiters more than Samples.
func (b *bench) newSeries(ctx context.Context, db *target, waiters []waiter, one timing) (*series, error) {
	p, err := b.start(ctx, db, len(waiters))
	return &series{process: p, waiters: waiters, one: one}, err
}

func (s *series) sample(ctx context.Context, n int) error {
	for _, w := range s.waiters[:n] {
		took, err := s.one(ctx, s.process, w)
		if err != nil {
			return err
		}
		s.times = append(s.times, took)
	}
	s.waiters = s.waiters[n:]
	return nil
}

// oneByOne makes executions wait for their events, and takes the time of each wait's end, one after the other.
func (b *bench) oneByOne(ctx context.Context, name string, one timing) (times []time.Duration, err error) {
	b.Say("%s: %s executions, one after the other", name, count(b.Samples))
	c, err := b.newCrowd(ctx, b.dbs[0], waitSource)
	if err != nil {
		return nil, err
	}
	waiters, err := c.fill(ctx, "", warmUp+b.Samples)
	if err != nil {
		return nil, err
	}
	s, err := b.newSeries(ctx, b.dbs[0], waiters, one)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop(ctx, s.App)) }()
	if err := b.sample(ctx, s); err != nil {
		return nil, err
	}
	return s.times, nil
}

// sample takes all the times of all series, in turns: whatever else the machine does meanwhile meets all of them alike.
func (b *bench) sample(ctx context.Context, all ...*series) error {
	if err := b.dbs[0].calm(ctx); err != nil {
		return err
	}
	runtime.GC() // what made the waiters is not to be cleared away at the expense of what is measured
	for _, s := range all {
		if err := s.sample(ctx, warmUp); err != nil {
			return err
		}
		s.times = nil
	}
	for left := b.Samples; left > 0; left -= turn {
		for _, s := range all {
			if err := s.sample(ctx, min(turn, left)); err != nil {
				return err
			}
		}
	}
	return nil
}

// launch starts a process as `prana worker` does, or as edited, which tells a middleware of everything besides.
func (b *bench) launch(ctx context.Context, db *target, tell flow.Middleware, edits ...func(*app.Options)) (*app.App, error) {
	o := b.App
	o.Worker, o.Config.Redis.URL, o.Config.Worker.Queues = true, db.url, nil
	o.Config.Middleware = append(slices.Clone(o.Config.Middleware), "bench")
	o.Middleware = map[string]app.Middleware{"bench": {Call: tell}}
	for _, edit := range edits {
		edit(&o)
	}
	return app.Start(ctx, o)
}

// serving has the process serve the API, too.
func serving(o *app.Options) { o.API, o.Listen = true, "127.0.0.1:0" }

// atOnce bounds the steps of a process.
func atOnce(n int) func(*app.Options) {
	return func(o *app.Options) { o.Config.Worker.Concurrency = n }
}

// stop ends a process, also when the bench is broken off.
func stop(ctx context.Context, a *app.App) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return a.Shutdown(ctx)
}

func (b *bench) start(ctx context.Context, db *target, most int) (*process, error) {
	p := &process{went: make(chan string, most)}
	var err error
	p.App, err = b.launch(ctx, db, p.tell, serving)
	return p, err
}

func (p *process) tell(ctx context.Context, n flow.Notice, next flow.Next) {
	switch {
	case n.Node != nextNode:
	case n.Name == flow.NodeStarting:
		now := time.Now()
		p.started.Store(&now)
	case n.Name == flow.NodeCompleted:
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
