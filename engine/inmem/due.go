package inmem

import (
	"context"
	"errors"
	"slices"
	"time"

	"prana/engine/flow"
)

// line is when an entry of the due index is due.
type line struct {
	at  time.Time // zero = never by time alone
	seq uint64    // orders lines of the same millisecond
}

func (s *Store) line(at time.Time) line { return line{at: at, seq: s.next()} }

func (l line) compare(o line) int {
	if c := l.at.Compare(o.at); c != 0 {
		return c
	}
	return int(l.seq) - int(o.seq)
}

// Due takes what is due and hides it for the lease.
func (s *Store) Due(ctx context.Context, partition, limit int, lease time.Duration) ([]flow.DueEntry, time.Duration, error) {
	if err := alive(ctx); err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	home, now := s.at(partition), s.now()
	var due []flow.DueEntry
	for entry, l := range home.due {
		if !l.at.IsZero() && !l.at.After(now) {
			due = append(due, entry)
		}
	}
	slices.SortFunc(due, func(a, b flow.DueEntry) int { return home.due[a].compare(home.due[b]) })
	due = due[:min(len(due), max(0, limit))]
	for i, entry := range due {
		due[i].At = home.due[entry].at
		home.due[entry] = s.line(now.Add(millis(lease)))
	}
	return due, home.untilNext(now), nil
}

// LoadDue reads what entries of steps are about.
func (s *Store) LoadDue(ctx context.Context, due []flow.DueEntry) ([]flow.Found, error) {
	steps := map[string][]flow.StepID{}
	for _, e := range due {
		steps[e.Execution] = append(steps[e.Execution], e.Step)
	}
	shared := map[string]*flow.Execution{}
	for id, all := range steps {
		x, err := s.Load(ctx, id, flow.Want{Steps: all})
		if err != nil && !errors.Is(err, flow.ErrNotFound) {
			return nil, err
		}
		shared[id] = x
	}
	found := make([]flow.Found, len(due))
	for i, e := range due {
		found[i].Execution = shared[e.Execution]
	}
	return found, nil
}

func (p *partition) untilNext(now time.Time) time.Duration {
	next := time.Duration(-1)
	for _, l := range p.due {
		if l.at.IsZero() {
			continue
		}
		if d := max(0, l.at.Sub(now)); next < 0 || d < next {
			next = d
		}
	}
	return next
}

// Settle gives an entry its next time.
func (s *Store) Settle(ctx context.Context, e flow.DueEntry, d time.Duration, note string) error {
	if err := alive(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	home, _ := s.home(e.Execution)
	x, seen := s.executions[e.Execution], e.Token
	e = named(e)
	if _, ok := home.due[e]; !ok || seen != "" && !x.carries(e.Step, seen) {
		return nil
	}
	if d < 0 {
		home.due[e] = s.line(never)
	} else {
		home.due[e] = s.line(s.now().Add(millis(d)))
	}
	if x != nil && e.Kind == flow.DueStep && note != "" {
		x.claims[e.Step] = claim{by: note, note: true}
	}
	return nil
}

// Forget removes an entry.
func (s *Store) Forget(ctx context.Context, e flow.DueEntry) error {
	if err := alive(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	home, _ := s.home(e.Execution)
	delete(home.due, named(e))
	return nil
}

// named is an entry without what is no part of its name.
func named(e flow.DueEntry) flow.DueEntry {
	e.Token, e.At = "", time.Time{}
	return e
}

// Renew prolongs the claims of running steps.
func (s *Store) Renew(ctx context.Context, claimant string, steps []flow.Dispatch, d time.Duration) ([]flow.Dispatch, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	until := s.now().Add(millis(d))
	var lost []flow.Dispatch
	for _, step := range steps {
		e := s.executions[step.Execution]
		if e == nil || !e.claim(step, claimant) {
			lost = append(lost, clone(step))
			continue
		}
		home, _ := s.home(step.Execution)
		home.due[flow.DueEntry{Execution: e.id, Kind: flow.DueStep, Step: step.Step}] = s.line(until)
	}
	return lost, nil
}

// claim makes the claimant the one who runs the step, unless somebody else is,
// or the step is no longer the one that was dispatched.
func (e *execution) claim(d flow.Dispatch, claimant string) bool {
	held := e.claims[d.Step]
	switch {
	case !e.carries(d.Step, d.Token) || !e.steps[d.Step].Status.Live():
		return false
	case e.front.Status.Terminal():
		return false
	case held.by != "" && held.by != claimant && !held.note:
		return false
	}
	e.claims[d.Step] = claim{by: claimant}
	return true
}

// carries tells whether the step may be run by the dispatch of that token.
func (e *execution) carries(id flow.StepID, token string) bool {
	return e != nil && e.steps[id] != nil && e.steps[id].Token == token
}
