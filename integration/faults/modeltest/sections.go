package modeltest

import (
	"slices"

	"prana/engine/flow"
)

// section is a concurrency key: who is inside, and who waits in which order.
type section struct {
	inside  []string
	waiting []waiter
}

type waiter struct {
	name  string
	limit int
}

func (m *Model) section(key string) *section {
	if m.keys[key] == nil {
		m.keys[key] = &section{}
	}
	return m.keys[key]
}

// Acquire gives a place, or one in the queue, and tells who else got in.
func (m *Model) Acquire(key string, h flow.Holder, limit int) (position int, promoted []string) {
	s, name := m.section(key), h.String()
	if slices.Contains(s.inside, name) {
		return 0, []string{}
	}
	if s.position(name) == 0 {
		s.waiting = append(s.waiting, waiter{name, limit})
	}
	promoted = slices.DeleteFunc(s.promote(), func(p string) bool { return p == name })
	return s.position(name), promoted
}

// Release gives a place up, and tells who got in.
func (m *Model) Release(key string, h flow.Holder) []string {
	s, name := m.section(key), h.String()
	s.inside = slices.DeleteFunc(s.inside, func(n string) bool { return n == name })
	s.waiting = slices.DeleteFunc(s.waiting, func(w waiter) bool { return w.name == name })
	return s.promote()
}

// promote lets the first of the queue in while there is room as it sees it.
func (s *section) promote() []string {
	promoted := []string{}
	for len(s.waiting) > 0 && len(s.inside) < s.waiting[0].limit {
		promoted = append(promoted, s.waiting[0].name)
		s.inside = append(s.inside, s.waiting[0].name)
		s.waiting = s.waiting[1:]
	}
	return promoted
}

// position is the number in the queue, from 1; 0 = not in it.
func (s *section) position(name string) int {
	return 1 + slices.IndexFunc(s.waiting, func(w waiter) bool { return w.name == name })
}
