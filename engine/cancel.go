package engine

import (
	"context"
	"errors"
	"time"

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
	_, err := e.End(ctx, r, false)
	return err
}

// Terminate ends an execution at once, as cancelled: like Cancel, but nothing is undone, and what was being undone is left as it
// is; the error says what that is. flow.ErrConflict when it is over.
func (e *Engine) Terminate(ctx context.Context, r flow.CancelRequest) error {
	_, err := e.End(ctx, r, true)
	return err
}

// End is Terminate when it is to be hard, else Cancel, and tells whether the request came again; flow.ErrMismatch when its id came
// with another reason before. The details of flow.ErrConflict say what else ended the execution: status, ended_by, ended_at unless
// it is still undone, and error_code unless it completed.
func (e *Engine) End(ctx context.Context, r flow.CancelRequest, hard bool) (flow.CancelResult, error) {
	res := flow.CancelResult{ExecutionID: r.Execution}
	f := endingOf(r, hard)
	err := e.applyTo(ctx, r.Execution, f)
	if r.ID == "" || !errors.Is(err, flow.ErrConflict) {
		return res, err
	}
	x, _, lerr := e.whole(ctx, r.Execution)
	if lerr != nil {
		return res, lerr // that nobody could look is no answer
	}
	end := endOf(x)
	if !endedBy(end, f.err.Code, r.ID) {
		return res, err
	}
	if err := sameReason(end, f.err, r); err != nil {
		return res, err
	}
	res.Status, res.Repeated = x.Status, true
	return res, nil
}

// endingOf is the fact that a request makes.
func endingOf(r flow.CancelRequest, hard bool) ended {
	code := codeCancelled
	if hard {
		code = codeTerminated
	}
	reason := flow.Cut(r.Reason, 1024)
	problem := &flow.Problem{Code: code, Message: orElse(reason, "no reason was given")}
	if r.ID != "" {
		problem.Details = map[string]any{"request_id": r.ID, "reason": reason}
	}
	f := ended{status: flow.Cancelled, reason: reason, err: problem, hard: hard}
	if f.hard {
		f.reason = problem.Error() // notices know both as cancelled
	}
	return f
}

// endedBy tells whether this very request ended the execution before, be it that it is still undone. end is what [endOf] gives.
func endedBy(end *flow.Problem, code, id string) bool {
	return end != nil && end.Code == code && end.Details["request_id"] == id
}

// sameReason tells whether a request that came again brings the reason that it had. Earlier versions did not note it.
func sameReason(end, again *flow.Problem, r flow.CancelRequest) error {
	was, noted := end.Details["reason"]
	if !noted || was == again.Details["reason"] {
		return nil
	}
	return flow.Problemf(flow.ErrMismatch.Code, "the id %q ended execution %s for another reason; use another id", flow.Cut(r.ID, 100), r.Execution)
}

// endOf is the error with which an execution ended, or ends once everything is undone; nil = it completed.
func endOf(x *flow.Execution) *flow.Problem {
	if x.Ending != nil {
		return x.Ending.Error
	}
	return x.Error
}

// endedBefore says what ended an execution, in a problem for who came too late.
func endedBefore(x *flow.Execution) *flow.Problem {
	status := x.Status
	if x.Ending != nil {
		status = x.Ending.Status
	}
	end := endOf(x)
	p := flow.Problemf(flow.ErrConflict.Code, "execution %s is %s already", x.ID, x.Status)
	p.Details = map[string]any{"execution_id": x.ID, "status": string(x.Status), "ended_by": whatEnded(status, end)}
	if !x.EndedAt.IsZero() {
		p.Details["ended_at"] = x.EndedAt.UTC().Format(time.RFC3339Nano)
	}
	if end == nil {
		p.Message += ": it came to its end"
		return p
	}
	p.Message += ": " + flow.Cut(end.Message, 512)
	p.Details["error_code"] = end.Code
	return p
}

// whatEnded names what ends an execution with that status and error.
func whatEnded(status flow.Status, end *flow.Problem) string {
	switch {
	case status == flow.Completed:
		return "completion"
	case status == flow.TimedOut:
		return flow.ByTimeout
	case status == flow.Cancelled && end != nil && end.Code == codeTerminated:
		return "terminate"
	case status == flow.Cancelled:
		return flow.ByCancel
	}
	return "failure"
}
