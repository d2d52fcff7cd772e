package engine

import (
	"context"
	"time"

	"prana/engine/flow"
)

// noRestart is less than a store takes to come back without its last writes.
const noRestart = 50 * time.Millisecond

// bound is a start id that was bound to an execution, which is created by another write. In between the store may have lost the
// first: then the id would start another execution when it comes again.
type bound struct {
	bind func(context.Context) (holder string, err error)
	at   time.Time
}

// bindStart binds a start id; nil = there is none to be bound.
func (e *Engine) bindStart(ctx context.Context, workflow, startID, digest string, res *flow.StartResult) (*bound, error) {
	if startID == "" {
		return nil, nil
	}
	own := res.ExecutionID
	b := &bound{bind: func(ctx context.Context) (string, error) {
		return e.store.ReserveStart(ctx, workflow, startID, own, digest)
	}}
	holder, err := b.bind(ctx)
	if err != nil {
		return nil, err
	}
	b.at = time.Now()
	res.Replayed, res.ExecutionID = holder != own, holder
	return b, nil
}

// still makes sure that the id is bound to the execution that was created.
func (b *bound) still(ctx context.Context, e *Engine, res *flow.StartResult) error {
	if b == nil || res.Replayed || time.Since(b.at) < noRestart {
		return nil
	}
	holder, err := b.bind(context.WithoutCancel(ctx))
	if err != nil || holder == res.ExecutionID {
		return wrap("binding the start id of", res.ExecutionID, err)
	}
	e.log.ErrorContext(ctx, "the store lost a start id, which started another execution meanwhile; this one is ended", "execution", res.ExecutionID, "holder", holder)
	err = e.Terminate(context.WithoutCancel(ctx), flow.CancelRequest{Execution: res.ExecutionID, Reason: "its start id started another execution"})
	res.Replayed, res.ExecutionID = true, holder
	return err
}
