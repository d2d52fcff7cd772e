package inmem

import (
	"context"
	"slices"
	"time"

	"prana/engine/flow"
)

// owe adds to the outbox. Its line moves only towards the present.
func (e *execution) owe(home *partition, out []flow.Outgoing, due line) {
	if len(out) == 0 {
		return
	}
	e.outbox = append(e.outbox, out...)
	entry := flow.DueEntry{Execution: e.id, Kind: flow.DueOutbox}
	if old, ok := home.due[entry]; !ok || old.at.IsZero() || due.at.Before(old.at) {
		home.due[entry] = due
	}
}

// Outbox reads what an execution still has to tell others, in the order of its commits.
func (s *Store) Outbox(ctx context.Context, id string) ([]flow.Outgoing, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.executions[id]
	if e == nil {
		return nil, nil
	}
	return clone(e.outbox), nil
}

// Delivered removes an entry of the outbox, and its line with the last one.
func (s *Store) Delivered(ctx context.Context, id, entry string) error {
	if err := alive(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.executions[id]
	if e == nil {
		return nil
	}
	e.outbox = slices.DeleteFunc(e.outbox, func(o flow.Outgoing) bool { return o.ID == entry })
	if len(e.outbox) == 0 {
		home, _ := s.home(id)
		delete(home.due, flow.DueEntry{Execution: id, Kind: flow.DueOutbox})
		e.retire(s.now())
	}
	return nil
}

// Purge removes executions whose retention is over, the oldest first.
func (s *Store) Purge(ctx context.Context, partition int, age map[flow.Status]time.Duration, limit int) (int, error) {
	if err := alive(ctx); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var old []*execution
	for id, e := range s.executions {
		keep, ok := age[e.front.Status]
		if mustPartition(id) == partition && ok && !e.retired.IsZero() && !e.retired.Add(keep).After(s.now()) {
			old = append(old, e)
		}
	}
	slices.SortFunc(old, func(a, b *execution) int { return a.retired.Compare(b.retired) })
	old = old[:min(len(old), max(0, limit))]
	for _, e := range old {
		s.remove(e)
	}
	return len(old), nil
}

// remove forgets an execution, and the start id that leads to it. Its waits and
// lines went when it ended.
func (s *Store) remove(e *execution) {
	delete(s.executions, e.id)
	key := startKey{e.head.Workflow, e.head.StartID}
	if s.starts[key].execution == e.id {
		delete(s.starts, key)
	}
}
