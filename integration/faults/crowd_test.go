package faults

import (
	"context"
	"encoding/json"
	"sync"

	"prana/engine"
	"prana/engine/flow"
	"prana/integration/faults/fleet"
)

// crowd makes executions that sleep, in this process, with Start and RunStep of an engine on the store of the product. What is
// stored in the end is the same as when workers do it, alarms included; only their tasks do not go by way of asynq, which is
// several times as fast.
type crowd struct {
	engine *engine.Engine
	handed *handed
}

func newCrowd(f *fleet.Fleet) (*crowd, error) {
	c := &crowd{handed: &handed{Store: f.App.Store()}}
	var err error
	c.engine, err = engine.New(engine.Config{Store: c.handed, Partitions: f.Setup.Partitions, Registry: f.Setup.Registry()})
	return c, err
}

// start starts an execution and runs its steps until no task is left.
func (c *crowd) start(ctx context.Context, workflow string, input json.RawMessage) (execution string, err error) {
	res, err := c.engine.Start(ctx, flow.StartRequest{Workflow: workflow, Input: input})
	if err != nil {
		return "", err
	}
	for {
		d, ok := c.handed.tasks.LoadAndDelete(res.ExecutionID)
		if !ok {
			return res.ExecutionID, nil
		}
		if err := c.engine.RunStep(ctx, d.(flow.Dispatch)); err != nil {
			return "", err
		}
	}
}

// handed is a store that hands out the task of a step that is to run now instead of enqueueing it.
type handed struct {
	engine.Store
	tasks sync.Map // execution -> flow.Dispatch
}

// Commit stores everything but the tasks for now.
func (h *handed) Commit(ctx context.Context, changes ...*flow.Change) error {
	stored := make([]*flow.Change, len(changes))
	for i, ch := range changes {
		c := *ch
		c.Dispatch = nil
		for _, d := range ch.Dispatch {
			if d.In > 0 {
				c.Dispatch = append(c.Dispatch, d)
			} else {
				h.tasks.Store(d.Execution, d) // one at most: the workflows have no branches
			}
		}
		stored[i] = &c
	}
	return h.Store.Commit(ctx, stored...)
}
