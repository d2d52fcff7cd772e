package suspend

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"prana/engine/flow"
)

// Times of events.
const (
	// rememberEvent is how long the id of an event counts once, at least.
	rememberEvent = 24 * time.Hour
	// publishLease is how long a publisher is left alone before another takes over.
	publishLease = 10 * time.Second
	publishPause = 10 * time.Millisecond
	defaultTTL   = time.Hour
)

type storedEvent struct {
	ID    string            `json:"i"`
	Type  string            `json:"t"`
	Data  json.RawMessage   `json:"d,omitempty"`
	TTL   int64             `json:"l,omitempty"` // ms
	Keep  bool              `json:"k,omitempty"`
	Limit int               `json:"n,omitempty"`
	Trace map[string]string `json:"c,omitempty"`
}

func (st storedEvent) event(at string) flow.Event {
	ms, _ := strconv.ParseInt(at, 10, 64)
	return flow.Event{
		ID: st.ID, Type: st.Type, Data: st.Data, TTL: time.Duration(st.TTL) * time.Millisecond,
		Keep: st.Keep, Limit: st.Limit, Trace: st.Trace, At: fromMillis(ms),
	}
}

// RecordEvent keeps an event while it is published. While another publishes the
// same id, it waits for what comes of that.
func (s *Store) RecordEvent(ctx context.Context, e flow.Event) (*flow.PublishResult, error) {
	for {
		known, busy, err := s.recordEvent(ctx, e)
		if err != nil || !busy {
			return known, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for another publisher of event %s: %w", e.ID, ctx.Err())
		case <-time.After(publishPause):
		}
	}
}

func (s *Store) recordEvent(ctx context.Context, e flow.Event) (*flow.PublishResult, bool, error) {
	ttl := e.TTL
	if ttl == 0 {
		ttl = defaultTTL
	}
	raw, err := flow.Encode(storedEvent{ID: e.ID, Type: e.Type, Data: e.Data, TTL: ttl.Milliseconds(), Keep: e.Keep, Limit: e.Limit, Trace: e.Trace})
	if err != nil {
		return nil, false, fmt.Errorf("storing event %s: %w", e.ID, err)
	}
	remember := max(rememberEvent, ttl+time.Hour).Milliseconds()
	keys := []string{eventKey(e.Type, e.ID), keptKey(e.Type), keptUntilKey(e.Type), publishingKey(rendezvous(e.Type)), keptMarksKey(e.Type)}
	answer, err := eventRecordScript.Run(ctx, s.redis, keys, e.ID, eventName(e.Type, e.ID), []byte(raw), ttl.Milliseconds(), remember,
		publishLease.Milliseconds(), s.keptEvents).StringSlice()
	if err != nil {
		return nil, false, trouble("storing event "+e.ID, err)
	}
	switch answer[0] {
	case "busy":
		return nil, true, nil
	case "full":
		return nil, false, flow.TooManyEvents(e.Type, s.keptEvents)
	case "known":
		var r flow.PublishResult
		if err := json.Unmarshal([]byte(answer[1]), &r); err != nil {
			return nil, false, fmt.Errorf("reading what came of event %s: %w", e.ID, err)
		}
		return &r, false, nil
	}
	return nil, false, nil
}

// OfferEvent gives waits places among those who may take an event.
func (s *Store) OfferEvent(ctx context.Context, e flow.Event, o flow.Offer) (flow.Offered, error) {
	lease := ""
	if o.Publisher {
		lease = strconv.FormatInt(publishLease.Milliseconds(), 10)
	}
	args := append(offerArgs(e, o), lease)
	for _, t := range o.To {
		args = append(args, t.Wait.String(), t.Group)
	}
	answer, err := eventOfferScript.Run(ctx, s.redis, offerKeys(e), args...).StringSlice()
	if err != nil {
		return flow.Offered{}, trouble("offering event "+e.ID, err)
	}
	switch {
	case answer[0] == "gone" && o.Publisher:
		return flow.Offered{}, forgotten(e)
	case answer[0] == "gone", answer[0] == "over":
		return flow.Offered{Over: true}, nil
	}
	n, err := strconv.Atoi(answer[1])
	if err != nil {
		return flow.Offered{}, fmt.Errorf("offering event %s: the script answered %v", e.ID, answer)
	}
	return flow.Offered{To: suspensions(answer[2 : 2+n]), Held: suspensions(answer[2+n:])}, nil
}

func offerKeys(e flow.Event) []string {
	return []string{eventKey(e.Type, e.ID), keptKey(e.Type), publishingKey(rendezvous(e.Type)), offeredKey(e.Type, e.ID), tookKey(e.Type, e.ID)}
}

// offerArgs are the arguments that event.lua reads.
func offerArgs(e flow.Event, o flow.Offer) []any {
	args := []any{e.ID, eventName(e.Type, e.ID), flag(e.Keep), e.Limit}
	for _, waits := range [][]flow.SuspensionID{o.Took, o.Gone} {
		args = append(args, len(waits))
		for _, w := range waits {
			args = append(args, w.String())
		}
	}
	return args
}

// FinishEvent stores what came of an event. When another publisher finished it
// before, result becomes that one's.
func (s *Store) FinishEvent(ctx context.Context, e flow.Event, o flow.Offer, result *flow.PublishResult) (open, took []flow.SuspensionID, err error) {
	dropped, kept := *result, *result
	dropped.Buffered, kept.Buffered = false, true
	rawDropped, err := flow.Encode(dropped)
	if err != nil {
		return nil, nil, fmt.Errorf("finishing event %s: %w", e.ID, err)
	}
	rawKept, err := flow.Encode(kept)
	if err != nil {
		return nil, nil, fmt.Errorf("finishing event %s: %w", e.ID, err)
	}
	args := append(offerArgs(e, o), result.Matched, []byte(rawDropped), []byte(rawKept))
	answer, err := eventFinishScript.Run(ctx, s.redis, offerKeys(e), args...).StringSlice()
	if err != nil {
		return nil, nil, trouble("finishing event "+e.ID, err)
	}
	switch answer[0] {
	case "gone":
		return nil, nil, forgotten(e)
	case "open":
		return suspensions(answer[1:]), nil, nil
	case "took":
		took, err := s.took(ctx, e)
		return nil, took, err
	}
	*result = flow.PublishResult{}
	return nil, nil, json.Unmarshal([]byte(answer[1]), result)
}

// forgotten says that Redis lost an event with its last writes, while it was published: whoever sends it sends it again.
func forgotten(e flow.Event) error {
	return flow.Problemf(flow.ErrUnavailable.Code, "Redis lost event %s while it was published; publish it again, with the same id", flow.Cut(e.ID, 100))
}

// took lists the waits that took an event which is being published.
func (s *Store) took(ctx context.Context, e flow.Event) ([]flow.SuspensionID, error) {
	var all []string
	it := s.redis.SScan(ctx, tookKey(e.Type, e.ID), 0, "", 1000).Iterator()
	for it.Next(ctx) {
		all = append(all, it.Val())
	}
	slices.Sort(all)
	return suspensions(slices.Compact(all)), trouble("counting who took event "+e.ID, it.Err())
}

// OverdueEvents takes events whose publisher let its time pass.
func (s *Store) OverdueEvents(ctx context.Context, limit int, lease time.Duration) ([]flow.Event, time.Duration, error) {
	const doing = "looking for events that nobody publishes on"
	taken, next, err := s.dueInSlots(ctx, publishingKey, limit, lease)
	if err != nil {
		return nil, 0, trouble(doing, err)
	}
	var overdue []flow.Event
	for _, t := range taken {
		tag := slotTag(t.slot)
		values, err := s.redis.HMGet(ctx, tag+"e:"+t.member, "event", "at").Result()
		if err != nil {
			return nil, 0, trouble(doing, err)
		}
		raw, _ := values[0].(string)
		at, _ := values[1].(string)
		var st storedEvent
		if json.Unmarshal([]byte(raw), &st) != nil { // its time to be remembered is over
			if err := s.redis.ZRem(ctx, publishingKey(tag), t.member).Err(); err != nil {
				return nil, 0, trouble(doing, err)
			}
			continue
		}
		overdue = append(overdue, st.event(at))
	}
	return overdue, next, nil
}

// suspensions reads ids; one that cannot be read must not stop the others.
func suspensions(texts []string) []flow.SuspensionID {
	var ids []flow.SuspensionID
	for _, t := range texts {
		if id, err := flow.ParseSuspensionID(t); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
