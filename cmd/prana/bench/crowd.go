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
	makers    = 16 // executions that are started, or brought to their wait, at once
)

// waitSource is a workflow of which each execution waits for its own event.
const waitSource = `
id: %s
nodes:
  - { key: start, type: manual.trigger }
  - { key: ` + waitNode + `, type: wait.wait_for_event, params: { event_type: ` + eventType + `, event_filter: { order: $input.order }, timeout_ms: 86400000, on_timeout: timeout } }
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
	input    func(order int) json.RawMessage // of an execution
	orders   int                             // so far
	waits    atomic.Int64                    // that were stored
}

// newCrowd publishes the workflow. No worker may run there while the crowd fills: it would take the steps.
func (b *bench) newCrowd(ctx context.Context, db *target, source string) (*crowd, error) {
	c := &crowd{workflow: b.workflow, input: inputOf, handed: &handed{Store: db.store(b.App.Config.Partitions)}}
	var err error
	if c.engine, err = b.newEngine(c.handed, c.count); err != nil {
		return nil, err
	}
	c.version, err = b.deploy(ctx, c.engine, source)
	return c, err
}

// newEngine makes one that runs nothing by itself.
func (b *bench) newEngine(s engine.Store, notify func(context.Context, flow.Notice)) (*engine.Engine, error) {
	return engine.New(engine.Config{
		Store: s, Partitions: b.App.Config.Partitions, Logger: b.App.Logger, Notify: notify,
		Registry: node.NewRegistry(nodes.Builtin(nodes.Options{Logger: b.App.Logger})...),
	})
}

// deploy publishes a workflow under the id that is the bench's own.
func (b *bench) deploy(ctx context.Context, e *engine.Engine, source string) (version string, err error) {
	w, _, diags := definition.Read("bench.yaml", fmt.Appendf(nil, source, b.workflow))
	if w == nil {
		return "", fmt.Errorf("the workflow of bench cannot be read: %v", diags)
	}
	version, _, err = e.Deploy(ctx, w)
	return version, err
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
	before := c.waits.Load()
	err := parallel(n, func(i int) (err error) {
		made[i], err = c.one(ctx, from, c.orders+i)
		return err
	})
	c.engine.Wait() // for the looks for kept events, after which a wait is at rest
	c.orders += n
	if got := int(c.waits.Load() - before); got != n {
		err = errors.Join(err, fmt.Errorf("%d of %d executions came to their wait", got, n))
	}
	return made, err
}

// inputOf names the order of an execution; so do the data of the event that it waits for.
func inputOf(order int) json.RawMessage {
	return json.RawMessage(`{"order":` + strconv.Itoa(order) + `}`)
}

// one starts an execution and runs its steps until no task is left.
func (c *crowd) one(ctx context.Context, from string, order int) (waiter, error) {
	res, err := c.engine.Start(ctx, flow.StartRequest{Workflow: c.workflow, Version: c.version, From: from, Input: c.input(order)})
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

// Commit stores everything but the tasks that are to run now.
func (h *handed) Commit(ctx context.Context, changes ...*flow.Change) error {
	stored := make([]*flow.Change, len(changes))
	for i, ch := range changes {
		c := *ch
		c.Dispatch, stored[i] = nil, &c
		for _, d := range ch.Dispatch {
			if d.In > 0 { // the alarm of a timer
				c.Dispatch = append(c.Dispatch, d)
				continue
			}
			h.tasks.Store(d.Execution, d) // one at most: the workflow has no branches
		}
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
