package inmem

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"prana/engine/flow"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// row is an item of a list with its place in it: newest first.
type row[T any] struct {
	place string
	item  T
}

func place(at time.Time, id string) string { return fmt.Sprintf("%015d/%s", at.UnixMilli(), id) }

// soonest is the place of what ends at a time: lists read places from the highest.
func soonest(at time.Time, id string) string {
	if at.IsZero() {
		return "000000000000000/" + id
	}
	return fmt.Sprintf("%015d/%s", 999999999999999-at.UnixMilli(), id)
}

// paged cuts a page out of rows. The cursor is the place of the last item that
// was given, so rows that come or go meanwhile neither repeat nor hide others.
func paged[T any](rows []row[T], cursor string, limit int) flow.Page[T] {
	slices.SortFunc(rows, func(a, b row[T]) int { return cmp.Compare(b.place, a.place) })
	if cursor != "" {
		rows = slices.DeleteFunc(rows, func(r row[T]) bool { return r.place >= cursor })
	}
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	page := flow.Page[T]{Items: []T{}}
	for _, r := range rows[:min(limit, len(rows))] {
		page.Items = append(page.Items, clone(r.item))
	}
	if len(rows) > limit {
		page.Cursor = rows[limit-1].place
	}
	return page
}

// Executions lists executions, newest first.
func (s *Store) Executions(ctx context.Context, f flow.ExecutionFilter) (flow.Page[flow.Summary], error) {
	if err := alive(ctx); err != nil {
		return flow.Page[flow.Summary]{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var rows []row[flow.Summary]
	for _, e := range s.executions {
		if e.listed(f) {
			rows = append(rows, row[flow.Summary]{place(e.head.CreatedAt, e.id), e.summary()})
		}
	}
	return paged(rows, f.Cursor, f.Limit), nil
}

func (e *execution) listed(f flow.ExecutionFilter) bool {
	created := e.head.CreatedAt
	return (f.Status == "" || f.Status == e.front.Status) &&
		(f.Workflow == "" || f.Workflow == e.head.Workflow) &&
		(f.Since.IsZero() || !created.Before(f.Since)) &&
		(f.Until.IsZero() || created.Before(f.Until))
}

func (e *execution) summary() flow.Summary {
	out := flow.Summary{
		ID: e.id, Workflow: e.head.Workflow, Version: e.head.Version, Status: e.front.Status,
		CreatedAt: e.head.CreatedAt, EndedAt: optional(e.endedAt), RerunOf: e.head.RerunOf, Tags: e.head.Tags, Error: e.problem,
	}
	if e.head.Parent != nil {
		out.ParentID = e.head.Parent.Execution
	}
	return out
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Suspensions lists waits in the order of their end.
func (s *Store) Suspensions(ctx context.Context, f flow.SuspensionFilter) (flow.Page[flow.Suspension], error) {
	if err := alive(ctx); err != nil {
		return flow.Page[flow.Suspension]{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var rows []row[flow.Suspension]
	for _, p := range s.partitions {
		for id := range p.waits {
			e := s.executions[id.Execution]
			w := e.steps[id.Step].Wait
			if w != nil && suspended(id, w, f) {
				rows = append(rows, row[flow.Suspension]{soonest(w.Due, id.String()), s.suspension(e, id, w)})
			}
		}
	}
	return paged(rows, f.Cursor, f.Limit), nil
}

func suspended(id flow.SuspensionID, w *flow.Wait, f flow.SuspensionFilter) bool {
	return (f.Type == "" || f.Type == w.Type) &&
		(f.EventType == "" || w.Event != nil && w.Event.Type == f.EventType) &&
		(f.Execution == "" || f.Execution == id.Execution) &&
		(f.ExpiresBefore.IsZero() || !w.Due.IsZero() && w.Due.Before(f.ExpiresBefore))
}

func (s *Store) suspension(e *execution, id flow.SuspensionID, w *flow.Wait) flow.Suspension {
	out := flow.Suspension{
		ID: id.String(), ExecutionID: e.id, Workflow: e.head.Workflow,
		Node: s.nodeKey(e, id.Step.Node), RunIndex: id.Step.Run,
		Type: w.Type, Data: w.Data, SuspendedAt: w.Since, CreatedAt: w.Since,
	}
	out.ResumeAt, out.TimeoutAt = w.Ends()
	return out
}

// Relations lists parents and children, newest child first.
func (s *Store) Relations(ctx context.Context, f flow.RelationFilter) (flow.Page[flow.Relation], error) {
	if err := alive(ctx); err != nil {
		return flow.Page[flow.Relation]{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var rows []row[flow.Relation]
	for _, e := range s.executions {
		p := e.head.Parent
		if p == nil || f.Parent != "" && f.Parent != p.Execution || f.Child != "" && f.Child != e.id {
			continue
		}
		rows = append(rows, row[flow.Relation]{place(e.head.CreatedAt, e.id), flow.Relation{
			ParentID: p.Execution, ChildID: e.id, Type: flow.SubWorkflow,
			Node: s.nodeKey(s.executions[p.Execution], p.Step.Node), CreatedAt: e.head.CreatedAt,
		}})
	}
	return paged(rows, f.Cursor, f.Limit), nil
}

// Delays lists those that are pending; of one execution, also those that are over.
func (s *Store) Delays(ctx context.Context, f flow.SuspensionFilter) (flow.Page[flow.DelayView], error) {
	if err := alive(ctx); err != nil {
		return flow.Page[flow.DelayView]{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var rows []row[flow.DelayView]
	for _, e := range s.executions {
		for _, d := range e.delays {
			if f.Execution == "" && d.status != flow.DelayPending || f.Execution != "" && f.Execution != e.id || !f.ExpiresBefore.IsZero() && !d.due.Before(f.ExpiresBefore) {
				continue
			}
			rows = append(rows, row[flow.DelayView]{soonest(d.due, d.id.String()), flow.DelayView{
				ExecutionID: e.id, Node: s.nodeKey(e, d.id.Step.Node), RunIndex: d.id.Step.Run,
				ResumeAt: d.due, SuspendedAt: d.since, Status: d.status, CreatedAt: d.since,
			}})
		}
	}
	return paged(rows, f.Cursor, f.Limit), nil
}
