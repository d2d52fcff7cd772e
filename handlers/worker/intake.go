package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/hibiken/asynq"

	"prana/engine/flow"
	"prana/tasks"
)

// intake does what other services ask for on the intake queue. The TaskID is the
// id of what has none, so that a task which asynq delivers twice counts once.
type intake struct {
	intaker Intaker
	calls   *calls
	log     *slog.Logger
}

// ProcessTask serves one message. What is refused is archived at once, with the
// reason, for everybody to see; what may work later is tried as often as its sender said.
func (h *intake) ProcessTask(task context.Context, t *asynq.Task) error {
	m, err := tasks.DecodeIntake(t.Type(), t.Payload())
	id, _ := asynq.GetTaskID(task)
	if err == nil {
		err = h.calls.run(task, h.log, func(ctx context.Context) error {
			return h.do(ctx, m, id, carrier(t.Headers()))
		})
	}
	if err == nil {
		return nil
	}
	return h.verdict(task, t.Type(), id, err)
}

func (h *intake) do(ctx context.Context, m tasks.Intake, id string, trace map[string]string) error {
	var err error
	switch m := m.(type) {
	case tasks.Start:
		_, err = h.intaker.Start(ctx, flow.StartRequest{Workflow: m.Workflow, Input: m.Input, ID: cmp.Or(m.ID, id), Trace: trace})
	case tasks.Event:
		_, err = h.intaker.Publish(ctx, flow.Event{ID: cmp.Or(m.ID, id), Type: m.Type, Data: m.Data, Trace: trace})
	case tasks.Resume:
		err = h.resume(ctx, m, id)
	case tasks.Cancel:
		err = h.intaker.Cancel(ctx, flow.CancelRequest{Execution: m.ExecutionID, Reason: m.Reason, ID: id})
	default:
		err = fmt.Errorf("no way to serve a %T", m)
	}
	return err
}

func (h *intake) resume(ctx context.Context, m tasks.Resume, id string) error {
	_, err := h.intaker.Resume(ctx, flow.ResumeRequest{Execution: m.ExecutionID, Node: m.Node, Token: m.Token, Data: m.Data, ID: id})
	return err
}

// verdict tells asynq what becomes of a message that was not served.
func (h *intake) verdict(task context.Context, taskType, id string, err error) error {
	if h.calls.stopping() {
		return &undecided{err: err} // asynq has taken it back already
	}
	if !transient(err) {
		h.log.WarnContext(task, "an intake message was refused and archived", "type", taskType, "task", id, "error", err)
		return refused{err}
	}
	h.logTransient(task, taskType, id, err)
	return &undecided{err: err}
}

func (h *intake) logTransient(task context.Context, taskType, id string, err error) {
	retried, _ := asynq.GetRetryCount(task)
	limit, _ := asynq.GetMaxRetry(task)
	if retried >= limit {
		h.log.ErrorContext(task, "an intake message was given up and archived", "type", taskType, "task", id, "attempts", retried+1, "error", err)
		return
	}
	h.log.WarnContext(task, "an intake message is tried again", "type", taskType, "task", id, "attempt", retried+1, "error", err)
}

// transient tells whether the same message may be served later: everything that
// is not an answer of the engine, or that room among kept events is missing, or that a wait has not begun yet.
func transient(err error) bool {
	if errors.Is(err, flow.ErrUnavailable) || errors.Is(err, flow.ErrTooManyEvents) || errors.Is(err, flow.ErrNotWaitingYet) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var p *flow.Problem
	return !errors.As(err, &p)
}

// counts tells whether an error uses up one of the message's retries: not when
// it is this worker that goes away.
func (h *intake) counts(err error) bool { return !leaseLost(err) && !h.calls.stopping() }

// traceHeaders are the names of W3C Trace Context and Baggage; whatever else a
// sender writes into its headers is its own business.
var traceHeaders = []string{"traceparent", "tracestate", "baggage"}

// maxTraceHeader is the longest value taken over, in bytes: W3C's bound for baggage.
const maxTraceHeader = 8192

func carrier(headers map[string]string) map[string]string {
	var out map[string]string
	for _, name := range traceHeaders {
		if v := headers[name]; v != "" && len(v) <= maxTraceHeader {
			if out == nil {
				out = map[string]string{}
			}
			out[name] = v
		}
	}
	return out
}
