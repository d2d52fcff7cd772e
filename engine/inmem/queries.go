package inmem

import (
	"cmp"
	"context"
	"errors"
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

// Executions lists executions, newest first; those of one status by the time since when they have it.
func (s *Store) Executions(ctx context.Context, f flow.ExecutionFilter) (flow.Page[flow.Summary], error) {
	if err := errors.Join(alive(ctx), f.Check()); err != nil {
		return flow.Page[flow.Summary]{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var rows []row[flow.Summary]
	for _, e := range s.executions {
		if x := e.summary(); f.Keeps(x) && f.Within(e.ordered(f)) {
			rows = append(rows, row[flow.Summary]{place(e.ordered(f), e.id), x})
		}
	}
	return paged(rows, f.Cursor, f.Limit), nil
}

// ordered is the time that a list is in the order of.
func (e *execution) ordered(f flow.ExecutionFilter) time.Time {
	if f.ByStatus() {
		return e.statusAt
	}
	return e.head.CreatedAt
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
			if w != nil && f.Asks(w) && (f.Execution == "" || f.Execution == e.id) && (f.Workflow == "" || f.Workflow == e.head.Workflow) {
				rows = append(rows, row[flow.Suspension]{soonest(w.Due, id.String()), s.suspension(e, id, w)})
			}
		}
	}
	return paged(rows, f.Cursor, f.Limit), nil
}

func (s *Store) suspension(e *execution, id flow.SuspensionID, w *flow.Wait) flow.Suspension {
	x := &flow.Execution{ID: e.id, Head: e.head}
	out := flow.SuspensionOf(&flow.Workflow{}, x, &flow.Step{ID: id.Step, Turn: id.Turn, Wait: w})
	out.Node = s.nodeKey(e, id.Step.Node)
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
	children := map[string]int{}
	for _, e := range s.executions {
		if e.head.Parent != nil {
			children[e.head.Parent.Execution]++
		}
	}
	for _, e := range s.executions {
		p := e.head.Parent
		if p == nil || f.Parent != "" && f.Parent != p.Execution || f.Child != "" && f.Child != e.id {
			continue
		}
		rows = append(rows, row[flow.Relation]{place(e.head.CreatedAt, e.id), flow.Relation{
			ParentID: p.Execution, ChildID: e.id, Type: flow.SubWorkflow,
			Node: s.nodeOf(p), CreatedAt: e.head.CreatedAt,
			Mode: p.Mode, Workflow: e.head.Workflow, Status: e.front.Status, Children: children[e.id],
		}})
	}
	return paged(rows, f.Cursor, f.Limit), nil
}

// nodeOf names the node of a parent; empty when the parent is gone.
func (s *Store) nodeOf(p *flow.Parent) string {
	if e := s.executions[p.Execution]; e != nil {
		return s.nodeKey(e, p.Step.Node)
	}
	return ""
}

// Delays lists those that are pending; of one execution, also those that are over.
func (s *Store) Delays(ctx context.Context, f flow.DelayFilter) (flow.Page[flow.DelayView], error) {
	if err := alive(ctx); err != nil {
		return flow.Page[flow.DelayView]{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var rows []row[flow.DelayView]
	for _, e := range s.executions {
		for _, d := range e.delays {
			if f.Execution == "" && d.status != flow.DelayPending || f.Execution != "" && f.Execution != e.id ||
				f.Workflow != "" && f.Workflow != e.head.Workflow || !f.Asks(d.due) {
				continue
			}
			rows = append(rows, row[flow.DelayView]{soonest(d.due, d.id.String()), flow.DelayView{
				ExecutionID: e.id, Workflow: e.head.Workflow, Node: s.nodeKey(e, d.id.Step.Node), RunIndex: d.id.Step.Run,
				ResumeAt: d.due, SuspendedAt: d.since, Status: d.status, CreatedAt: d.since,
			}})
		}
	}
	return paged(rows, f.Cursor, f.Limit), nil
}
