package engine

import (
	"context"
	"errors"

	"prana/engine/flow"
)

// Codes of executions that somebody ended before their time.
const (
	codeCancelled  = "cancelled"
	codeTerminated = "terminated"
)

// Cancel ends an execution before its time: steps that run are fenced at once, waits are withdrawn, children are closed, and
// completed steps undone (on_cancel) before it is cancelled. flow.ErrConflict when it is ending or over.
func (e *Engine) Cancel(ctx context.Context, r flow.CancelRequest) error {
	return e.endEarly(ctx, r, codeCancelled)
}

// Terminate ends an execution at once, as cancelled: like Cancel, but nothing is undone, and what was being undone is left as it
// is; the error says what that is. flow.ErrConflict when it is over.
func (e *Engine) Terminate(ctx context.Context, r flow.CancelRequest) error {
	return e.endEarly(ctx, r, codeTerminated)
}

func (e *Engine) endEarly(ctx context.Context, r flow.CancelRequest, code string) error {
	reason := flow.Cut(r.Reason, 1024)
	problem := flow.Problemf(code, "%s: %s", code, orElse(reason, "no reason was given"))
	if r.ID != "" {
		problem.Details = map[string]any{"request_id": r.ID}
	}
	f := ended{status: flow.Cancelled, reason: reason, err: problem, hard: code == codeTerminated}
	if f.hard {
		f.reason = problem.Message
	}
	err := e.applyTo(ctx, r.Execution, f)
	if r.ID == "" || !errors.Is(err, flow.ErrConflict) {
		return err
	}
	if mine, lerr := e.endedBy(ctx, r, code); mine || lerr != nil {
		return lerr // that nobody could look is no answer
	}
	return err
}

// endedBy tells whether this very request ended the execution before, be it that it is still undone.
func (e *Engine) endedBy(ctx context.Context, r flow.CancelRequest, code string) (bool, error) {
	x, _, err := e.whole(ctx, r.Execution)
	if err != nil {
		return false, err
	}
	p := x.Error
	if x.Ending != nil {
		p = x.Ending.Error
	}
	return p != nil && p.Code == code && p.Details["request_id"] == r.ID, nil
}
