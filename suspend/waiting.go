package suspend

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// waitList is a list in which waits for an event stand: those of one subscription, in one partition.
type waitList struct {
	key   string
	group string
}

// waitRow is a wait with its place in a list.
type waitRow struct {
	row
	group string
}

// Waiting lists the waits of all partitions that match an event, oldest first. Two round trips ask all partitions,
// whatever their number: one for the shapes of filters that waits of this type have, one for the waits.
func (s *Store) Waiting(ctx context.Context, e flow.Event, without []string, cursor string, limit int) ([]flow.Taker, string, error) {
	after, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	lists, err := s.waitLists(ctx, e, without)
	if err != nil || len(lists) == 0 {
		return nil, "", err
	}
	rows, next, err := s.waitRows(ctx, lists, after, limit)
	if err != nil {
		return nil, "", trouble("matching event "+e.ID, err)
	}
	var waits []flow.Taker
	for _, r := range rows {
		if id, err := flow.ParseSuspensionID(r.member); err == nil {
			waits = append(waits, flow.Taker{Wait: id, Group: r.group})
		}
	}
	return waits, next, nil
}

// waitLists gives the lists in which waits for this event stand: one for each
// shape of filter that waits of its type have, in each partition.
func (s *Store) waitLists(ctx context.Context, e flow.Event, without []string) ([]waitList, error) {
	p := s.redis.Pipeline()
	cmds := make([]*redis.StringSliceCmd, s.partitions)
	for n := range cmds {
		cmds[n] = p.HKeys(ctx, shapesKey(tag(n), e.Type))
	}
	if err := exec(ctx, p); err != nil {
		return nil, trouble("matching event "+e.ID, err)
	}
	data, err := flow.Decode(e.Data)
	if err != nil {
		return nil, flow.Problemf(flow.ErrInvalid.Code, "the data of the event is not JSON: %v", err)
	}
	var lists []waitList
	for n, c := range cmds {
		for _, shape := range c.Val() {
			k, ok := flow.KeyFor(e.Type, shape, data)
			if group := flow.GroupOf(shape, k); ok && !slices.Contains(without, group) {
				lists = append(lists, waitList{waitersKey(tag(n), k), group})
			}
		}
	}
	return lists, nil
}

// waitRows merges the lists by age, after a place, in one round trip. Of many lists little is read of each: what lies beyond
// the end of one that was cut is left for the next page.
func (s *Store) waitRows(ctx context.Context, lists []waitList, after *row, limit int) ([]waitRow, string, error) {
	share := int64(max(limit/len(lists), min(limit, 10)) + 1)
	var m merged
	for offset := int64(0); len(lists) > 0; offset += share { // again for those of which all was given before: it is of the very time of the place
		found, err := s.readLists(ctx, lists, after, offset, share)
		if err != nil {
			return nil, "", err
		}
		var again []waitList
		for i, rows := range found {
			if !m.add(lists[i], rows, after, int64(len(rows)) == share) {
				again = append(again, lists[i])
			}
		}
		lists = again
	}
	rows, next := m.first(limit)
	return rows, next, nil
}

// merged collects what was read of several lists.
type merged struct {
	rows []waitRow
	end  *row // last row of the list that was cut first: beyond it, others may come before what was read
}

// add takes the rows of a list beyond a place. False: there are none, and the list goes on.
func (m *merged) add(l waitList, rows []row, after *row, cut bool) bool {
	rows = slices.DeleteFunc(rows, func(r row) bool { return after != nil && compareRows(r, *after) <= 0 })
	if len(rows) == 0 {
		return !cut
	}
	for _, r := range rows {
		m.rows = append(m.rows, waitRow{r, l.group})
	}
	if last := len(rows) - 1; cut && (m.end == nil || compareRows(rows[last], *m.end) < 0) {
		m.end = &rows[last]
	}
	return true
}

// first gives at most limit rows, none beyond the end, and the cursor behind them.
func (m *merged) first(limit int) ([]waitRow, string) {
	rows := m.rows
	if m.end != nil {
		rows = slices.DeleteFunc(rows, func(r waitRow) bool { return compareRows(r.row, *m.end) > 0 })
	}
	slices.SortFunc(rows, func(a, b waitRow) int { return compareRows(a.row, b.row) })
	if len(rows) <= limit && m.end == nil {
		return rows, ""
	}
	rows = rows[:min(len(rows), limit)]
	return rows, cursorOf(rows[len(rows)-1].row)
}

func (s *Store) readLists(ctx context.Context, lists []waitList, after *row, offset, count int64) ([][]row, error) {
	by := redis.ZRangeBy{Min: "-inf", Max: "+inf", Offset: offset, Count: count}
	if after != nil {
		by.Min = score(after.score)
	}
	p := s.redis.Pipeline()
	cmds := make([]*redis.ZSliceCmd, len(lists))
	for i, l := range lists {
		cmds[i] = p.ZRangeByScoreWithScores(ctx, l.key, &by)
	}
	if err := exec(ctx, p); err != nil {
		return nil, err
	}
	found := make([][]row, len(lists))
	for i, c := range cmds {
		for _, z := range c.Val() {
			found[i] = append(found[i], row{z.Score, z.Member.(string)})
		}
	}
	return found, nil
}
