package suspend

import (
	"context"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// index is an index by which a list can be read: sorted sets that have all that is asked for.
type index struct {
	keys []string
	part span // that is asked for of it
	// other says that it is in another order than the list, so that it is read whole and sorted.
	other bool
}

// maxSorted is how many rows of an index in another order are read whole.
const maxSorted = 5000

// executionRows reads the executions that a filter may ask for, by the shortest index that has them all. Which one that is may
// change from page to page: the order is that of the list in any case, so that a cursor stays a place in it.
func (s *Store) executionRows(ctx context.Context, f flow.ExecutionFilter, part span) (rowsOf, error) {
	all := s.executionIndexes(f, part)
	narrow, err := s.narrowest(ctx, all...)
	if err != nil || !narrow.other {
		return s.merged(narrow.keys, part), err
	}
	rows, err := s.gather(ctx, narrow.keys, all[0].keys, f)
	return gathered(rows, part), err
}

// executionIndexes gives the indexes for a filter, each with a key for each partition. The first has the order of the list.
func (s *Store) executionIndexes(f flow.ExecutionFilter, part span) (all []index) {
	tags := s.tagsFor(f)
	add := func(ordered bool, key func(tag string) string) {
		x := index{part: part, other: !ordered}
		if x.other {
			x.part = downwards
		}
		for _, t := range tags {
			x.keys = append(x.keys, key(t))
		}
		all = append(all, x)
	}
	byStatus := f.ByStatus()
	if f.Parent != "" && !byStatus { // whose members are others, and so is their order; there are seldom many
		add(true, func(t string) string { return childrenKey(t, f.Parent) })
		return all
	}
	switch {
	case f.Status != "" && f.Workflow != "":
		add(true, func(t string) string { return workflowStatusKey(t, f.Workflow, f.Status) })
	case f.Status != "":
		add(true, func(t string) string { return statusKey(t, f.Status) })
	case f.Error != "":
	case f.Workflow != "":
		add(true, func(t string) string { return workflowKey(t, f.Workflow) })
	default:
		add(true, allKey)
	}
	for _, word := range flow.Words(f.Error) {
		add(true, func(t string) string { return errorKey(t, word) })
	}
	if f.Parent != "" {
		add(false, func(t string) string { return childrenKey(t, f.Parent) })
	}
	for name, value := range f.Tags {
		add(!byStatus, func(t string) string { return tagKey(t, name, value) })
	}
	return all
}

// tagsFor gives the partitions in which the executions are: children live where their parent does.
func (s *Store) tagsFor(f flow.ExecutionFilter) (tags []string) {
	if f.Parent != "" {
		if p, ok := flow.PartitionOf(f.Parent); ok {
			tags = append(tags, tag(p))
		}
		return tags
	}
	for p := range s.partitions {
		tags = append(tags, tag(p))
	}
	return tags
}

// narrowest chooses the index with the fewest rows; of those in another order, only one that may be read whole.
func (s *Store) narrowest(ctx context.Context, all ...index) (index, error) {
	if len(all) == 1 {
		return all[0], nil
	}
	counts, err := s.counts(ctx, all)
	if err != nil {
		return index{}, err
	}
	best := 0
	for i, n := range counts {
		if n < counts[best] && (!all[i].other || n <= maxSorted) {
			best = i
		}
	}
	return all[best], nil
}

func (s *Store) counts(ctx context.Context, all []index) ([]int64, error) {
	p := s.redis.Pipeline()
	cmds := make([][]*redis.IntCmd, len(all))
	for i, x := range all {
		for _, key := range x.keys {
			cmds[i] = append(cmds[i], p.ZCount(ctx, key, x.part.low, x.part.high))
		}
	}
	if err := exec(ctx, p); err != nil {
		return nil, trouble("counting what may be listed", err)
	}
	counts := make([]int64, len(all))
	for i, list := range cmds {
		for _, c := range list {
			counts[i] += c.Val()
		}
	}
	return counts, nil
}

// gather reads an index whole, and gives what it names the places that it has in the lists of another, in whose order it is to
// come. What has none there is not asked for.
func (s *Store) gather(ctx context.Context, keys, order []string, f flow.ExecutionFilter) ([]row, error) {
	p := s.redis.Pipeline()
	members := make([]*redis.StringSliceCmd, len(keys))
	for i, key := range keys {
		members[i] = p.ZRange(ctx, key, 0, -1)
	}
	if err := exec(ctx, p); err != nil {
		return nil, trouble("reading an index", err)
	}
	ids, scores := make([][]string, len(keys)), make([]*redis.FloatSliceCmd, len(keys))
	for i, c := range members {
		for _, m := range c.Val() {
			ids[i] = append(ids[i], row{member: m}.named())
		}
		if len(ids[i]) > 0 {
			scores[i] = p.ZMScore(ctx, order[i], ids[i]...)
		}
	}
	if err := exec(ctx, p); err != nil {
		return nil, trouble("reading an index", err)
	}
	var rows []row
	for i, c := range scores {
		for n, id := range ids[i] {
			if at := c.Val()[n]; at > 0 && f.Within(fromMillis(int64(at))) {
				rows = append(rows, row{at, id})
			}
		}
	}
	return rows, nil
}
