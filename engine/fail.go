package engine

import (
	"slices"
	"time"

	"prana/engine/flow"
)

// fail decides what a failed attempt means: a retry, another way on, or the end.
func (t *transition) fail(s *flow.Step, f stepEnded) error {
	p := *f.err
	p.Node = t.key(s)
	set := t.plan.Nodes[s.ID.Node].Settings
	if f.retryable && retries(set, s.Attempt, &p) {
		t.retry(s, set, &p, f.random)
		return nil
	}
	s.Error = &p
	if f.retryable && set.Retries() > 0 && s.Attempt >= set.Retries() {
		t.exhausted(s, &p)
	}
	return t.unrecovered(s, &p)
}

// unrecovered decides where a step that failed for good leaves by, if it does not end what it belongs to.
func (t *transition) unrecovered(s *flow.Step, p *flow.Problem) error {
	if t.runsItself(s) {
		return t.failBeyond(s, p) // its fan fails, or takes it as a result
	}
	switch t.plan.Nodes[s.ID.Node].Settings.OnError { // see caught
	case flow.Continue:
		return t.goOn(s, flow.PortMain, "default_port", p)
	case flow.ContinueErrorOutput:
		return t.goOn(s, flow.PortError, "error_port", p)
	}
	return t.failBeyond(s, p)
}

// retries tells whether the settings grant another attempt for this problem.
func retries(set flow.Settings, attempt int, p *flow.Problem) bool {
	switch {
	case attempt >= set.Retries() || p.Permanent:
		return false
	case slices.Contains(set.NoRetryOn, p.Code):
		return false
	}
	return len(set.RetryOn) == 0 || slices.Contains(set.RetryOn, p.Code)
}

// retry puts the step to sleep until its next attempt.
func (t *transition) retry(s *flow.Step, set flow.Settings, p *flow.Problem, random float64) {
	delay := set.RetryDelay(s.Attempt+1, random)
	if honour := set.RetryAfter == nil || *set.RetryAfter; honour && p.RetryAfter > delay {
		delay = min(p.RetryAfter, maxRetryAfter)
	}
	data, _ := flow.Encode(map[string]any{
		"attempt_number": s.Attempt + 1, "max_attempts": set.Retries(), "original_error": p, "delay_ms": delay.Milliseconds(),
	})
	t.failed(s, flow.Attempt{Number: s.Attempt, Error: p})
	t.suspend(s, &flow.Wait{Type: flow.Retry, Data: data, Timer: true, In: delay})
	t.recordWait(flow.NodeRetryScheduled, s, s.Wait)
}

// failed remembers a failed attempt with its step.
func (t *transition) failed(s *flow.Step, a flow.Attempt) {
	s.Attempts = append(s.Attempts, a)
	if over := len(s.Attempts) - max(1, t.limits.Attempts); over > 0 {
		s.Attempts = s.Attempts[over:]
	}
}

// maxRetryAfter bounds what a server may ask for.
const maxRetryAfter = 24 * time.Hour

// exhausted tells, once, that the retries of a node are used up.
func (t *transition) exhausted(s *flow.Step, p *flow.Problem) {
	t.record(flow.NodeRetryExhausted, s)
	a := t.plan.Workflow.OnRetryExhausted
	if a == nil {
		a = t.alert
	}
	if a == nil {
		return
	}
	for _, one := range []flow.Alert{{Event: a.Event}, {URL: a.URL}, {Workflow: a.Workflow}} {
		if one == (flow.Alert{}) {
			continue
		}
		data, _ := flow.Encode(map[string]any{
			"alert": one, "execution_id": t.x.ID, "workflow": t.x.Workflow, "node": t.key(s), "run_index": s.ID.Run,
			"attempts": s.Attempt + 1, "error": p,
		})
		t.send(flow.SendAlert, s.ID.String(), data)
	}
}

// goOn leaves a failed step by a port, with the error as its output.
func (t *transition) goOn(s *flow.Step, port, how string, p *flow.Problem) error {
	raw, err := flow.Encode(map[string]any{
		"code": "action_error", "message": "the node failed: " + p.Message,
		"details": map[string]any{"error": p, "port": port, "on_error_behavior": how},
	})
	if err != nil {
		return err
	}
	return t.complete(s, port, flow.Value{Raw: raw})
}

// failBeyond ends a step that failed for good, and the part or the execution that it belongs to.
func (t *transition) failBeyond(s *flow.Step, p *flow.Problem) error {
	t.failStep(s, p)
	undoing := t.x.Status == flow.Cancelling
	switch {
	case s.Part != nil && (undoing || t.caught(*s.Part)):
		return t.failPart(*s.Part, p)
	case undoing:
		t.notUndone(s, p)
		return nil
	}
	return t.failWhole(s, p)
}

// failWhole ends the execution because of a step that failed for good, and with it the steps that it is a part of. Their
// fans stay as they are: a retry goes on in them.
func (t *transition) failWhole(s *flow.Step, p *flow.Problem) error {
	s.Was = flow.StepPending
	for _, a := range partsAround(t.x, s.Part) {
		owner, err := t.step(a.owner)
		if err != nil {
			return err
		}
		owner.Status, owner.Error, owner.Was = flow.StepFailed, p, flow.StepOpen
		t.release(owner)
		t.write(owner)
		t.record(flow.NodeFailed, owner)
	}
	return t.failExecution(p)
}

// failStep ends a step that failed for good.
func (t *transition) failStep(s *flow.Step, p *flow.Problem) {
	s.Status, s.Error = flow.StepFailed, p
	t.shift(s, flow.Live{Pending: -1})
	t.release(s)
	t.write(s)
	t.record(flow.NodeFailed, s)
}

// failExecution ends everything.
func (t *transition) failExecution(p *flow.Problem) error {
	if len(t.x.Live) > 0 && !t.x.Whole {
		return errNeedAll
	}
	t.ch.Error = p
	t.end(flow.Failed, p.Error())
	return t.undo()
}
