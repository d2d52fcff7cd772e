package inmem

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
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
	lease   time.Time                    // until when its publisher is left alone
	result  *flow.PublishResult          // nil while it is being published
	kept    bool                         // it may be taken once it is published
	used    bool                         // by the taking of the last place of a group
	offered map[flow.SuspensionID]string // waits that have a place, and nobody said what became of them -> their group
	took    map[flow.SuspensionID]string
}

// publishLease is how long a publisher is left alone before another takes over.
const publishLease = 10 * time.Second

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

// RecordEvent keeps an event while it is being published. Unlike a real store it does not wait for another publisher, since
// nobody could move the clock meanwhile: both publish it.
func (s *Store) RecordEvent(ctx context.Context, e flow.Event) (time.Time, *flow.PublishResult, error) {
	if err := alive(ctx); err != nil {
		return time.Time{}, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.events[e.ID] == nil && s.keptOf(e.Type) >= s.keptEvents && cmp.Or(e.TTL, defaultTTL) > 0 {
		return time.Time{}, nil, flow.TooManyEvents(e.Type, s.keptEvents)
	}
	ev := s.record(e)
	return ev.At, clone(ev.result), nil
}

func (s *Store) record(e flow.Event) *event {
	ev := s.events[e.ID]
	if ev == nil {
		ev = &event{Event: clone(e), seq: s.next(), offered: map[flow.SuspensionID]string{}, took: map[flow.SuspensionID]string{}}
		ev.At = s.now()
		s.events[e.ID] = ev
	}
	ev.lease = s.now().Add(publishLease)
	return ev
}

// keptOf counts the events of a type that may be taken.
func (s *Store) keptOf(eventType string) int {
	n := 0
	for _, ev := range s.events {
		if ev.Type == eventType && ev.stands(s.now()) {
			n++
		}
	}
	return n
}

// OverdueEvents takes events whose publisher let its time pass.
func (s *Store) OverdueEvents(ctx context.Context, limit int, lease time.Duration) ([]flow.Event, time.Duration, error) {
	if err := alive(ctx); err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var open []*event
	for _, ev := range s.events {
		if ev.result == nil {
			open = append(open, ev)
		}
	}
	slices.SortFunc(open, func(a, b *event) int { return a.lease.Compare(b.lease) })
	var overdue []flow.Event
	now, next := s.now(), time.Duration(-1)
	for _, ev := range open {
		if ev.lease.After(now) || len(overdue) == limit {
			next = max(0, ev.lease.Sub(now))
			break
		}
		ev.lease = now.Add(millis(lease))
		overdue = append(overdue, clone(ev.Event))
	}
	return overdue, next, nil
}

// OfferEvent gives waits places among those who may take an event.
func (s *Store) OfferEvent(ctx context.Context, e flow.Event, o flow.Offer) (flow.Offered, error) {
	if err := alive(ctx); err != nil {
		return flow.Offered{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ev := s.events[e.ID]
	if ev == nil {
		return flow.Offered{Over: true}, nil
	}
	ev.decide(o)
	if o.Publisher && ev.result != nil || ev.result != nil && !ev.stands(s.now()) {
		return flow.Offered{Over: true}, nil
	}
	if o.Publisher {
		ev.lease = s.now().Add(publishLease)
	}
	return ev.offer(o.To), nil
}

// decide notes what became of those to whom the event was offered.
func (ev *event) decide(o flow.Offer) {
	for _, w := range o.Took {
		group, ok := ev.offered[w]
		delete(ev.offered, w)
		if _, took := ev.took[w]; !ok || took {
			continue
		}
		ev.took[w] = group
		if n := flow.Places(group); group == "" || n > 0 && inGroup(ev.took, group) >= n {
			ev.used = true
		}
	}
	for _, w := range o.Gone {
		delete(ev.offered, w)
	}
}

func inGroup(waits map[flow.SuspensionID]string, group string) int {
	n := 0
	for _, g := range waits {
		if g == group {
			n++
		}
	}
	return n
}

func (ev *event) offer(to []flow.Taker) flow.Offered {
	var a flow.Offered
	others := maps.Clone(ev.offered)
	refused := false
	for _, t := range to {
		_, offered := ev.offered[t.Wait]
		_, took := ev.took[t.Wait]
		switch {
		case offered || took:
			delete(others, t.Wait)
		case !ev.room(t.Group):
			refused = true
			continue
		default:
			ev.offered[t.Wait] = t.Group
		}
		a.To = append(a.To, t.Wait)
	}
	if refused {
		a.Held = slices.SortedFunc(maps.Keys(others), func(a, b flow.SuspensionID) int { return cmp.Compare(a.String(), b.String()) })
		a.Held = a.Held[:min(len(a.Held), 100)]
	}
	return a
}

// room tells whether there is a place for one more of the group.
func (ev *event) room(group string) bool {
	if ev.Limit > 0 && len(ev.offered)+len(ev.took) >= ev.Limit {
		return false
	}
	if group == "" && ev.result != nil && !ev.Keep {
		return inGroup(ev.offered, group) == 0
	}
	n := flow.Places(group)
	return n == 0 || inGroup(ev.offered, group)+inGroup(ev.took, group) < n
}

func (ev *event) spent() bool {
	return ev.used && !ev.Keep || ev.Limit > 0 && len(ev.took) >= ev.Limit
}

// FinishEvent stores what came of an event. When another publisher finished it
// before, result becomes that one's.
func (s *Store) FinishEvent(ctx context.Context, e flow.Event, o flow.Offer, result *flow.PublishResult) (open, took []flow.SuspensionID, err error) {
	if err := alive(ctx); err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ev := s.record(e)
	ev.decide(o)
	if ev.result == nil {
		if len(ev.offered) > 0 {
			return slices.Collect(maps.Keys(ev.offered)), nil, nil
		}
		if len(ev.took) > result.Matched {
			return nil, slices.Collect(maps.Keys(ev.took)), nil
		}
		ev.kept = ev.TTL >= 0 && !ev.spent()
		ev.result = clone(result)
		ev.result.Buffered = ev.kept
	}
	*result = clone(*ev.result)
	return nil, nil, nil
}

// KeptEvents lists what a new wait may take, oldest first.
func (s *Store) KeptEvents(ctx context.Context, sub flow.Subscription, cursor string, limit int) ([]flow.KeptEvent, string, error) {
	if err := alive(ctx); err != nil {
		return nil, "", err
	}
	after, err := parsePlace(cursor)
	if err != nil {
		return nil, "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*event
	for _, ev := range s.events {
		if ev.Type == sub.Type && ev.seq > after && ev.stands(s.now()) && ev.matches(sub) {
			found = append(found, ev)
		}
	}
	slices.SortFunc(found, func(a, b *event) int { return cmp.Compare(a.seq, b.seq) })
	next := ""
	if limit < len(found) {
		found = found[:limit]
		next = strconv.FormatUint(found[limit-1].seq, 10)
	}
	var out []flow.KeptEvent
	for _, ev := range found {
		out = append(out, flow.KeptEvent{Event: clone(ev.Event), Open: ev.result == nil})
	}
	return out, next, nil
}

func (ev *event) matches(sub flow.Subscription) bool {
	data, err := flow.Decode(ev.Data)
	return err == nil && sub.Matches(data)
}

// stands tells whether a wait may still find the event.
func (ev *event) stands(now time.Time) bool {
	ttl := cmp.Or(ev.TTL, defaultTTL) // a negative one is over at once
	return (ev.result == nil || ev.kept && !ev.spent()) && now.Before(ev.At.Add(millis(ttl)))
}
