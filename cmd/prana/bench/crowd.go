package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"

	"prana/engine"
	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/handlers/nodes"
)

const (
	eventType = "bench.arrived"
	waitNode  = "wait"
	nextNode  = "next"
	makers    = 16 // executions that are brought to their wait at once
)

// source is the workflow that is measured: each execution waits for its own event.
const source = `
id: %s
nodes:
  - { key: start, type: manual.trigger }
  - { key: ` + waitNode + `, type: wait.wait_for_event, params: { event_type: ` + eventType + `, event_filter: { order: $input.order } } }
  - { key: ` + nextNode + `, type: core.log, params: { message: "order {{ $input.order }} arrived", level: debug } }
connections: [start -> ` + waitNode + `, ` + waitNode + ` -> ` + nextNode + `]
`

// waiter is an execution that waits for the event of its order.
type waiter struct {
	order     int
	execution string
}

// crowd makes executions that wait. They come to it by Start and RunStep of an engine, on the store of the product;
// only their tasks do not go by way of asynq, which is several times as fast. What is stored in the end is the same.
type crowd struct {
	engine   *engine.Engine
	workflow string
	version  string
	handed   *handed
	orders   int          // so far
	waits    atomic.Int64 // that were stored
}

// newCrowd publishes the workflow. No worker may run there while the crowd fills: it would take the steps.
func (b *bench) newCrowd(ctx context.Context, db *target) (*crowd, error) {
	n := b.App.Config.Partitions
	c := &crowd{workflow: b.workflow, handed: &handed{Store: db.store(n)}}
	var err error
	c.engine, err = engine.New(engine.Config{
		Store: c.handed, Partitions: n, Logger: b.App.Logger, Notify: c.count,
		Registry: node.NewRegistry(nodes.Builtin(nodes.Options{Logger: b.App.Logger})...),
	})
	if err != nil {
		return nil, err
	}
	w, _, diags := definition.Read("bench.yaml", fmt.Appendf(nil, source, b.workflow))
	if w == nil {
		return nil, fmt.Errorf("the workflow of bench cannot be read: %v", diags)
	}
	c.version, _, err = c.engine.Deploy(ctx, w)
	return c, err
}

func (c *crowd) count(_ context.Context, n flow.Notice) {
	if n.Name == flow.NodeSuspended {
		c.waits.Add(1)
	}
}

// fill makes n more of them, beginning with the node from ("" = the trigger), and returns when all of them wait.
func (c *crowd) fill(ctx context.Context, from string, n int) ([]waiter, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // a fifth faster; it is not this that is measured
	made := make([]waiter, n)
	errs := make([]error, makers)
	before := c.waits.Load()
	var next atomic.Int64
	var wg sync.WaitGroup
	for m := range makers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && errs[m] == nil; i = int(next.Add(1)) - 1 {
				made[i], errs[m] = c.one(ctx, from, c.orders+i)
			}
		})
	}
	wg.Wait()
	c.engine.Wait() // for the looks for kept events, after which a wait is at rest
	c.orders += n
	if got := int(c.waits.Load() - before); got != n {
		errs = append(errs, fmt.Errorf("%d of %d executions came to their wait", got, n))
	}
	return made, errors.Join(errs...)
}

// one starts an execution and runs its steps until no task is left.
func (c *crowd) one(ctx context.Context, from string, order int) (waiter, error) {
	input := json.RawMessage(`{"order":` + strconv.Itoa(order) + `}`)
	res, err := c.engine.Start(ctx, flow.StartRequest{Workflow: c.workflow, Version: c.version, From: from, Input: input})
	if err != nil {
		return waiter{}, err
	}
	for {
		d, ok := c.handed.take(res.ExecutionID)
		if !ok {
			return waiter{order, res.ExecutionID}, nil
		}
		if err := c.engine.RunStep(ctx, d); err != nil {
			return waiter{}, err
		}
	}
}

// handed is a store that hands out the task of a step instead of enqueueing it.
type handed struct {
	engine.Store
	tasks sync.Map // execution -> flow.Dispatch
}

// Commit stores everything but the tasks.
func (h *handed) Commit(ctx context.Context, changes ...*flow.Change) error {
	stored := make([]*flow.Change, len(changes))
	for i, ch := range changes {
		c := *ch
		for _, d := range c.Dispatch { // one at most: the workflow has no branches
			h.tasks.Store(d.Execution, d)
		}
		c.Dispatch, stored[i] = nil, &c
	}
	return h.Store.Commit(ctx, stored...)
}

func (h *handed) take(execution string) (flow.Dispatch, bool) {
	d, ok := h.tasks.LoadAndDelete(execution)
	if !ok {
		return flow.Dispatch{}, false
	}
	return d.(flow.Dispatch), true
}
