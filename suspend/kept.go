package suspend

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// maxMarks bounds how many shapes of filters are remembered of a type, and how far its kept events stand in their lists.
const maxMarks = 64

// keptRow is a kept event with its place among those of its type: the order in which they came.
type keptRow struct{ id, at string }

// KeptEvents lists the events that a wait may take, oldest first. Events are read once for each shape of filter that waits
// have, and stand in a list of their own for each filter then: a look costs what came since the last one, and what matches.
func (s *Store) KeptEvents(ctx context.Context, sub flow.Subscription, cursor string, limit int) ([]flow.KeptEvent, string, error) {
	after := "-inf"
	if cursor != "" {
		if _, err := strconv.ParseInt(cursor, 10, 64); err != nil {
			return nil, "", flow.Problemf(flow.ErrInvalid.Code, "%q is not a cursor of this list", flow.Cut(cursor, 40))
		}
		after = cursor
	}
	list := keptKey(sub.Type)
	if len(sub.Filter) > 0 {
		list = keptByKey(sub.Type, sub.FilterKey())
	}
	for {
		answer, err := eventKeptScript.Run(ctx, s.redis, []string{keptKey(sub.Type), keptMarksKey(sub.Type), list}, sub.FilterShape(), after, limit+1).StringSlice()
		if err != nil {
			return nil, "", trouble("looking for kept events", err)
		}
		found := keptRows(answer[2:])
		if answer[0] == "new" {
			if err := s.indexKept(ctx, sub, answer[1], found); err != nil {
				return nil, "", err
			}
			continue
		}
		next := ""
		if len(found) > limit {
			found = found[:limit]
			next = found[limit-1].at
		}
		kept, err := s.readKept(ctx, sub.Type, list, found)
		return kept, next, err
	}
}

func keptRows(texts []string) []keptRow {
	all := make([]keptRow, len(texts)/2)
	for i := range all {
		all[i] = keptRow{texts[2*i], texts[2*i+1]}
	}
	return all
}

// indexKept enters events into the lists of the filters of that shape that they satisfy; they are all those after the mark.
func (s *Store) indexKept(ctx context.Context, sub flow.Subscription, mark string, found []keptRow) error {
	events, err := s.readKept(ctx, sub.Type, keptKey(sub.Type), found)
	if err != nil {
		return err
	}
	at := map[string]string{}
	for _, p := range found {
		at[p.id] = p.at
	}
	keys := []string{keptKey(sub.Type), keptMarksKey(sub.Type)}
	args := []any{sub.FilterShape(), found[len(found)-1].at, mark, maxMarks}
	for _, k := range events {
		data, err := flow.Decode(k.Data)
		if err != nil {
			continue // no filter can say anything of it
		}
		if key, ok := flow.KeyFor(sub.Type, sub.FilterShape(), data); ok {
			keys = append(keys, keptByKey(sub.Type, key))
			args = append(args, len(keys), k.ID, at[k.ID])
		}
	}
	return trouble("entering kept events into their lists", eventIndexScript.Run(ctx, s.redis, keys, args...).Err())
}

// readKept reads events of a list, and takes those out of it that nobody may take any more.
func (s *Store) readKept(ctx context.Context, eventType, list string, found []keptRow) ([]flow.KeptEvent, error) {
	if len(found) == 0 {
		return nil, nil
	}
	p := s.redis.Pipeline()
	now := p.Time(ctx)
	cmds, stands := make([]*redis.SliceCmd, len(found)), make([]*redis.FloatCmd, len(found))
	for i, f := range found {
		cmds[i] = p.HMGet(ctx, eventKey(eventType, f.id), "event", "at", "until", "result")
		stands[i] = p.ZScore(ctx, keptKey(eventType), f.id)
	}
	if err := exec(ctx, p); err != nil {
		return nil, trouble("reading kept events", err)
	}
	var kept []flow.KeptEvent
	gone := s.redis.Pipeline()
	for i, c := range cmds {
		k, until, err := keptEvent(c.Val())
		over := err != nil || until <= now.Val().UnixMilli()
		if over {
			gone.ZRem(ctx, keptKey(eventType), found[i].id)
		}
		if over || stands[i].Err() != nil {
			gone.ZRem(ctx, list, found[i].id)
			continue
		}
		kept = append(kept, k)
	}
	return kept, trouble("dropping events that are over", exec(ctx, gone))
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
	if until, err = strconv.ParseInt(text[2], 10, 64); err != nil {
		return k, 0, fmt.Errorf("event %s has no end: %w", st.ID, err)
	}
	return flow.KeptEvent{Event: st.event(text[1]), Open: text[3] == ""}, until, nil
}
