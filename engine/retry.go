package engine

import (
	"context"
	"slices"
	"time"

	"prana/engine/flow"
	"prana/engine/node"
)

// Retry lets an execution live again that failed, or is in quarantine, in one commit that raises its generation. Nothing
// that completed runs again:
//
//   - The step that failed has a fresh first turn with the same idempotency key; what failed before stays in its attempts.
//   - Steps that were withdrawn because of that failure live again. One that waited begins its wait anew, and one that waited
//     for a child starts another, since the first was closed; an abandoned one goes on beside it.
//   - Children that nobody waited for and that were closed by the failure stay closed: the steps that started them completed.
//     Those that live are closed when it ends again.
//   - Steps with parts go on with the parts that are left; those over stay over. A step that failed after its last part was
//     over is run from its first turn, with all of its parts.
//   - A step in quarantine runs again, its deaths forgotten, as far as it had come.
//   - An output that could not be computed is computed again.
//
// The time for which it was failed does not count towards its timeout. It is refused with flow.ErrConflict when the execution
// has another status, when a parent was told of the failure and went on, when completed steps were undone, and at limits that
// still stand.
func (e *Engine) Retry(ctx context.Context, r flow.RetryRequest) (flow.RetryResult, error) {
	x, p, err := e.whole(ctx, r.Execution)
	if err != nil {
		return flow.RetryResult{}, err
	}
	f := retried{name: flow.NewToken()}
	if r.ID != "" {
		raw, _ := flow.Encode(r.ID)
		f.name = digest(raw)
	}
	if f.alone, err = e.alone(ctx, x); err != nil {
		return flow.RetryResult{}, err
	}
	repeated := slices.Contains(x.Retries, f.name)
	if err := e.apply(ctx, x.ID, p, nil, f); err != nil {
		return flow.RetryResult{}, err
	}
	if x, err = e.store.Load(ctx, x.ID, flow.Want{}); err != nil {
		return flow.RetryResult{}, err
	}
	return flow.RetryResult{ExecutionID: x.ID, Status: x.Status, Generation: x.Generation, Repeated: repeated}, nil
}

// alone tells whether nobody was told how the execution ended: it is no child, was never waited for, or was abandoned before.
func (e *Engine) alone(ctx context.Context, x *flow.Execution) (bool, error) {
	p := x.Parent
	if p == nil || p.Mode == node.FireAndForget {
		return true, nil
	}
	if closing(p) != node.Abandon {
		return false, nil
	}
	up, err := e.store.Load(ctx, p.Execution, flow.Want{Steps: []flow.StepID{p.Step}})
	if isNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	s := up.Steps[p.Step]
	told := s != nil && s.Resumed != nil && s.Resumed.Turn == p.Turn && s.Resumed.By == flow.ByChild
	return !told, nil
}

// maxRetries bounds how many retries are known by name.
const maxRetries = 10

func (f retried) apply(t *transition) error {
	if slices.Contains(t.x.Retries, f.name) {
		return nil
	}
	if !t.x.Whole {
		return errNeedAll
	}
	if err := t.retryable(f.alone); err != nil {
		return err
	}
	t.x.Generation++
	t.x.Retries = append(t.x.Retries, f.name)
	t.x.Retries = t.x.Retries[max(0, len(t.x.Retries)-maxRetries):]
	t.ch.Revived = true
	t.recordReason(flow.ExecutionResumed, "retry")
	if t.x.Status == flow.Quarantined {
		t.unquarantine()
	} else {
		if err := t.again(); err != nil {
			return err
		}
	}
	t.ch.Deadline = t.x.Deadline()
	return t.settle()
}

// retryable says why an execution cannot be retried; nil = it can.
func (t *transition) retryable(alone bool) error {
	x := t.x
	switch {
	case x.Status == flow.Quarantined:
		return nil
	case x.Status != flow.Failed:
		return t.cannotRetry("it is %s, and only an execution that failed or is in quarantine can be retried", x.Status)
	case !alone:
		p := t.cannotRetry("execution %s, which waited for it, was told of the failure and went on; retry or rerun that one", x.Parent.Execution)
		p.Details["parent_execution_id"] = x.Parent.Execution
		return p
	case t.undone():
		return t.cannotRetry("what it had done was undone when it failed; rerun it")
	case t.unnoted():
		return t.cannotRetry("the version in which it failed did not note what a retry runs again; rerun it")
	case t.limits.Transitions > 0 && x.Transitions >= t.limits.Transitions:
		return t.cannotRetry("it took %d steps, and %d are allowed; raise limits.transitions, or rerun it", x.Transitions, t.limits.Transitions)
	case t.roundLost():
		return t.cannotRetry("a loop went round too often and was broken off; find out why it does not end, then rerun it")
	}
	return t.outputAgain()
}

func (t *transition) cannotRetry(why string, args ...any) *flow.Problem {
	p := flow.Problemf(flow.ErrConflict.Code, "execution %s cannot be retried: "+why, append([]any{t.x.ID}, args...)...)
	p.Details = map[string]any{"execution_status": string(t.x.Status)}
	return p
}

// undone tells whether the execution undid what it had done: then nothing is left to be undone of steps that can be.
func (t *transition) undone() bool {
	if t.x.Undo != nil {
		return false
	}
	for _, s := range t.x.Steps {
		if s.Status == flow.StepCompleted && !s.Kept && t.plan.Nodes[s.ID.Node].Undo != nil {
			return true
		}
	}
	return false
}

// unnoted tells whether the execution failed before it was noted of steps what a retry makes of them: today each that fails for
// good, and is no part of something, has its note.
func (t *transition) unnoted() bool {
	for _, s := range t.x.Steps {
		if s.Status == flow.StepFailed && s.Part == nil && s.Was == "" {
			return true
		}
	}
	return false
}

// roundLost tells whether the execution was broken off at a loop: no step failed, and the activation is lost that was one too many.
func (t *transition) roundLost() bool {
	return t.x.Error != nil && t.x.Error.Code == codeLoopLimit && !slices.ContainsFunc(t.stopped(), func(s *flow.Step) bool { return s.Status == flow.StepFailed })
}

// outputAgain refuses a retry that would only compute the output, and fail again.
func (t *transition) outputAgain() error {
	if len(t.stopped()) > 0 {
		return nil
	}
	_, p, err := t.result()
	if p != nil {
		return t.cannotRetry("every step of it completed, and its output fails again: %s", p.Message)
	}
	return err
}

// stopped lists the steps that the failure of the execution ended, in the order of nodes and runs.
func (t *transition) stopped() []*flow.Step {
	var all []*flow.Step
	for _, id := range sortedSteps(t.x.Steps) {
		if s := t.x.Steps[id]; s.Was != "" {
			all = append(all, s)
		}
	}
	return all
}

// again lets the steps live that the failure of the execution ended.
func (t *transition) again() error {
	t.x.Stood += t.x.Now.Sub(t.x.EndedAt)
	t.x.Status = flow.Running
	for _, s := range t.stopped() {
		open := s.Was == flow.StepOpen && t.x.Fans[s.ID] != nil
		if s.Status == flow.StepFailed && !open {
			t.failed(s, flow.Attempt{Number: s.Attempt, StartedAt: orTime(s.StartedAt, s.EndedAt), EndedAt: s.EndedAt, Error: s.Error})
		}
		s.Was, s.Error, s.EndedAt, s.Token = "", nil, time.Time{}, flow.NewToken()
		if open {
			s.Status = flow.StepOpen
			t.shift(s, flow.Live{Open: +1})
			t.write(s)
			continue
		}
		if err := t.afresh(s); err != nil {
			return err
		}
	}
	return nil
}

func orTime(t, other time.Time) time.Time {
	if t.IsZero() {
		return other
	}
	return t
}

// afresh gives a step its first turn anew: at once, or in its turn. A part that only leaves with its item does so.
func (t *transition) afresh(s *flow.Step) error {
	s.Status, s.Attempt, s.Deaths, s.Resumed, s.StartedAt = flow.StepPending, 0, 0, nil, time.Time{}
	if t.runsItself(s) {
		f := t.x.Fans[s.Of.Owner]
		if p := f.Parts[s.ID]; p.Came {
			p.Came = false
			f.Came--
		}
	}
	t.shift(s, flow.Live{Pending: +1})
	switch f := t.fanOf(s); {
	case f != nil && f.Emit != "":
		return t.complete(s, f.Emit, flow.Value{Same: flow.ItemRef(s.Of.Owner, s.Of.Index)})
	case slices.Contains(t.x.Ready, s.ID):
		t.write(s)
	default:
		t.dispatch(s, flow.KindStep)
	}
	return nil
}

// unquarantine lets an execution go on that was in quarantine. What came due meanwhile was passed over: all that lives is written
// anew, so that it is looked at.
func (t *transition) unquarantine() {
	t.x.Status = flow.Running
	for _, s := range t.liveSteps() {
		switch {
		case s.Status == flow.StepQuarantined:
			t.unquarantineStep(s)
		case s.Status == flow.StepPending && !slices.Contains(t.x.Ready, s.ID):
			s.Token = flow.NewToken()
			t.dispatch(s, kindOf(s))
		case s.Token == "" && s.Status == flow.StepSuspended: // it was held
			s.Token = flow.NewToken()
			t.write(s)
		default:
			t.write(s)
		}
	}
}

// unquarantineStep runs a step again at the turn at which its workers died. If it waited, its time had come.
func (t *transition) unquarantineStep(s *flow.Step) {
	s.Deaths, s.Error = 0, nil
	if w := s.Wait; w != nil {
		by := flow.ByTimeout
		if w.Timer {
			by = flow.ByTimer
		}
		if w.Began == 0 { // no record stood before it: it was the start that was planned
			t.x.Status = flow.Pending
		}
		t.wake(s, waitEnded{by: by}, true)
	}
	s.Status, s.Token = flow.StepPending, flow.NewToken()
	t.dispatch(s, kindOf(s))
}
