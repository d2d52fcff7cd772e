package sim

import (
	"context"
	"fmt"
	"time"

	"prana/engine"
	"prana/engine/flow"
)

// watched notes how much a look at what is due found.
type watched struct {
	engine.Store
	sim *Simulation
}

func (w *watched) Due(ctx context.Context, partition, limit int, lease time.Duration) ([]flow.DueEntry, time.Duration, error) {
	due, next, err := w.Store.Due(ctx, partition, limit, lease)
	w.note(len(due))
	if err != nil {
		return nil, 0, fmt.Errorf("looking for what is due: %w", err)
	}
	return due, next, nil
}

func (w *watched) DueSchedules(ctx context.Context, limit int, lease time.Duration) ([]flow.ScheduleState, time.Duration, error) {
	due, next, err := w.Store.DueSchedules(ctx, limit, lease)
	w.note(len(due))
	if err != nil {
		return nil, 0, fmt.Errorf("looking for schedules: %w", err)
	}
	return due, next, nil
}

func (w *watched) OverdueEvents(ctx context.Context, limit int, lease time.Duration) ([]flow.Event, time.Duration, error) {
	overdue, next, err := w.Store.OverdueEvents(ctx, limit, lease)
	w.note(len(overdue))
	if err != nil {
		return nil, 0, fmt.Errorf("looking for events that nobody publishes on: %w", err)
	}
	return overdue, next, nil
}

func (w *watched) note(due int) {
	w.sim.mu.Lock()
	defer w.sim.mu.Unlock()
	w.sim.due = due
}

// found tells whether the last look found something.
func (s *Simulation) found() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.due > 0
}
