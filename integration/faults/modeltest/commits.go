package modeltest

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"prana/engine/flow"
)

// Commit stores all of the changes, or none.
func (m *Model) Commit(changes ...*flow.Change) error {
	var refused error
	for _, c := range changes {
		switch err := m.guard(c); {
		case errors.Is(err, errRepeated):
			return nil
		case refused == nil:
			refused = err
		}
	}
	if refused != nil {
		return refused
	}
	for _, c := range changes {
		m.store(c)
	}
	return nil
}

// guard says why a change is not stored.
func (m *Model) guard(c *flow.Change) error {
	x := m.executions[c.Execution]
	switch {
	case x != nil && x.rev == c.Op:
		return errRepeated
	case c.Prev == "" && x != nil:
		return flow.ErrExists
	case c.Prev == "":
		return nil
	case x == nil || x.rev != c.Prev || x.ended && !c.Revived:
		return flow.ErrStale
	}
	for _, t := range c.Takes {
		if last, taken := x.took[t.Event]; taken && t.Began > last {
			return flow.ErrTaken
		}
	}
	return nil
}

func (m *Model) store(c *flow.Change) {
	x := m.executions[c.Execution]
	if x == nil {
		x = &execution{
			id: c.Execution, head: *c.Head, steps: map[flow.StepID]*step{}, nodes: map[int]flow.NodeState{},
			values: map[flow.Ref]json.RawMessage{flow.InputRef: c.Input}, state: map[string]json.RawMessage{},
			outbox: map[string]flow.Outgoing{}, took: map[string]int64{}, lines: map[string]span{}, waits: map[flow.StepID]bool{},
		}
		m.executions[c.Execution] = x
		if c.Head.Timeout > 0 {
			x.lines[deadline] = m.clock.in(c.Head.Timeout.Milliseconds())
		}
	}
	x.rev, x.front = c.Op, c.Front
	m.life(x, c)
	for _, closed := range c.Closed {
		delete(x.waits, closed.ID.Step)
		if closed.Alarm != nil {
			delete(m.queue(partitionOf(x.id)).alarms, taskID(*closed.Alarm))
		}
	}
	for _, s := range c.Steps {
		m.step(x, c, s)
	}
	for _, id := range c.Opened {
		x.waits[id.Step] = true
	}
	for _, d := range c.Dispatch {
		m.dispatch(d)
	}
	x.take(c)
	if len(c.Outbox) > 0 {
		x.lines[outbox] = m.clock.in(flow.OutboxDue.Milliseconds())
	}
}

// life begins or ends.
func (m *Model) life(x *execution, c *flow.Change) {
	if c.Revived {
		x.ended, x.problem, x.result = false, "", nil
		if !c.Ended && !c.Deadline.IsZero() {
			x.lines[deadline] = span{c.Deadline.UnixMilli(), c.Deadline.UnixMilli()}
		}
	}
	if c.Error != nil {
		x.problem = c.Error.Code
	}
	if c.Result != nil {
		x.result = x.resolve(*c.Result)
	}
	if c.Ended {
		x.ended, x.endedAt = true, m.clock
		delete(x.lines, deadline)
	}
}

// take takes over what is not of steps.
func (x *execution) take(c *flow.Change) {
	maps.Copy(x.nodes, c.Nodes)
	for ref, v := range c.Values {
		x.values[ref] = x.resolve(v)
	}
	for k, v := range c.State {
		x.state[k] = v
		if v == nil {
			delete(x.state, k)
		}
	}
	if x.reply == nil {
		x.reply = c.Reply
	}
	for _, t := range c.Takes {
		if _, taken := x.took[t.Event]; !taken {
			x.took[t.Event] = t.Now
		}
	}
	for _, o := range c.Outbox {
		x.outbox[o.ID] = o
	}
}

func (x *execution) resolve(v flow.Value) json.RawMessage {
	if v.Same != "" {
		return x.values[v.Same]
	}
	return v.Raw
}

// step takes over a step, and gives it its line in the due index.
func (m *Model) step(x *execution, c *flow.Change, s *flow.Step) {
	x.steps[s.ID] = &step{status: s.Status, token: s.Token, op: c.Op, turn: s.Turn, wait: s.Wait}
	isOf := func(d flow.Dispatch) bool { return d.Step == s.ID }
	entry := s.ID.String()
	delete(x.lines, entry)
	switch i := slices.IndexFunc(c.Dispatch, isOf); {
	case s.Status == flow.StepQuarantined, s.Status.Live() && slices.Contains(c.Front.Ready, s.ID):
		x.lines[entry] = never
	case !s.Status.Live():
	case s.Status == flow.StepPending && i >= 0:
		x.lines[entry] = m.clock.in(flow.FreshDue.Milliseconds())
	case s.Status == flow.StepPending:
		x.lines[entry] = m.clock
	default:
		x.lines[entry] = m.waitLine(s.Wait)
		if i >= 0 {
			x.steps[s.ID].alarm = &c.Dispatch[i]
		}
	}
}

// waitLine is when a wait is looked at.
func (m *Model) waitLine(w *flow.Wait) span {
	looks := w.Event != nil || w.Type == flow.Concurrency
	switch {
	case looks && (w.In == 0 || w.In >= flow.LookDue):
		return m.clock.in(flow.LookDue.Milliseconds())
	case w.In > 0 || w.Timer:
		return m.clock.in(w.In.Milliseconds())
	}
	return never
}

// dispatch writes a task, unless it exists; an alarm becomes a task when it is wanted at once.
func (m *Model) dispatch(d flow.Dispatch) {
	q, id := m.queue(partitionOf(d.Execution)), taskID(d)
	switch {
	case slices.Contains(q.pending, id), d.In > 0 && q.alarms[id]:
	case d.In > 0:
		q.alarms[id] = true
	case d.First:
		delete(q.alarms, id)
		q.pending = append(q.pending, id)
	default:
		delete(q.alarms, id)
		q.pending = slices.Insert(q.pending, 0, id)
	}
}

// pop takes the next task of a partition; empty when there is none.
func (m *Model) pop(partition int) string {
	q := m.queue(partition)
	if len(q.pending) == 0 {
		return ""
	}
	id := q.pending[len(q.pending)-1]
	q.pending = q.pending[:len(q.pending)-1]
	return id
}

// Task tells where the task of a dispatch stands.
func (m *Model) Task(d flow.Dispatch) flow.TaskState {
	q := m.queue(partitionOf(d.Execution))
	switch {
	case slices.Contains(q.pending, taskID(d)):
		return flow.TaskPending
	case q.alarms[taskID(d)]:
		return flow.TaskScheduled
	}
	return flow.TaskMissing
}
