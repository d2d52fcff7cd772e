package inmem

import (
	"cmp"
	"context"
	"slices"
	"time"

	"prana/engine/flow"
)

// schedule is where the schedule of a workflow stands, and when it is looked at next.
type schedule struct {
	state flow.ScheduleState
	due   time.Time
}

// reschedule makes the schedule of a definition that of its workflow.
func (s *Store) reschedule(held *workflow, w *flow.Workflow, version string) {
	next, ok := w.Schedule()
	switch {
	case !ok:
		held.schedule = nil
		return
	case held.schedule == nil || !held.schedule.state.SameTicks(next):
		now := s.now()
		held.schedule = &schedule{state: flow.ScheduleState{Workflow: w.ID, After: now}, due: now}
	}
	held.schedule.state.Version, held.schedule.state.Schedule = version, next
}

// scheduled lists the schedules, the one that is due first in front.
func (s *Store) scheduled() []*schedule {
	var all []*schedule
	for _, w := range s.workflows {
		if w.schedule != nil {
			all = append(all, w.schedule)
		}
	}
	slices.SortFunc(all, func(a, b *schedule) int {
		return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.state.Workflow, b.state.Workflow))
	})
	return all
}

// DueSchedules takes schedules that are to be looked at, and hides them for the lease.
func (s *Store) DueSchedules(ctx context.Context, limit int, lease time.Duration) ([]flow.ScheduleState, time.Duration, error) {
	if err := alive(ctx); err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	var due []flow.ScheduleState
	for _, x := range s.scheduled() {
		if x.due.After(now) || len(due) == limit {
			break
		}
		x.due = now.Add(millis(lease))
		due = append(due, x.seen(now))
	}
	next := time.Duration(-1)
	if left := s.scheduled(); len(left) > 0 {
		next = max(0, left[0].due.Sub(now))
	}
	return due, next, nil
}

func (x *schedule) seen(now time.Time) flow.ScheduleState {
	state := x.state
	state.Now = now
	return state
}

// MoveSchedule moves a schedule from where it was seen.
func (s *Store) MoveSchedule(ctx context.Context, from flow.ScheduleState, to flow.ScheduleMove) (bool, error) {
	if err := alive(ctx); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.workflows[from.Workflow]
	if w == nil || w.schedule == nil || !w.schedule.state.SameTicks(from.Schedule) {
		return false, nil
	}
	x := w.schedule
	if !x.state.After.Equal(from.After) {
		return x.state.After.Equal(to.After), nil
	}
	x.state.After, x.state.Last, x.due = to.After, to.Last, to.Due
	return true, nil
}

// Schedules lists them in the order in which they are looked at.
func (s *Store) Schedules(ctx context.Context, f flow.ScheduleFilter) (flow.Page[flow.ScheduleState], error) {
	if err := alive(ctx); err != nil {
		return flow.Page[flow.ScheduleState]{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var rows []row[flow.ScheduleState]
	for _, x := range s.scheduled() {
		if f.Workflow == "" || f.Workflow == x.state.Workflow {
			rows = append(rows, row[flow.ScheduleState]{soonest(x.due, x.state.Workflow), x.seen(s.now())})
		}
	}
	return paged(rows, f.Cursor, f.Limit), nil
}
