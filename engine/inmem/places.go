package inmem

import (
	"context"
	"slices"

	"prana/engine/flow"
)

// places is who holds a place of a concurrency key, and who waits for one.
type places struct {
	inside map[flow.Holder]bool
	queue  []waiting
}

type waiting struct {
	flow.Holder
	limit int
}

// Acquire gives a holder a place of a concurrency key, or a place in its queue.
func (s *Store) Acquire(ctx context.Context, key string, h flow.Holder, limit int) (int, []flow.Holder, error) {
	if err := alive(ctx); err != nil {
		return 0, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.places[key]
	if p == nil {
		p = &places{inside: map[flow.Holder]bool{}}
		s.places[key] = p
	}
	if p.inside[h] {
		return 0, nil, nil
	}
	if p.position(h) == 0 {
		p.queue = append(p.queue, waiting{h, limit})
	}
	promoted := slices.DeleteFunc(p.promote(), func(o flow.Holder) bool { return o == h })
	return p.position(h), promoted, nil
}

// position counts from 1; 0 = it does not wait.
func (p *places) position(h flow.Holder) int {
	return 1 + slices.IndexFunc(p.queue, func(w waiting) bool { return w.Holder == h })
}

// promote gives what is free to the first of the queue.
func (p *places) promote() []flow.Holder {
	var promoted []flow.Holder
	for len(p.queue) > 0 && len(p.inside) < p.queue[0].limit {
		h := p.queue[0].Holder
		p.inside[h], p.queue = true, p.queue[1:]
		promoted = append(promoted, h)
	}
	return promoted
}

// Release takes a holder out of a concurrency key.
func (s *Store) Release(ctx context.Context, key string, h flow.Holder) ([]flow.Holder, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.places[key]
	if p == nil {
		return nil, nil
	}
	delete(p.inside, h)
	p.queue = slices.DeleteFunc(p.queue, func(w waiting) bool { return w.Holder == h })
	promoted := p.promote()
	if len(p.inside) == 0 {
		delete(s.places, key)
	}
	return promoted, nil
}

// Holders gives some of those that hold a place, at random.
func (s *Store) Holders(ctx context.Context, key string, n int) ([]flow.Holder, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var some []flow.Holder
	if p := s.places[key]; p != nil {
		for h := range p.inside {
			if len(some) == n {
				break
			}
			some = append(some, h)
		}
	}
	return some, nil
}
