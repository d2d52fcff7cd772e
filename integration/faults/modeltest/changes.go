package modeltest

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"pgregory.net/rapid"

	"prana/engine/flow"
)

// nodes is how many nodes the workflows of the model have.
const nodes = 4

// builder makes a change that an engine could make.
type builder struct {
	t *rapid.T
	w *Machine
	x *execution // as it was; nil = it is being created
	c *flow.Change
	// live is how the steps that the change writes stand after it, and those that it does not write.
	live map[flow.StepID]*step
}

// birth begins the creation of an execution.
func (w *Machine) birth(t *rapid.T, partition int) *builder {
	c := &flow.Change{
		Execution: w.newID(partition), Op: w.name("op"),
		Head:  &flow.Head{Workflow: rapid.SampledFrom([]string{"order", "refund"}).Draw(t, "workflow"), Version: "v1", Tags: rapid.SampledFrom([]map[string]string{nil, {"team": "a"}, {"team": "b"}}).Draw(t, "tags")},
		Input: json.RawMessage(`{"n":1}`), Nodes: map[int]flow.NodeState{}, Values: map[flow.Ref]flow.Value{},
		Front: flow.Front{Status: flow.Running, Seq: 1, Region: flow.Region{Live: map[int]flow.Live{}}},
	}
	if rapid.IntRange(0, 3).Draw(t, "has a timeout") == 0 {
		c.Head.Timeout = time.Hour
	}
	return &builder{t: t, w: w, c: c, live: map[flow.StepID]*step{}}
}

// next begins the next change of an execution.
func (w *Machine) next(t *rapid.T, x *execution) *builder {
	front := x.front
	front.Live = maps.Clone(x.front.Live)
	front.Seq++
	b := &builder{t: t, w: w, x: x, live: maps.Clone(x.steps), c: &flow.Change{
		Execution: x.id, Op: w.name("op"), Prev: x.rev, Was: x.front.Status, Workflow: x.head.Workflow, Front: front,
		Nodes: map[int]flow.NodeState{}, Values: map[flow.Ref]flow.Value{},
	}}
	return b
}

// write notes a step, and keeps count of it.
func (b *builder) write(s *flow.Step, alarm *flow.Dispatch) {
	if old := b.live[s.ID]; old != nil {
		b.count(s.ID.Node, old.status, old.wait, -1)
	}
	b.count(s.ID.Node, s.Status, s.Wait, +1)
	b.live[s.ID] = &step{status: s.Status, token: s.Token, turn: s.Turn, wait: s.Wait, alarm: alarm}
	b.c.Steps = append(b.c.Steps, s)
}

func (b *builder) count(node int, status flow.StepStatus, w *flow.Wait, by int) {
	l := b.c.Front.Live[node]
	switch {
	case !status.Live() && status != flow.StepQuarantined:
		return
	case w != nil && !w.Held:
		l.Suspended += by
	default:
		l.Pending += by
	}
	b.c.Front.Live[node] = l
	if l == (flow.Live{}) {
		delete(b.c.Front.Live, node)
	}
}

// nodeState is what is known of a node in this change.
func (b *builder) nodeState(n int) flow.NodeState {
	if st, changed := b.c.Nodes[n]; changed {
		return st
	}
	if b.x != nil {
		if st, known := b.x.nodes[n]; known {
			return st
		}
	}
	return flow.NodeState{Last: -1}
}

// activate makes a new step that is to be run.
func (b *builder) activate() {
	n := rapid.IntRange(0, nodes-1).Draw(b.t, "node")
	st := b.nodeState(n)
	s := &flow.Step{ID: flow.StepID{Node: n, Run: st.Runs}, Status: flow.StepPending, Token: b.w.name("token")}
	st.Runs++
	b.c.Nodes[n] = st
	b.write(s, nil)
	b.dispatch(s, rapid.IntRange(0, 2).Draw(b.t, "dispatched"))
}

// dispatch enqueues a step: not at all, ahead of others, or behind them.
func (b *builder) dispatch(s *flow.Step, how int) {
	if how > 0 {
		b.c.Dispatch = append(b.c.Dispatch, dispatchOf(b.c.Execution, s.ID, s.Token, how == 1))
	}
}

func dispatchOf(execution string, id flow.StepID, token string, first bool) flow.Dispatch {
	return flow.Dispatch{Kind: flow.KindStep, Execution: execution, Step: id, Token: token, Workflow: "order@v1", First: first}
}

// again gives a step another token, and has it run.
func (b *builder) again(id flow.StepID) {
	s := &flow.Step{ID: id, Status: flow.StepPending, Token: b.w.name("token"), Turn: b.live[id].turn}
	b.write(s, nil)
	b.dispatch(s, rapid.IntRange(0, 2).Draw(b.t, "dispatched"))
}

// leave ends a step.
func (b *builder) leave(id flow.StepID, status flow.StepStatus) {
	s := &flow.Step{ID: id, Status: status, Token: b.live[id].token, Turn: b.live[id].turn}
	b.write(s, nil)
	if status != flow.StepCompleted {
		return
	}
	st := b.nodeState(id.Node)
	st.Last = id.Run
	b.c.Nodes[id.Node] = st
	b.c.Values[flow.OutputRef(id)] = rapid.SampledFrom([]flow.Value{{Same: flow.InputRef}, {Raw: json.RawMessage(`{"a":[1,"|@"]}`)}}).Draw(b.t, "output")
}

// sleep has a step wait.
func (b *builder) sleep(id flow.StepID, w flow.Wait) {
	s := &flow.Step{ID: id, Status: flow.StepSuspended, Token: b.w.name("token"), Turn: b.live[id].turn + 1, Wait: &w}
	var alarm *flow.Dispatch
	if w.Timer && w.In > 0 && rapid.Bool().Draw(b.t, "has an alarm") {
		d := dispatchOf(b.c.Execution, id, s.Token, false)
		d.Kind, d.In = flow.KindResume, w.In
		alarm = &d
		b.c.Dispatch = append(b.c.Dispatch, d)
	}
	b.write(s, alarm)
	b.c.Opened = append(b.c.Opened, flow.SuspensionID{Execution: b.c.Execution, Step: id, Turn: s.Turn})
}

// someWait is what a node could ask for.
func (b *builder) someWait() flow.Wait {
	if rapid.Bool().Draw(b.t, "waits for an event") {
		w := flow.Wait{Type: flow.ExternalEvent, Event: &flow.Subscription{
			Type:   rapid.SampledFrom(eventTypes).Draw(b.t, "event type"),
			Takers: rapid.SampledFrom([]int{0, 0, 1, flow.AllTakers}).Draw(b.t, "takers"),
		}}
		if n := rapid.IntRange(-1, 1).Draw(b.t, "n"); n >= 0 {
			w.Event.Filter = map[string]any{"n": n}
		}
		w.In = rapid.SampledFrom([]time.Duration{0, 2 * time.Second, time.Hour}).Draw(b.t, "timeout")
		return w
	}
	return rapid.SampledFrom([]flow.Wait{
		{Type: flow.Delay, Timer: true, In: time.Hour},
		{Type: flow.Retry, Timer: true},
		{Type: flow.CustomWait, In: time.Minute},
		{Type: flow.CustomWait},
		{Type: flow.Concurrency},
	}).Draw(b.t, "wait")
}

// wake ends the wait of a step.
func (b *builder) wake(id flow.StepID) {
	s := b.live[id]
	b.c.Closed = append(b.c.Closed, flow.Closed{
		ID: flow.SuspensionID{Execution: b.c.Execution, Step: id, Turn: s.turn}, Type: s.wait.Type, Event: s.wait.Event, Alarm: s.alarm,
	})
}

// move does one thing that a node or the world does.
func (b *builder) move() {
	steps := b.old(unended)
	if len(steps) == 0 {
		b.activate()
		return
	}
	id := rapid.SampledFrom(steps).Draw(b.t, "step")
	waits := b.live[id].status == flow.StepSuspended
	if waits {
		b.wake(id)
	}
	switch what := rapid.IntRange(0, 4).Draw(b.t, "move"); {
	case what == 0:
		b.leave(id, flow.StepCompleted)
	case what == 1:
		b.leave(id, flow.StepFailed)
	case what == 2 && !waits:
		b.sleep(id, b.someWait())
	default:
		b.again(id)
	}
}

// old lists steps that this change has not written.
func (b *builder) old(so func(*step) bool) []flow.StepID {
	if b.x == nil {
		return nil
	}
	var ids []flow.StepID
	for _, id := range b.x.live(so) {
		if b.live[id] == b.x.steps[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

// extras say more than steps do.
func (b *builder) extras() {
	n := rapid.IntRange(0, 15).Draw(b.t, "extras")
	if n&1 > 0 {
		id := b.w.name("debt")
		b.c.Outbox = append(b.c.Outbox, flow.Outgoing{ID: id, Kind: flow.SendAlert, To: "somebody", Data: json.RawMessage(`{"id":"` + id + `"}`)})
	}
	if n&2 > 0 {
		value := rapid.SampledFrom([]json.RawMessage{nil, json.RawMessage(`1`), json.RawMessage(`"x|@"`)}).Draw(b.t, "state")
		b.c.State = map[string]json.RawMessage{rapid.SampledFrom([]string{"a", "b|@"}).Draw(b.t, "key"): value}
	}
	if n&4 > 0 {
		began := rapid.Int64Range(0, b.c.Front.Seq).Draw(b.t, "began")
		b.c.Takes = []flow.Taken{{Event: rapid.SampledFrom([]string{"e1", "e2"}).Draw(b.t, "takes"), Began: began, Now: b.c.Front.Seq}}
	}
	if n&8 > 0 {
		b.c.Reply = json.RawMessage(fmt.Sprintf(`{"op":%q}`, b.c.Op))
	}
}

// settle gives the execution its status, and something to do if nothing is left.
func (b *builder) settle() *flow.Change {
	var live flow.Live
	for _, l := range b.c.Front.Live {
		live.Pending += l.Pending
		live.Suspended += l.Suspended
	}
	if live == (flow.Live{}) {
		b.activate()
		live.Pending++
	}
	b.c.Front.Status = flow.Running
	if live.Pending == 0 {
		b.c.Front.Status = flow.Suspended
	}
	return b.c
}

// end makes the execution terminal: what lives is withdrawn.
func (b *builder) end() {
	status := rapid.SampledFrom([]flow.Status{flow.Completed, flow.Failed, flow.Failed, flow.Cancelled, flow.TimedOut}).Draw(b.t, "end")
	for _, id := range b.old(unended) {
		if b.live[id].status == flow.StepSuspended {
			b.wake(id)
		}
		b.leave(id, flow.StepCancelled)
	}
	b.c.Front.Status, b.c.Ended = status, true
	if status == flow.Completed {
		b.c.Result = &flow.Value{Raw: json.RawMessage(`{"done":true}`)}
	} else {
		b.fail(string(status))
	}
}

// fail gives it an error, instead of the one by which it is found.
func (b *builder) fail(code string) {
	b.clear()
	b.c.Error = failure(code)
}

func (b *builder) clear() {
	if x := b.x; x != nil && x.findable() {
		b.c.Cleared = failure(x.problem)
	}
}

func failure(code string) *flow.Problem { return flow.Problemf(code, "it is %s", code) }

// quarantine puts a step that is to be run into quarantine, and the execution with it.
func (b *builder) quarantine(id flow.StepID) {
	b.leave(id, flow.StepQuarantined)
	b.c.Front.Status = flow.Quarantined
	b.fail("poison")
}

// revive lets an execution live again.
func (b *builder) revive(now int64) {
	b.c.Revived = true
	b.clear()
	for _, id := range b.old(func(s *step) bool { return s.status == flow.StepQuarantined }) {
		b.again(id)
	}
	if b.x.head.Timeout > 0 {
		b.c.Deadline = time.UnixMilli(now).Add(time.Hour)
	}
	b.settle()
}
