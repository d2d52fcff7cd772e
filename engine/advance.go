package engine

import (
	"errors"
	"time"

	"prana/engine/flow"
	"prana/engine/plan"
)

// errFenced: the step moved on since; what the worker brings is not wanted any more. A fact counts for nothing then.
var errFenced = errors.New("the step moved on")

// errNeed: what follows concerns something of the execution that was not loaded.
type errNeed struct{ flow.Want }

func (e errNeed) Error() string { return "more of the execution must be loaded" }

// errNeedAll: so much is concerned that it must all be loaded.
var errNeedAll = errNeed{flow.Want{All: true}}

// compiled is a plan with what the engine adds to it.
type compiled struct {
	*plan.Plan
	ref   string      // "workflow@version"
	all   []int       // nodes
	toRun []flow.Want // by node: what its steps need before they run
}

// newCompiled works out what every step would work out again.
func newCompiled(p *plan.Plan, ref string) *compiled {
	c := &compiled{Plan: p, ref: ref}
	for n := range p.Nodes {
		c.all = append(c.all, n)
	}
	for n := range p.Nodes {
		c.toRun = append(c.toRun, c.wantsToRun(n))
	}
	return c
}

// limits bound one execution.
type limits struct {
	Transitions int // commits of steps
	Payload     int // bytes of one value
	Depth       int // ancestors of a child
	Attempts    int // failed attempts that are remembered with a step
	Iterations  int // of a loop that says nothing itself
	Items       int // of one fan
	Results     int // bytes of the results of one fan together
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
	broken *flow.Problem // why the whole execution must end
}

// advance decides what follows from the facts, in their order. It is pure but for the random tokens
// it draws: x is used up, and the answer has an error for each fact that counts for nothing.
// An errNeed as second answer means: load that as well, and ask again.
func advance(p *compiled, x *flow.Execution, facts []Fact, l limits, alert *flow.Alert) (*flow.Change, []error, error) {
	t := &transition{plan: p, x: x, limits: l, alert: alert, ch: &flow.Change{
		Execution: x.ID, Op: flow.NewToken(), Prev: x.Rev, Was: x.Status, Workflow: x.Workflow,
		Nodes: map[int]flow.NodeState{}, Values: map[flow.Ref]flow.Value{},
	}}
	had := x.Error
	fans, parts := loadedFans(x)
	errs := make([]error, len(facts))
	for i, f := range facts {
		errs[i] = f.apply(t)
		if need, ok := errors.AsType[errNeed](errs[i]); ok {
			return nil, nil, need
		}
	}
	if t.ch.Ended {
		if err := t.letGo(); err != nil {
			return nil, nil, err
		}
	}
	if t.ch.Was.Over() && (t.ch.Revived || t.ch.Error != nil) {
		t.ch.Cleared = had
	}
	if x.Status != flow.Paused {
		x.Pause = nil // whatever it came to
	}
	t.ch.Front = x.Front
	t.ch.Fans, t.ch.Parts = loadedFans(x)
	forget(t.ch.Fans, fans)
	forget(t.ch.Parts, parts)
	return t.ch, errs, nil
}

// letGo gives up what an execution has that ended: its place, and the children that nobody waited for.
func (t *transition) letGo() error {
	if t.x.Place != "" {
		t.sendRelease(t.x.Place, flow.Holder{Execution: t.x.ID, Whole: true})
	}
	return t.closeChildren()
}

// moved tells whether the change changes anything.
func moved(ch *flow.Change) bool {
	return len(ch.Steps) > 0 || ch.Ended || ch.Head != nil || ch.Posted || ch.Was != ch.Front.Status
}

// begin makes the change that creates an execution. first puts its first task
// ahead of the queue, as for a child whose parent waits.
func begin(p *compiled, id string, head flow.Head, input []byte, when start, first bool) *flow.Change {
	node := p.first(head)
	trigger := flow.StepID{Node: node}
	step := &flow.Step{
		ID: trigger, Status: flow.StepPending, Token: flow.NewToken(),
		Inputs: []flow.Arrival{{Edge: -1, Port: flow.PortMain, Ref: flow.InputRef}}, Trace: head.Trace,
	}
	ch := &flow.Change{
		Execution: id, Op: flow.NewToken(), Head: &head, Input: input,
		Nodes:   map[int]flow.NodeState{node: {Runs: 1, Last: -1}},
		Steps:   []*flow.Step{step},
		Front:   flow.Front{Status: flow.Running, Region: flow.Region{Live: map[int]flow.Live{node: {Pending: 1}}}, Seq: 1},
		Records: []flow.Record{{Seq: 1, Name: flow.ExecutionStarted}},
	}
	d := flow.Dispatch{
		Kind: flow.KindStep, Execution: id, Step: trigger, Token: step.Token, Workflow: p.ref,
		Queue: head.QueueOf(p.Nodes[node].Settings), First: first, Trace: head.Trace,
	}
	if when != (start{}) {
		d.Kind, d.In = flow.KindResume, when.alarm()
		step.Status, step.Turn = flow.StepSuspended, 1
		step.Wait = &flow.Wait{Type: flow.TimedWait, Timer: true, In: when.in, Until: when.at, Data: []byte(`{"reason":"start_at"}`)}
		ch.Front.Status, ch.Front.Live[node] = flow.Pending, flow.Live{Suspended: 1}
		ch.Opened = []flow.SuspensionID{{Execution: id, Step: trigger, Turn: 1}}
	}
	if d.In <= 0 || d.Queue == "" { // see suspend
		ch.Dispatch = []flow.Dispatch{d}
	}
	return ch
}

// first is the node with which an execution begins.
func (c *compiled) first(head flow.Head) int {
	if n, ok := c.Node(head.From); ok {
		return n.Index
	}
	return c.Start
}

// start is when an execution begins: on a date, judged by the store's clock alone however near it is, or some time
// after the commit; zero is at once.
type start struct {
	at time.Time
	in time.Duration
}

func (s start) alarm() time.Duration {
	if s.at.IsZero() {
		return s.in
	}
	return max(time.Millisecond, time.Until(s.at))
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
	was := s.Wait
	if f.woke != "" {
		t.wake(s, waitEnded{by: f.woke}, false)
	}
	for key, raw := range f.out.state {
		t.setState(key, raw)
	}
	if t.ch.Reply == nil {
		t.ch.Reply = f.out.reply
	}
	s.Children = append(s.Children, f.out.children...)
	t.x.Closes = t.x.Closes || f.out.closes
	if err := t.setContext(s.ID.Node, f.out.context); err != nil {
		return err
	}
	if f.out.goesOn {
		goesOn(s, was, f.out.wait)
	}
	if err := t.leave(s, f); err != nil {
		return err
	}
	return t.settle()
}

// leave does what the attempt came to: fail, wait, or go on by a port.
func (t *transition) leave(s *flow.Step, f stepEnded) error {
	switch {
	case f.err != nil:
		return t.fail(s, f)
	case s.Emitted+len(f.out.emits) > flow.MaxEmissions:
		f.err, f.retryable = tooManyEmissions(), false
		return t.fail(s, f)
	case f.out.wait != nil:
		t.suspend(s, f.out.wait)
		if err := t.emit(s, f.out.emits); err != nil {
			return err
		}
		return t.takeLetter(s)
	case f.out.fan != nil:
		return t.fanOut(s, f.out.fan)
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
	if s == nil || !s.WaitsAs(f.wait.Turn) || t.x.Status.Terminal() {
		return tooLate(t.x, s, f.wait)
	}
	if s.Wait.Type == flow.Concurrency && f.by != flow.ByPlace {
		return onlyPlace(f.wait)
	}
	if f.event != "" {
		t.ch.Takes = append(t.ch.Takes, flow.Taken{Event: f.by + ":" + f.event, Began: s.Wait.Began, Now: t.x.Seq})
	}
	if f.data != nil {
		t.ch.Values[flow.ResumeRef(s.ID)] = flow.Value{Raw: f.data}
	}
	if err := t.owesTaking(f.wait, f.kept); err != nil {
		return err
	}
	if err := t.wakeStep(s, f); err != nil {
		return err
	}
	return t.settle()
}

// wakeStep ends the wait of a step from outside, and has it run again.
func (t *transition) wakeStep(s *flow.Step, f waitEnded) error {
	t.wake(s, f, true)
	s.Token = flow.NewToken()
	t.dispatch(s, flow.KindResume)
	return t.decided(s)
}

// decided withdraws what loses now that something came for the step.
func (t *transition) decided(s *flow.Step) error {
	if s.Resumed == nil {
		return nil // it was the engine's own wait
	}
	if err := t.came(s); err != nil {
		return err
	}
	return t.withdrawNodes(s, t.plan.Nodes[s.ID.Node].Cancels)
}

// tooLate says who ended the wait before.
func tooLate(x *flow.Execution, s *flow.Step, id flow.SuspensionID) error {
	p := flow.Problemf(flow.ErrConflict.Code, "suspension %s is over", id)
	p.Details = map[string]any{"execution_status": string(x.Status)}
	if s == nil {
		return p
	}
	if s.Resumed != nil && s.Resumed.Ended(id.Turn) {
		tellWinner(p, s.Resumed)
	} else if s.Status == flow.StepCancelled || x.Status == flow.Cancelled {
		p.Message += ": it was cancelled"
		p.Details["resumed_by"] = flow.ByCancel
	}
	return p
}

// tellWinner says who ended the wait, in a problem for who came too late.
func tellWinner(p *flow.Problem, r *flow.Resumption) {
	if p.Details == nil {
		p.Details = map[string]any{}
	}
	who := r.By
	if r.Actor != "" {
		who += " (" + r.Actor + ")"
		p.Details["resumed_actor"] = r.Actor
	}
	p.Message += ": " + who + " was first"
	p.Details["resumed_by"] = r.By
	p.Details["resumed_at"] = r.At.UTC().Format(time.RFC3339Nano)
}

func (f childSlept) apply(t *transition) error {
	s := t.x.Steps[f.wait.Step]
	if s == nil || s.Status != flow.StepSuspended || s.Turn != f.wait.Turn || s.Wait == nil || !s.Wait.Held {
		return errFenced
	}
	s.Wait.Held = false
	t.shift(s, flow.Live{Pending: -1, Suspended: +1})
	t.write(s)
	return t.settle()
}

func (f ended) apply(t *transition) error {
	if t.x.Status.Terminal() || t.x.Status == flow.Cancelling && !f.hard {
		return endedBefore(t.x)
	}
	if at := t.x.Deadline(); f.status == flow.TimedOut && at.After(t.x.Now) {
		return errFenced
	}
	if !t.x.Whole {
		return errNeedAll
	}
	t.ch.Error = f.err
	if f.hard {
		t.ch.Error = t.leaveUndone(f.err)
	}
	t.end(f.status, f.reason)
	return t.undo()
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
	t.dispatch(s, kindOf(s))
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
