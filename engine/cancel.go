package engine

import (
	"context"
	"errors"

	"prana/engine/flow"
)

// Cancel ends an execution before its time: steps that run are fenced at once,
// waits are withdrawn, children are cancelled.
func (e *Engine) Cancel(ctx context.Context, r flow.CancelRequest) error {
	x, err := e.store.Load(ctx, r.Execution, flow.Want{})
	if err != nil {
		return err
	}
	p, err := e.planFor(ctx, x.Workflow, x.Version)
	if err != nil {
		return err
	}
	problem := flow.Problemf("cancelled", "cancelled: %s", orElse(flow.Cut(r.Reason, 1024), "no reason was given"))
	if r.ID != "" {
		problem.Details = map[string]any{"request_id": r.ID}
	}
	err = e.apply(ctx, r.Execution, p, nil, ended{status: flow.Cancelled, reason: flow.Cut(r.Reason, 1024), err: problem})
	if r.ID != "" && errors.Is(err, flow.ErrConflict) && e.cancelledBy(ctx, r) {
		return nil
	}
	return err
}

// cancelledBy tells whether this very request cancelled the execution before.
func (e *Engine) cancelledBy(ctx context.Context, r flow.CancelRequest) bool {
	x, _, err := e.whole(ctx, r.Execution)
	return err == nil && x.Status == flow.Cancelled && x.Error != nil && x.Error.Details["request_id"] == r.ID
}
