package inmem

import (
	"cmp"
	"context"
	"slices"
	"time"

	"prana/engine/flow"
)

// defaultTTL is how long an event is kept that does not say.
const defaultTTL = time.Hour

// event is everything known of one event id. It is remembered for ever, so that
// the id counts once.
type event struct {
	flow.Event
	seq     uint64
	result  *flow.PublishResult // nil while it is being published
	kept    bool
	dropped bool // taken for good
	taker   string
	takers  []flow.SuspensionID // that took it by themselves, and are not counted yet
}

type startKey struct{ workflow, id string }

type start struct{ execution, digest string }

// ReserveStart binds a start id to an execution id, once.
func (s *Store) ReserveStart(ctx context.Context, workflow, startID, execution, digest string) (string, error) {
	if err := alive(ctx); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := startKey{workflow, startID}
	held, ok := s.starts[key]
	if !ok {
		held = start{execution, digest}
		s.starts[key] = held
	}
	if held.digest != digest {
		return "", flow.Problemf(flow.ErrMismatch.Code, "start id %q of workflow %q was used with another body", startID, workflow)
	}
	return held.execution, nil
}

// RecordEvent keeps an event while it is being published.
func (s *Store) RecordEvent(ctx context.Context, e flow.Event) (*flow.PublishResult, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return clone(s.record(e).result), nil
}

func (s *Store) record(e flow.Event) *event {
	ev := s.events[e.ID]
	if ev == nil {
		ev = &event{Event: clone(e), seq: s.next()}
		ev.At = s.now()
		s.events[e.ID] = ev
	}
	return ev
}

// FinishEvent stores what came of an event. When another publisher finished it
// before, result becomes that one's. Waits that took it by themselves come back instead.
func (s *Store) FinishEvent(ctx context.Context, e flow.Event, result *flow.PublishResult) ([]flow.SuspensionID, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ev := s.record(e)
	if takers := ev.takers; ev.result == nil && len(takers) > 0 {
		ev.takers = nil
		return takers, nil
	}
	if ev.result == nil {
		free := result.Matched == 0
		ev.kept = ev.TTL >= 0 && !ev.dropped && (free || ev.Keep)
		ev.result = clone(result)
		ev.result.Buffered = ev.kept
	}
	*result = clone(*ev.result)
	return nil, nil
}

// KeptEvents lists what a new wait may take, oldest first.
func (s *Store) KeptEvents(ctx context.Context, sub flow.Subscription, limit int) ([]flow.KeptEvent, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*event
	for _, ev := range s.events {
		if ev.Type == sub.Type && ev.offered(s.now()) && ev.matches(sub) {
			found = append(found, ev)
		}
	}
	slices.SortFunc(found, func(a, b *event) int { return int(a.seq) - int(b.seq) })
	var out []flow.KeptEvent
	for _, ev := range found[:min(len(found), max(0, limit))] {
		out = append(out, flow.KeptEvent{Event: clone(ev.Event), Taker: ev.taker, Open: ev.result == nil})
	}
	return out, nil
}

func (ev *event) matches(sub flow.Subscription) bool {
	data, err := flow.Decode(ev.Data)
	return err == nil && sub.Matches(data)
}

// offered tells whether a wait may still take the event.
func (ev *event) offered(now time.Time) bool {
	ttl := cmp.Or(ev.TTL, defaultTTL) // a negative one is over at once
	return (ev.result == nil || ev.kept) && !ev.dropped && now.Before(ev.At.Add(millis(ttl)))
}

// TakeEvent makes the wait the taker of an event, be it kept or still being published.
func (s *Store) TakeEvent(ctx context.Context, e flow.KeptEvent, wait flow.SuspensionID, from string) (bool, error) {
	if err := alive(ctx); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ev := s.events[e.ID]
	if ev == nil || !ev.offered(s.now()) {
		return false, nil
	}
	if e.Open && ev.result == nil && !slices.Contains(ev.takers, wait) {
		ev.takers = append(ev.takers, wait)
	}
	if ev.taker == wait.String() {
		return true, nil
	}
	if ev.taker == from {
		ev.taker = wait.String()
		return true, nil
	}
	return false, nil
}

// DropEvent ends the keeping of an event that was taken.
func (s *Store) DropEvent(ctx context.Context, e flow.KeptEvent) error {
	if err := alive(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ev := s.events[e.ID]; ev != nil {
		ev.dropped = true
	}
	return nil
}
