package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"prana/engine"
	"prana/engine/flow"
	"prana/tasks"
)

// load is work for a worker: executions of one workflow that are all alike.
type load struct {
	source     string // of the workflow; %s is its id
	input      json.RawMessage
	executions int
	steps      int // of all of them, each a task of asynq's
	atOnce     int // steps at a time
}

// drain starts all executions while nothing runs them, and takes the time that a worker then needs from its first step
// to the last end. So starting is not measured.
func (b *bench) drain(ctx context.Context, l load) (r round, err error) {
	e, err := b.newEngine(b.dbs[0].store(b.App.Config.Partitions), nil)
	if err != nil {
		return r, err
	}
	if err := b.startAll(ctx, e, l); err != nil {
		return r, err
	}
	before, err := b.processed(ctx)
	if err != nil {
		return r, err
	}
	r, err = b.metered(ctx, func() (time.Duration, error) { return b.work(ctx, l) })
	if err != nil {
		return r, err
	}
	after, err := b.processed(ctx)
	if n := after - before; err == nil && n != l.steps {
		err = fmt.Errorf("%d executions of %d steps in all were %d tasks of asynq's", l.executions, l.steps, n)
	}
	return r, err
}

// work runs a worker until all executions have ended.
func (b *bench) work(ctx context.Context, l load) (time.Duration, error) {
	w := newWatch(l.executions)
	p, err := b.launch(ctx, b.dbs[0], w.tell, atOnce(l.atOnce))
	if err != nil {
		return 0, err
	}
	took, err := w.wait(ctx, p.Err())
	return took, errors.Join(err, stop(ctx, p))
}

// startAll publishes the workflow, and starts its executions, many at once.
func (b *bench) startAll(ctx context.Context, e *engine.Engine, l load) error {
	version, err := b.deploy(ctx, e, l.source)
	if err != nil {
		return err
	}
	return parallel(l.executions, func(int) error {
		_, err := e.Start(ctx, flow.StartRequest{Workflow: b.workflow, Version: version, Input: l.input})
		return err
	})
}

// parallel calls f for 0 to n-1, some at a time, and none after an error.
func parallel(n int, f func(i int) error) error {
	errs := make([]error, makers)
	var next atomic.Int64
	var wg sync.WaitGroup
	for m := range makers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && errs[m] == nil; i = int(next.Add(1)) - 1 {
				errs[m] = f(i)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// processed is how many tasks of all partitions' own queues asynq counts as done, so far.
func (b *bench) processed(ctx context.Context) (int, error) {
	sum := 0
	for p := range b.App.Config.Partitions {
		n, err := b.dbs[0].processed(ctx, tasks.QueueOf(p))
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// processed is how many tasks of a queue asynq counts as done, so far.
func (t *target) processed(ctx context.Context, queue string) (int, error) {
	text, err := t.client.Get(ctx, "asynq:{"+queue+"}:processed").Result()
	if isNil(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading how many tasks asynq has done: %w", err)
	}
	return strconv.Atoi(text)
}
