package inmem

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"prana/engine/flow"
)

// Commit checks all of the changes before it writes the first.
func (s *Store) Commit(ctx context.Context, changes ...*flow.Change) error {
	if err := alive(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.repeated(changes) {
		return nil
	}
	for i, c := range changes {
		if err := s.check(c, changes[:i]); err != nil {
			return fmt.Errorf("committing execution %s: %w", c.Execution, err)
		}
	}
	now := s.now()
	for _, c := range changes {
		s.apply(clone(c), now)
		s.report(c, now)
	}
	return nil
}

// report tells a change what became of its tasks. One that is taken stands at the head of the queue nevertheless: who takes it
// gets it from there.
func (s *Store) report(c *flow.Change, now time.Time) {
	home := s.partitions[mustPartition(c.Execution)]
	c.At = now
	for i := range c.Ends {
		id := taskID(c.Ends[i].Dispatch)
		if home.tasks[id] != nil {
			home.remove(id)
			c.Ends[i].Acknowledged = id
		}
	}
	if c.Handover != nil {
		c.Handover.Taken = true
	}
}

func (s *Store) repeated(changes []*flow.Change) bool {
	for _, c := range changes {
		if e := s.executions[c.Execution]; e != nil && e.rev == c.Op {
			return true
		}
	}
	return false
}

func (s *Store) check(c *flow.Change, before []*flow.Change) error {
	if err := s.checkPlace(c, before); err != nil {
		return err
	}
	e := s.executions[c.Execution]
	switch {
	case c.Prev == "" && e != nil:
		return flow.ErrExists
	case c.Prev == "":
		return nil
	case e == nil || e.rev != c.Prev:
		return flow.ErrStale
	case e.front.Status.Terminal() && !c.Revived:
		return flow.ErrStale
	case e.keepsError(c):
		return flow.Problemf(flow.ErrInvalid.Code, "a change of execution %s does not say which error it clears: lists would go on to find it by that", c.Execution)
	}
	for _, t := range c.Takes {
		if at, ok := e.taken[t.Event]; ok && t.Began > at {
			return flow.ErrTaken // by waits that stood before this one began
		}
	}
	return nil
}

// keepsError tells whether lists would find an execution by an error that it has no more.
func (e *execution) keepsError(c *flow.Change) bool {
	listed := e.problem != nil && e.front.Status.Over()
	return listed && (c.Revived || c.Error != nil) && !slices.Equal(c.Cleared.Words(), e.problem.Words())
}

// checkPlace refuses what no script of a real store could do.
func (s *Store) checkPlace(c *flow.Change, before []*flow.Change) error {
	home, ok := s.home(c.Execution)
	if !ok {
		return flow.Problemf(flow.ErrInvalid.Code, "%q names no partition of this store", c.Execution)
	}
	if c.Prev == "" && c.Head == nil {
		return flow.Problemf(flow.ErrInvalid.Code, "a new execution has no head")
	}
	if c.WorkflowID() == "" {
		return flow.Problemf(flow.ErrInvalid.Code, "a change of execution %s does not say of which workflow it is", c.Execution)
	}
	for _, b := range before {
		other, _ := s.home(b.Execution)
		if other != home || b.Execution == c.Execution {
			return flow.Problemf(flow.ErrInvalid.Code, "one commit changes different executions of one partition")
		}
	}
	return nil
}

func (s *Store) apply(c *flow.Change, now time.Time) {
	e, home := s.executions[c.Execution], s.partitions[mustPartition(c.Execution)]
	if e == nil {
		e = s.create(c, home, now)
	}
	if e.statusAt.IsZero() || c.Revived || c.Was != c.Front.Status {
		e.statusAt = now
	}
	e.write(c)
	s.writeSteps(e, home, c, now)
	if !c.Deadline.IsZero() {
		home.due[flow.DueEntry{Execution: e.id, Kind: flow.DueDeadline}] = s.line(c.Deadline)
	}
	for _, closed := range c.Closed {
		home.closeWait(e, closed.ID)
		if closed.Alarm != nil {
			home.withdraw(*closed.Alarm)
		}
	}
	for _, id := range c.Opened {
		s.openWait(e, home, id)
	}
	for _, d := range c.Dispatch {
		if d.Queue == "" { // no script of a real store could write the others
			home.enqueue(d, now)
		}
	}
	e.owe(home, c.Outbox, s.line(now.Add(flow.OutboxDue)))
	e.end(home, c, now)
}

func mustPartition(id string) int {
	n, _ := flow.PartitionOf(id) // checked before
	return n
}

func (s *Store) create(c *flow.Change, home *partition, now time.Time) *execution {
	e := &execution{
		id: c.Execution, head: *c.Head, input: c.Input,
		steps:  map[flow.StepID]*flow.Step{},
		claims: map[flow.StepID]claim{},
		nodes:  map[int]flow.NodeState{},
		values: map[flow.Ref]flow.Value{},
		fans:   map[flow.StepID]*flow.Fan{},
		parts:  map[flow.StepID]*flow.Part{},
		state:  map[string]json.RawMessage{},
		taken:  map[string]int64{},
	}
	if e.input == nil {
		e.input = null
	}
	fill(&e.head.CreatedAt, now)
	if e.head.Timeout > 0 {
		entry := flow.DueEntry{Execution: e.id, Kind: flow.DueDeadline}
		home.due[entry] = s.line(e.head.CreatedAt.Add(millis(e.head.Timeout)))
	}
	s.executions[e.id] = e
	return e
}

// write stores what needs no index.
func (e *execution) write(c *flow.Change) {
	e.rev, e.front = c.Op, c.Front
	if c.Revived {
		e.result, e.problem = nil, nil
		e.endedAt, e.retired = time.Time{}, time.Time{}
	}
	maps.Copy(e.nodes, c.Nodes)
	maps.Copy(e.values, c.Values)
	write(e.fans, c.Fans)
	write(e.parts, c.Parts)
	for key, raw := range c.State {
		if raw == nil {
			delete(e.state, key)
		} else {
			e.state[key] = raw
		}
	}
	for _, t := range c.Takes {
		if _, ok := e.taken[t.Event]; !ok {
			e.taken[t.Event] = t.Now
		}
	}
	if c.Result != nil {
		e.result = c.Result
	}
	if c.Error != nil {
		e.problem = c.Error
	}
	if e.reply == nil {
		e.reply = c.Reply
	}
}

// write puts what is given, and removes what is nil.
func write[T any](to, from map[flow.StepID]*T) {
	for id, v := range from {
		if v == nil {
			delete(to, id)
		} else {
			to[id] = v
		}
	}
}

// end removes everything that could wake an execution that became terminal; what
// it owes to others still stands in the due index.
func (e *execution) end(home *partition, c *flow.Change, now time.Time) {
	if !c.Ended {
		return
	}
	e.endedAt = now
	e.retire(now)
	for entry := range home.due {
		if entry.Execution == e.id && entry.Kind != flow.DueOutbox {
			delete(home.due, entry)
		}
	}
	for id := range home.waits {
		if id.Execution == e.id {
			home.closeWait(e, id)
		}
	}
}

// retire begins the retention of an execution that is terminal and owes nothing.
func (e *execution) retire(now time.Time) {
	if e.front.Status.Terminal() && len(e.outbox) == 0 {
		fill(&e.retired, now)
	}
}

// fill sets a time that nobody set before.
func fill(t *time.Time, now time.Time) {
	if t.IsZero() {
		*t = now
	}
}
