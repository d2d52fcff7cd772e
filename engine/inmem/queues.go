package inmem

import (
	"context"
	"maps"
	"slices"

	"prana/engine/flow"
)

// AddQueue makes the name of a queue known.
func (s *Store) AddQueue(ctx context.Context, name string) error {
	if err := alive(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queues) >= flow.MaxQueues && !s.queues[name] {
		return flow.TooManyQueues(name)
	}
	s.queues[name] = true
	return nil
}

// Queues lists the names of queues.
func (s *Store) Queues(ctx context.Context) ([]string, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.queues)), nil
}
