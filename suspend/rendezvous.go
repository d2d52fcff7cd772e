package suspend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// ReserveStart binds a start id to an execution, once, for as long as the
// execution is remembered.
func (s *Store) ReserveStart(ctx context.Context, workflow, startID, execution, digest string) (string, error) {
	key := startKey(workflow, startID)
	won, err := s.redis.SetNX(ctx, key, execution+"|"+digest, 0).Result()
	if err != nil {
		return "", trouble("reserving a start id", err)
	}
	if won {
		return execution, nil
	}
	held, err := s.redis.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) { // purged in between: try once more
		return s.ReserveStart(ctx, workflow, startID, execution, digest)
	}
	if err != nil {
		return "", trouble("reserving a start id", err)
	}
	holder, was, _ := strings.Cut(held, "|")
	if was != digest {
		return "", flow.Problemf(flow.ErrMismatch.Code, "start id %q of workflow %s was used with another body; use another id", flow.Cut(startID, 100), workflow)
	}
	return holder, nil
}

// Times of events.
const (
	// rememberEvent is how long the id of an event counts once, at least.
	rememberEvent = 24 * time.Hour
	// publishLease is how long a publisher is left alone before another takes over.
	publishLease = 10 * time.Second
	publishPause = 10 * time.Millisecond
	// keptAtOnce is how many kept events are read in one go.
	keptAtOnce = 100
	defaultTTL = time.Hour
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
	keys := []string{eventKey(e.Type, e.ID), keptKey(e.Type), keptUntilKey(e.Type)}
	answer, err := eventRecordScript.Run(ctx, s.redis, keys, e.ID, []byte(raw), ttl.Milliseconds(), remember, publishLease.Milliseconds()).StringSlice()
	if err != nil {
		return nil, false, trouble("storing event "+e.ID, err)
	}
	switch answer[0] {
	case "busy":
		return nil, true, nil
	case "known":
		var r flow.PublishResult
		if err := json.Unmarshal([]byte(answer[1]), &r); err != nil {
			return nil, false, fmt.Errorf("reading what came of event %s: %w", e.ID, err)
		}
		return &r, false, nil
	}
	return nil, false, nil
}

// FinishEvent stores what came of an event. When another publisher finished it
// before, result becomes that one's. Waits that took it by themselves come back instead.
func (s *Store) FinishEvent(ctx context.Context, e flow.Event, result *flow.PublishResult) ([]flow.SuspensionID, error) {
	dropped, kept := *result, *result
	dropped.Buffered, kept.Buffered = false, true
	rawDropped, err := flow.Encode(dropped)
	if err != nil {
		return nil, fmt.Errorf("finishing event %s: %w", e.ID, err)
	}
	rawKept, err := flow.Encode(kept)
	if err != nil {
		return nil, fmt.Errorf("finishing event %s: %w", e.ID, err)
	}
	keys := []string{eventKey(e.Type, e.ID), keptKey(e.Type)}
	answer, err := eventFinishScript.Run(ctx, s.redis, keys, e.ID, []byte(rawDropped), []byte(rawKept), flag(e.Keep), flag(result.Matched == 0)).StringSlice()
	if err != nil {
		return nil, trouble("finishing event "+e.ID, err)
	}
	if answer[0] == "takers" {
		return suspensions(answer[1:]), nil
	}
	*result = flow.PublishResult{}
	return nil, json.Unmarshal([]byte(answer[1]), result)
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

// Waiting lists the waits of a partition that match an event, oldest first.
func (s *Store) Waiting(ctx context.Context, partition int, e flow.Event, cursor string, limit int) ([]flow.SuspensionID, string, error) {
	keys, err := s.waiterKeys(ctx, tag(partition), e)
	if err != nil {
		return nil, "", err
	}
	return s.waitersFrom(ctx, keys, cursor, limit)
}

// waiterKeys gives the lists in which waits for this event stand: one for each
// shape of filter that waits of its type have.
func (s *Store) waiterKeys(ctx context.Context, tag string, e flow.Event) ([]string, error) {
	shapes, err := s.redis.HKeys(ctx, shapesKey(tag, e.Type)).Result()
	if err != nil {
		return nil, trouble("matching event "+e.ID, err)
	}
	if len(shapes) == 0 {
		return nil, nil
	}
	data, err := flow.Decode(e.Data)
	if err != nil {
		return nil, flow.Problemf(flow.ErrInvalid.Code, "the data of the event is not JSON: %v", err)
	}
	var keys []string
	for _, shape := range shapes {
		if k, ok := flow.KeyFor(e.Type, shape, data); ok {
			keys = append(keys, waitersKey(tag, k))
		}
	}
	return keys, nil
}

// waitersFrom reads one page of the lists, merged by age.
func (s *Store) waitersFrom(ctx context.Context, keys []string, cursor string, limit int) ([]flow.SuspensionID, string, error) {
	rows, next, err := s.page(ctx, keys, cursor, limit, upwards)
	if err != nil {
		return nil, "", err
	}
	members := make([]string, len(rows))
	for i, r := range rows {
		members[i] = r.member
	}
	return suspensions(members), next, nil
}

// KeptEvents lists the events that a wait may take, oldest first.
func (s *Store) KeptEvents(ctx context.Context, sub flow.Subscription, limit int) ([]flow.KeptEvent, error) {
	var kept []flow.KeptEvent
	cursor := ""
	for len(kept) < limit {
		rows, next, err := s.page(ctx, []string{keptKey(sub.Type)}, cursor, keptAtOnce, upwards)
		if err != nil {
			return nil, err
		}
		page, err := s.keptPage(ctx, sub, rows)
		if err != nil {
			return nil, err
		}
		kept = append(kept, page...)
		if cursor = next; next == "" {
			break
		}
	}
	return kept[:min(limit, len(kept))], nil
}

// keptPage reads events of a type, drops those whose time is over, and gives those that match.
func (s *Store) keptPage(ctx context.Context, sub flow.Subscription, rows []row) ([]flow.KeptEvent, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	p := s.redis.Pipeline()
	now := p.Time(ctx)
	cmds := make([]*redis.SliceCmd, len(rows))
	for i, r := range rows {
		cmds[i] = p.HMGet(ctx, eventKey(sub.Type, r.member), "event", "at", "until", "taker", "result")
	}
	if _, err := p.Exec(ctx); err != nil {
		return nil, trouble("reading kept events", err)
	}
	var kept []flow.KeptEvent
	for i, c := range cmds {
		k, until, err := keptEvent(c.Val())
		if err != nil || until <= now.Val().UnixMilli() {
			if err := s.redis.ZRem(ctx, keptKey(sub.Type), rows[i].member).Err(); err != nil {
				return nil, trouble("dropping an expired event", err)
			}
			continue
		}
		if data, err := flow.Decode(k.Data); err == nil && sub.Matches(data) {
			kept = append(kept, k)
		}
	}
	return kept, nil
}

func keptEvent(values []any) (k flow.KeptEvent, until int64, err error) {
	text := make([]string, len(values))
	for i, v := range values {
		text[i], _ = v.(string)
	}
	var st storedEvent
	if err := json.Unmarshal([]byte(text[0]), &st); err != nil {
		return k, 0, err
	}
	at, _ := strconv.ParseInt(text[1], 10, 64)
	until, err = strconv.ParseInt(text[2], 10, 64)
	k = flow.KeptEvent{Taker: text[3], Open: text[4] == "", Event: flow.Event{
		ID: st.ID, Type: st.Type, Data: st.Data, TTL: time.Duration(st.TTL) * time.Millisecond,
		Keep: st.Keep, Limit: st.Limit, Trace: st.Trace, At: fromMillis(at),
	}}
	return k, until, err
}

// TakeEvent makes a wait the taker of an event.
func (s *Store) TakeEvent(ctx context.Context, k flow.KeptEvent, wait flow.SuspensionID, from string) (bool, error) {
	keys := []string{eventKey(k.Type, k.ID), keptKey(k.Type)}
	n, err := eventTakeScript.Run(ctx, s.redis, keys, k.ID, wait.String(), from, flag(k.Open)).Int()
	return n == 1, trouble("taking event "+k.ID, err)
}

// DropEvent ends the keeping of an event.
func (s *Store) DropEvent(ctx context.Context, k flow.KeptEvent) error {
	return trouble("dropping event "+k.ID, s.redis.ZRem(ctx, keptKey(k.Type), k.ID).Err())
}
