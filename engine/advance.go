package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"prana/engine/eval"
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
	t.ch.Front = x.Front
	return t.ch, errs, nil
}

// moved tells whether the change changes anything.
func moved(ch *flow.Change) bool { return len(ch.Steps) > 0 || ch.Ended || ch.Head != nil }

// begin makes the change that creates an execution. first puts its first task
// ahead of the queue, as for a child whose parent waits.
func begin(p *compiled, id string, head flow.Head, input []byte, startIn time.Duration, first bool) *flow.Change {
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
	if startIn > 0 {
		d.Kind, d.In = flow.KindResume, startIn
		step.Status, step.Turn = flow.StepSuspended, 1
		step.Wait = &flow.Wait{Type: flow.TimedWait, Timer: true, In: startIn, Data: []byte(`{"reason":"start_at"}`)}
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
	if f.woke != "" {
		t.wake(s, waitEnded{by: f.woke}, false)
	}
	if err := t.count(); err != nil {
		return t.failExecution(s, err)
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
	if f.event != "" {
		t.ch.Takes = append(t.ch.Takes, flow.Taken{Event: f.event, Node: s.ID.Node})
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

// wake ends the wait of a step. Who does it from outside also withdraws the alarm.
func (t *transition) wake(s *flow.Step, f waitEnded, outside bool) {
	w := s.Wait
	id := flow.SuspensionID{Execution: t.x.ID, Step: s.ID, Turn: s.Turn}
	closed := flow.Closed{ID: id, Type: w.Type, Event: w.Event}
	if w.Timer && outside {
		closed.Alarm = t.alarm(s)
	}
	t.ch.Closed = append(t.ch.Closed, closed)
	if w.Child != "" && f.by != flow.ByChild {
		t.send(flow.SendCancel, w.Child, []byte(`"`+f.by+`"`))
	}
	s.Resumed = &flow.Resumption{By: f.by, Turn: s.Turn, Op: t.ch.Op, Event: f.event, Error: f.err, Wait: w.Data, Since: w.Since}
	if w.Type == flow.Retry {
		s.Attempt++
		s.Resumed, s.StartedAt = nil, time.Time{}
	}
	if !w.Held {
		t.shift(s.ID.Node, +1, -1)
	}
	s.Wait, s.Status = nil, flow.StepPending
	t.write(s)
	switch t.x.Status {
	case flow.Pending: // its start was planned for now: nothing was resumed
		t.x.Status = flow.Running
		return
	case flow.Suspended:
		t.x.Status = flow.Running
		t.record(flow.ExecutionResumed, nil)
	}
	t.recordWait(flow.NodeResumed, s, w)
	if f.by == flow.ByTimeout {
		t.recordWait(flow.NodeTimedOut, s, w)
	}
}

func (t *transition) alarm(s *flow.Step) *flow.Dispatch {
	return &flow.Dispatch{Kind: flow.KindResume, Execution: t.x.ID, Step: s.ID, Token: s.Token, Workflow: t.plan.ref}
}

// suspend puts a step to sleep.
func (t *transition) suspend(s *flow.Step, w *flow.Wait) {
	s.Turn++
	s.Token, s.Status, s.Wait = flow.NewToken(), flow.StepSuspended, w
	if !w.Held {
		t.shift(s.ID.Node, -1, +1)
	}
	t.write(s)
	t.ch.Opened = append(t.ch.Opened, flow.SuspensionID{Execution: t.x.ID, Step: s.ID, Turn: s.Turn})
	if w.Timer {
		d := *t.alarm(s)
		d.In, d.Trace, d.First = w.In, s.Trace, true
		t.ch.Dispatch = append(t.ch.Dispatch, d)
	}
	t.recordWait(flow.NodeSuspended, s, w)
}

// complete ends a step well: what it leaves goes over every connection of the port.
func (t *transition) complete(s *flow.Step, port string, v flow.Value) error {
	s.Status, s.Port = flow.StepCompleted, port
	ref := flow.OutputRef(s.ID)
	t.ch.Values[ref] = v
	t.shift(s.ID.Node, -1, 0)
	t.write(s)
	st := t.x.Nodes[s.ID.Node]
	st.Last = s.ID.Run
	t.setNode(s.ID.Node, st)
	t.record(flow.NodeCompleted, s)
	edges := t.plan.Nodes[s.ID.Node].Out[port]
	if len(edges) == 0 {
		t.endPath(s)
	}
	ready := len(t.x.Ready)
	for _, e := range edges {
		t.arrive(e, ref)
	}
	slices.Reverse(t.x.Ready[ready:]) // the last is next: the first declared
	return nil
}

// endPath notes that a path ended at the step.
func (t *transition) endPath(s *flow.Step) {
	if t.x.Ends == nil {
		t.x.Ends = map[int]int{}
	}
	t.x.Ends[s.ID.Node] = s.ID.Run
}

// activate makes a new run of a node.
func (t *transition) activate(n int, arrived []flow.Arrival) {
	st, known := t.x.Nodes[n]
	if !known {
		st.Last = -1
	}
	s := &flow.Step{ID: flow.StepID{Node: n, Run: st.Runs}, Status: flow.StepPending, Token: flow.NewToken(), Inputs: arrived, Trace: t.span}
	st.Runs++
	t.setNode(n, st)
	t.x.Steps[s.ID] = s
	t.shift(n, +1, 0)
	t.write(s)
	if t.plan.Workflow.Mode == flow.Sequential {
		t.x.Ready = append(t.x.Ready, s.ID)
		return
	}
	t.dispatch(s, flow.KindStep)
}

// dispatch asks for a task for the step, unless this change has its fill: the
// due index then brings the step up at once.
func (t *transition) dispatch(s *flow.Step, kind string) {
	t.write(s)
	if len(t.ch.Dispatch) >= flow.MaxDispatch {
		return
	}
	t.ch.Dispatch = append(t.ch.Dispatch, flow.Dispatch{
		Kind: kind, Execution: t.x.ID, Step: s.ID, Token: s.Token, Workflow: t.plan.ref,
		First: true, Trace: s.Trace,
	})
}

// write notes that the step is to be stored. Stamps of its last state are cleared.
func (t *transition) write(s *flow.Step) {
	if !slices.Contains(t.ch.Steps, s) {
		t.ch.Steps = append(t.ch.Steps, s)
	}
}

func (t *transition) setNode(n int, st flow.NodeState) {
	t.x.Nodes[n] = st
	t.ch.Nodes[n] = st
}

func (t *transition) setState(key string, raw []byte) {
	if t.ch.State == nil {
		t.ch.State = map[string]json.RawMessage{}
	}
	t.ch.State[key] = raw
}

// shift moves the counts of a node's live steps.
func (t *transition) shift(n, pending, suspended int) {
	l := t.x.Live[n]
	l.Pending += pending
	l.Suspended += suspended
	if l == (flow.Live{}) {
		delete(t.x.Live, n)
		return
	}
	t.x.Live[n] = l
}

func (t *transition) connected(n int, port string) bool {
	return len(t.plan.Nodes[n].Out[port]) > 0
}

func (t *transition) key(s *flow.Step) string { return t.plan.Nodes[s.ID.Node].Key }

// count bounds the life of an execution.
func (t *transition) count() *flow.Problem {
	t.x.Transitions++
	if t.limits.Transitions == 0 || t.x.Transitions <= t.limits.Transitions {
		return nil
	}
	return flow.Problemf("too_many_transitions", "the execution took more than %d steps; look for a loop that never ends, or raise limits.transitions", t.limits.Transitions)
}

// settle fires joins that nothing more can reach, and finds the status.
func (t *transition) settle() error {
	if t.x.Status.Terminal() || t.x.Status == flow.Quarantined {
		return nil
	}
	t.settleJoins()
	if err := t.next(); err != nil {
		return err
	}
	if len(t.x.Live) == 0 {
		return t.finish()
	}
	if s := t.awake(); s != t.x.Status && t.x.Status != flow.Pending {
		t.x.Status = s
		if s == flow.Suspended {
			t.record(flow.ExecutionSuspended, nil)
		}
	}
	return nil
}

// awake tells running from suspended.
func (t *transition) awake() flow.Status {
	for _, l := range t.x.Live {
		if l.Pending > 0 {
			return flow.Running
		}
	}
	return flow.Suspended
}

// next dispatches the next step of a sequential execution once nothing else moves:
// the deepest first, and among those activated together the first declared.
func (t *transition) next() error {
	live := 0
	for _, l := range t.x.Live {
		live += l.Pending + l.Suspended
	}
	n := len(t.x.Ready)
	if n == 0 || live != n {
		return nil
	}
	s := t.x.Steps[t.x.Ready[n-1]]
	if s == nil {
		return errNeedAll
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
	if t.plan.Output == nil && len(t.x.Ends) == 1 {
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
		var ee *eval.Error
		if errors.As(err, &ee) {
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

// end ends the execution before its time: every live step is withdrawn.
func (t *transition) end(status flow.Status, reason string) {
	for _, s := range t.liveSteps() {
		t.withdraw(s)
	}
	t.x.Status, t.ch.Ended = status, true
	t.x.Live, t.x.Joins, t.x.Ready = map[int]flow.Live{}, nil, nil
	name := flow.ExecutionFailed
	if status == flow.Cancelled {
		name = flow.WorkflowCancelled
	}
	t.recordReason(name, reason)
}

// withdraw cancels a live step with everything that could wake it.
func (t *transition) withdraw(s *flow.Step) {
	if w := s.Wait; w != nil {
		id := flow.SuspensionID{Execution: t.x.ID, Step: s.ID, Turn: s.Turn}
		closed := flow.Closed{ID: id, Type: w.Type, Event: w.Event}
		if w.Timer {
			closed.Alarm = t.alarm(s)
		}
		t.ch.Closed = append(t.ch.Closed, closed)
		if w.Child != "" {
			t.send(flow.SendCancel, w.Child, []byte(`"parent"`))
		}
	}
	s.Status, s.Wait, s.Token = flow.StepCancelled, nil, flow.NewToken()
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
	slices.SortFunc(live, func(a, b *flow.Step) int { return compareSteps(a.ID, b.ID) })
	return live
}

func compareSteps(a, b flow.StepID) int {
	if a.Node != b.Node {
		return a.Node - b.Node
	}
	return a.Run - b.Run
}

// send puts something into the outbox. Its id is the same on every try.
func (t *transition) send(kind, to string, data []byte) {
	id := fmt.Sprintf("%s.%d", t.ch.Op, len(t.ch.Outbox))
	t.ch.Outbox = append(t.ch.Outbox, flow.Outgoing{ID: id, Kind: kind, To: to, Data: data})
}

func (t *transition) record(name string, s *flow.Step) {
	t.x.Seq++
	r := flow.Record{Seq: t.x.Seq, Name: name, Step: s}
	if s != nil {
		r.Node, r.Type = t.key(s), t.plan.Nodes[s.ID.Node].Type.Name
	}
	t.ch.Records = append(t.ch.Records, r)
}

func (t *transition) recordReason(name, reason string) {
	t.record(name, nil)
	t.ch.Records[len(t.ch.Records)-1].Reason = reason
}

func (t *transition) recordWait(name string, s *flow.Step, w *flow.Wait) {
	t.record(name, s)
	r := &t.ch.Records[len(t.ch.Records)-1]
	r.Wait = w
	if name == flow.NodeResumed && !w.Since.IsZero() {
		r.Slept = t.x.Now.Sub(w.Since)
	}
}
