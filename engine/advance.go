package engine

import (
	"errors"
	"time"

	"prana/engine/flow"
	"prana/engine/plan"
)

// Reasons why a fact counts for nothing.
var (
	// errFenced: the step moved on since; what the worker brings is not wanted any more.
	errFenced = errors.New("the step moved on")
	// errNeedAll: what follows concerns parts of the execution that were not loaded.
	errNeedAll = errors.New("the whole execution must be loaded")
)

// compiled is a plan with what the engine adds to it.
type compiled struct {
	*plan.Plan
	ref string // "workflow@version"
}

// limits bound one execution.
type limits struct {
	Transitions int // commits of steps
	Payload     int // bytes of one value
	Depth       int // ancestors of a child
	Attempts    int // failed attempts that are remembered with a step
}

// transition is a Change in the making: facts are applied to the loaded
// execution, and everything they change is noted for the store.
type transition struct {
	plan   *compiled
	x      *flow.Execution
	ch     *flow.Change
	limits limits
	alert  *flow.Alert // how exhausted retries are told; nil = not at all
	span   map[string]string
}

// advance decides what follows from the facts, in their order. It is pure but for the random tokens
// it draws: x is used up, and the answer has an error for each fact that counts for nothing.
// errNeedAll as second answer means: load everything and ask again.
func advance(p *compiled, x *flow.Execution, facts []Fact, l limits, alert *flow.Alert) (*flow.Change, []error, error) {
	t := &transition{plan: p, x: x, limits: l, alert: alert, ch: &flow.Change{
		Execution: x.ID, Op: flow.NewToken(), Prev: x.Rev, Was: x.Status,
		Nodes: map[int]flow.NodeState{}, Values: map[flow.Ref]flow.Value{},
	}}
	errs := make([]error, len(facts))
	for i, f := range facts {
		errs[i] = f.apply(t)
		if errors.Is(errs[i], errNeedAll) {
			return nil, nil, errNeedAll
		}
	}
	if t.ch.Ended && x.Place != "" {
		t.sendRelease(x.Place, flow.Holder{Execution: x.ID, Whole: true})
	}
	t.ch.Front = x.Front
	return t.ch, errs, nil
}

// moved tells whether the change changes anything.
func moved(ch *flow.Change) bool { return len(ch.Steps) > 0 || ch.Ended || ch.Head != nil }

// begin makes the change that creates an execution. first puts its first task
// ahead of the queue, as for a child whose parent waits. A start time is a date,
// and judged by the store's clock alone, however near it is.
func begin(p *compiled, id string, head flow.Head, input []byte, startAt time.Time, first bool) *flow.Change {
	start := flow.StepID{Node: p.Start}
	step := &flow.Step{
		ID: start, Status: flow.StepPending, Token: flow.NewToken(),
		Inputs: []flow.Arrival{{Edge: -1, Port: flow.PortMain, Ref: flow.InputRef}}, Trace: head.Trace,
	}
	ch := &flow.Change{
		Execution: id, Op: flow.NewToken(), Head: &head, Input: input,
		Nodes:   map[int]flow.NodeState{p.Start: {Runs: 1, Last: -1}},
		Steps:   []*flow.Step{step},
		Front:   flow.Front{Status: flow.Running, Live: map[int]flow.Live{p.Start: {Pending: 1}}, Seq: 1},
		Records: []flow.Record{{Seq: 1, Name: flow.ExecutionStarted}},
	}
	d := flow.Dispatch{Kind: flow.KindStep, Execution: id, Step: start, Token: step.Token, Workflow: p.ref, First: first, Trace: head.Trace}
	if !startAt.IsZero() {
		d.Kind, d.In = flow.KindResume, max(time.Millisecond, time.Until(startAt))
		step.Status, step.Turn = flow.StepSuspended, 1
		step.Wait = &flow.Wait{Type: flow.TimedWait, Timer: true, Until: startAt, Data: []byte(`{"reason":"start_at"}`)}
		ch.Front.Status, ch.Front.Live[p.Start] = flow.Pending, flow.Live{Suspended: 1}
		ch.Opened = []flow.SuspensionID{{Execution: id, Step: start, Turn: 1}}
	}
	ch.Dispatch = []flow.Dispatch{d}
	return ch
}

func (f stepEnded) apply(t *transition) error {
	s := t.x.Steps[f.step]
	if s == nil || !s.Status.Live() || s.Token != f.token || t.x.Status.Terminal() || t.x.Status == flow.Quarantined {
		return errFenced
	}
	s.Ran, s.Trace, t.span = f.ran, f.span, f.span
	if f.place != "" {
		s.Place = f.place
	}
	if f.woke != "" {
		t.wake(s, waitEnded{by: f.woke}, false)
	}
	for key, raw := range f.out.state {
		t.setState(key, raw)
	}
	s.Children = append(s.Children, f.out.children...)
	err := t.leave(s, f)
	if err != nil {
		return err
	}
	return t.settle()
}

// leave does what the attempt came to: fail, wait, or go on by a port.
func (t *transition) leave(s *flow.Step, f stepEnded) error {
	switch {
	case f.err != nil:
		return t.fail(s, f)
	case f.out.wait != nil:
		t.suspend(s, f.out.wait)
		return nil
	case f.out.timeout && !t.connected(s.ID.Node, f.out.port):
		p := flow.Problemf("timeout", "the time is up and port %q leads nowhere; connect it, or set on_error", f.out.port)
		f.err, f.retryable = p, false
		return t.fail(s, f)
	}
	if s.Attempt > 0 && s.Error == nil {
		t.record(flow.NodeRetrySucceeded, s)
	}
	return t.complete(s, f.out.port, f.out.value)
}

func (f waitEnded) apply(t *transition) error {
	s := t.x.Steps[f.wait.Step]
	if s == nil || s.Status != flow.StepSuspended || s.Turn != f.wait.Turn || t.x.Status.Terminal() {
		return tooLate(t.x, s, f.wait)
	}
	if s.Wait.Type == flow.Concurrency && f.by != flow.ByPlace {
		return onlyPlace(f.wait)
	}
	if f.event != "" {
		t.ch.Takes = append(t.ch.Takes, flow.Taken{Event: f.by + ":" + f.event, Began: s.Wait.Began, Now: t.x.Seq})
	}
	t.wake(s, f, true)
	if f.data != nil {
		t.ch.Values[flow.ResumeRef(s.ID)] = flow.Value{Raw: f.data}
	}
	s.Token = flow.NewToken()
	t.dispatch(s, flow.KindResume)
	return t.settle()
}

// tooLate says who ended the wait before.
func tooLate(x *flow.Execution, s *flow.Step, id flow.SuspensionID) error {
	p := flow.Problemf(flow.ErrConflict.Code, "suspension %s is over", id)
	p.Details = map[string]any{"execution_status": string(x.Status)}
	if s == nil {
		return p
	}
	if s.Resumed != nil && s.Resumed.Turn == id.Turn {
		p.Message += ": " + s.Resumed.By + " was first"
		p.Details["resumed_by"] = s.Resumed.By
		p.Details["resumed_at"] = s.Resumed.At.UTC().Format(time.RFC3339Nano)
	} else if s.Status == flow.StepCancelled || x.Status == flow.Cancelled {
		p.Message += ": it was cancelled"
		p.Details["resumed_by"] = flow.ByCancel
	}
	return p
}

func (f childSlept) apply(t *transition) error {
	s := t.x.Steps[f.wait.Step]
	if s == nil || s.Status != flow.StepSuspended || s.Turn != f.wait.Turn || s.Wait == nil || !s.Wait.Held {
		return errFenced
	}
	s.Wait.Held = false
	t.shift(s.ID.Node, -1, +1)
	t.write(s)
	return t.settle()
}

func (f ended) apply(t *transition) error {
	if t.x.Status.Terminal() {
		return flow.Problemf(flow.ErrConflict.Code, "execution %s is %s already", t.x.ID, t.x.Status)
	}
	if !t.x.Whole {
		return errNeedAll
	}
	t.ch.Error = f.err
	t.end(f.status, f.reason)
	return nil
}

func (f redispatched) apply(t *transition) error {
	s := t.x.Steps[f.step]
	if s == nil || !s.Status.Live() || s.Token != f.token || t.x.Status.Terminal() {
		return errFenced
	}
	if f.dead {
		s.Deaths++
	}
	if s.Deaths >= maxDeaths {
		return t.quarantine(s)
	}
	s.Token = flow.NewToken()
	kind := flow.KindStep
	if s.Status == flow.StepSuspended || s.Resumed != nil {
		kind = flow.KindResume
	}
	t.dispatch(s, kind)
	return nil
}

// maxDeaths of workers running one step put it into quarantine.
const maxDeaths = 5

// suspectDeaths make a step a suspect: a process runs one suspect at a time.
const suspectDeaths = 2

func (t *transition) quarantine(s *flow.Step) error {
	p := flow.Problemf("poison", "%d workers died running this step; find out why, then retry the execution", s.Deaths)
	p.Node = t.key(s)
	s.Status, s.Error = flow.StepQuarantined, p
	t.ch.Error, t.x.Status = p, flow.Quarantined
	t.write(s)
	t.record(flow.NodeFailed, s)
	return nil
}
