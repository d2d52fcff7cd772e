package engine

import (
	"errors"
	"slices"

	"prana/engine/eval"
	"prana/engine/flow"
)

// settle goes on with everything that the change made possible: joins that nothing more can reach, parts that
// are over, the next step in turn. Then it finds the status.
func (t *transition) settle() error {
	if t.x.Status.Terminal() || t.x.Status == flow.Quarantined {
		return nil
	}
	if t.x.Status == flow.Cancelling {
		return t.settleUndoing()
	}
	if err := t.settleAll(); err != nil {
		return err
	}
	switch {
	case t.x.Status.Terminal(): // by what came of it
		return nil
	case t.broken != nil:
		return t.failExecution(t.broken)
	case len(t.x.Live) == 0:
		return t.finish()
	}
	if err := t.next(); err != nil {
		return err
	}
	if s := t.awake(); s != t.x.Status && t.x.Status != flow.Pending && t.x.Status != flow.Paused {
		t.x.Status = s
		if s == flow.Suspended {
			t.record(flow.ExecutionSuspended, nil)
		}
	}
	return nil
}

// settleAll settles joins and fans, since each may move the other. Nothing more begins once the whole execution must end.
func (t *transition) settleAll() error {
	for done := false; !done && !t.x.Status.Terminal(); {
		for _, at := range t.regions() {
			if err := t.settleJoins(at); err != nil {
				return err
			}
		}
		if t.broken != nil {
			return nil
		}
		var err error
		if done, err = t.settleFans(); err != nil {
			return err
		}
	}
	return nil
}

// settleUndoing goes on with what undoes completed steps. Nothing else goes forward any more.
func (t *transition) settleUndoing() error {
	for done := false; !done; {
		var err error
		if done, err = t.settleFans(); err != nil {
			return err
		}
	}
	return t.undo()
}

// awake tells running from suspended. Steps that a sequential execution holds back do not run.
func (t *transition) awake() flow.Status {
	if t.counts().Pending > len(t.x.Ready) {
		return flow.Running
	}
	return flow.Suspended
}

// next dispatches the next step of a sequential execution once nothing else moves:
// the deepest first, and among those activated together the first declared.
func (t *transition) next() error {
	n, live := len(t.x.Ready), t.counts()
	if n == 0 || live.Pending+live.Suspended != n {
		return nil
	}
	s, err := t.step(t.x.Ready[n-1])
	if err != nil {
		return err
	}
	t.x.Ready = t.x.Ready[:n-1]
	t.dispatch(s, flow.KindStep)
	return nil
}

// finish ends an execution in which nothing is left to do.
func (t *transition) finish() error {
	v, p, err := t.result()
	if err != nil {
		return err
	}
	if p != nil {
		t.ch.Error = p
		t.x.Status, t.ch.Ended = flow.Failed, true
		t.recordReason(flow.ExecutionFailed, p.Message)
		return nil
	}
	t.ch.Result = v
	t.x.Status, t.ch.Ended = flow.Completed, true
	t.record(flow.ExecutionCompleted, nil)
	return nil
}

// result is the workflow's output, else what the one node left that ended the
// execution, else node -> output.
func (t *transition) result() (*flow.Value, *flow.Problem, error) {
	if (t.plan.Output == nil || t.x.Only) && len(t.x.Ends) == 1 {
		for n, run := range t.x.Ends {
			return &flow.Value{Same: flow.OutputRef(flow.StepID{Node: n, Run: run})}, nil, nil
		}
	}
	if !t.x.Whole {
		return nil, nil, errNeedAll
	}
	v, err := t.output()
	if err != nil {
		return nil, flow.AsProblem(err), nil
	}
	raw, err := flow.Encode(v)
	if err != nil {
		return nil, flow.Problemf("invalid_output", "the output of the workflow is not JSON: %v", err), nil
	}
	if p := tooLarge("the output of the workflow", raw, t.limits.Payload); p != nil {
		return nil, p, nil
	}
	return &flow.Value{Raw: raw}, nil, nil
}

func (t *transition) output() (any, error) {
	if t.plan.Output != nil {
		v, err := t.plan.Output.Eval(newScope(t.plan, t.x, t.ch.Values).env())
		if ee, ok := errors.AsType[*eval.Error](err); ok {
			return nil, &flow.Problem{Code: "expression_error", Message: "the output of the workflow: " + ee.Error(), Permanent: true}
		}
		return v, err
	}
	all := map[string]any{}
	sc := newScope(t.plan, t.x, t.ch.Values)
	for n, run := range t.x.Ends {
		v, err := sc.value(flow.OutputRef(flow.StepID{Node: n, Run: run}))
		if err != nil {
			return nil, err
		}
		all[t.plan.Nodes[n].Key] = v
	}
	return all, nil
}

// end ends the execution before its time: every live step is withdrawn, and what is to be undone is undone first.
func (t *transition) end(status flow.Status, reason string) {
	again := status == flow.Failed && t.x.Undo == nil // it may be retried, and goes on from there
	ready := slices.Clone(t.x.Ready)
	for _, s := range t.liveSteps() {
		was := flow.StepPending
		if s.Status == flow.StepOpen {
			was = flow.StepOpen
		}
		t.withdraw(s)
		if again {
			s.Was = was
		}
	}
	for _, at := range t.regions() {
		at.region.Live = map[int]flow.Live{}
	}
	t.x.InParts, t.x.Ready = flow.Live{}, ready
	if !again {
		t.x.Joins, t.x.Ready, t.x.Fans = nil, nil, nil
	}
	t.broken = nil
	t.x.Ending = &flow.Ending{Status: status, Reason: reason, Error: t.ch.Error}
	t.x.Status = flow.Cancelling
}

// conclude makes an execution terminal that was ended before its time.
func (t *transition) conclude() {
	e := t.x.Ending
	t.x.Ending = nil
	t.x.Status, t.ch.Ended, t.ch.Error = e.Status, true, e.Error
	name := flow.ExecutionFailed
	if e.Status == flow.Cancelled {
		name = flow.WorkflowCancelled
	}
	t.recordReason(name, e.Reason)
}

// withdraw cancels a live step with everything that could wake it.
func (t *transition) withdraw(s *flow.Step) {
	if w := s.Wait; w != nil {
		id := flow.SuspensionID{Execution: t.x.ID, Step: s.ID, Turn: s.Turn}
		closed := flow.Closed{ID: id, Type: w.Type, Event: w.Event}
		if w.Timer {
			closed.Alarm = t.alarmOf(s)
		}
		t.close(closed)
		if w.Child != "" {
			t.send(flow.SendCancel, w.Child, []byte(`"parent"`))
		}
	}
	t.release(s)
	s.Status, s.Wait, s.Token = flow.StepCancelled, nil, flow.NewToken()
	t.x.Ready = slices.DeleteFunc(t.x.Ready, func(id flow.StepID) bool { return id == s.ID })
	t.write(s)
}

// liveSteps lists what still lives, in the order of nodes and runs.
func (t *transition) liveSteps() []*flow.Step {
	var live []*flow.Step
	for _, s := range t.x.Steps {
		if s.Status.Live() || s.Status == flow.StepQuarantined {
			live = append(live, s)
		}
	}
	slices.SortFunc(live, func(a, b *flow.Step) int { return a.ID.Compare(b.ID) })
	return live
}
