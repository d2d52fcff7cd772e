package suspend

import (
	"context"
	"maps"
	"slices"

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
	all, err := s.executionIndexes(ctx, f, part)
	if err != nil {
		return nil, err
	}
	narrow, err := s.narrowest(ctx, all...)
	if err != nil || !narrow.other {
		return s.merged(narrow.keys, part), err
	}
	rows, err := s.gather(ctx, narrow.keys, f)
	return gathered(rows, part), err
}

// executionIndexes gives the indexes for a filter. The first has the order of the list.
func (s *Store) executionIndexes(ctx context.Context, f flow.ExecutionFilter, part span) (all []index, err error) {
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
		return all, nil
	}
	if f.Status != "" || f.Error == "" && (f.Workflow != "" || len(f.Tags) == 0) { // else another has no more than these
		keys, err := s.executionLists(ctx, tags, f)
		if err != nil {
			return nil, err
		}
		all = append(all, index{keys: keys, part: part})
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
	return all, nil
}

// tagsFor gives the partitions in which the executions are: children live where their parent does.
func (s *Store) tagsFor(f flow.ExecutionFilter) (tags []string) {
	if f.Parent != "" {
		if p, ok := flow.PartitionOf(f.Parent); ok {
			tags = append(tags, tag(p))
		}
		return tags
	}
	return s.tags()
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

// countOf sums over sorted sets of one slot, since there may be thousands.
//
// KEYS the sets; ARGV lowest and highest score, as ZCOUNT takes them
// Returns the number of members.
const countOf = `
local sum = 0
for _, key in ipairs(KEYS) do
  sum = sum + redis.call('ZCOUNT', key, ARGV[1], ARGV[2])
end
return sum`

func (s *Store) counts(ctx context.Context, all []index) ([]int64, error) {
	p := s.redis.Pipeline()
	cmds := make([][]*redis.Cmd, len(all))
	for i, x := range all {
		for _, keys := range bySlot(x.keys) {
			cmds[i] = append(cmds[i], p.Eval(ctx, countOf, keys, x.part.low, x.part.high))
		}
	}
	if err := exec(ctx, p); err != nil {
		return nil, trouble("counting what may be listed", err)
	}
	counts := make([]int64, len(all))
	for i, list := range cmds {
		for _, c := range list {
			n, _ := c.Int64()
			counts[i] += n
		}
	}
	return counts, nil
}

// gather reads an index whole, and gives what it names the places that it has in a list by status or error. What has none there is
// not asked for.
func (s *Store) gather(ctx context.Context, keys []string, f flow.ExecutionFilter) ([]row, error) {
	ids, err := s.namedIn(ctx, keys)
	if err != nil {
		return nil, err
	}
	lists, err := s.placing(ctx, ids, f)
	if err != nil {
		return nil, err
	}
	p := s.redis.Pipeline()
	scores := map[string]*redis.FloatSliceCmd{}
	for list, ids := range lists {
		scores[list] = p.ZMScore(ctx, list, ids...)
	}
	if err := exec(ctx, p); err != nil {
		return nil, trouble("reading an index", err)
	}
	places := map[row]bool{} // what stands in two lists has one place
	for list, ids := range lists {
		for n, at := range scores[list].Val() {
			if at > 0 && f.Within(fromMillis(int64(at))) {
				places[row{at, ids[n]}] = true
			}
		}
	}
	return slices.Collect(maps.Keys(places)), nil
}

// namedIn gives the executions that sorted sets name.
func (s *Store) namedIn(ctx context.Context, keys []string) (ids []string, err error) {
	p := s.redis.Pipeline()
	members := make([]*redis.StringSliceCmd, len(keys))
	for i, key := range keys {
		members[i] = p.ZRange(ctx, key, 0, -1)
	}
	if err := exec(ctx, p); err != nil {
		return nil, trouble("reading an index", err)
	}
	for _, c := range members {
		for _, m := range c.Val() {
			ids = append(ids, row{member: m}.named())
		}
	}
	return ids, nil
}

// placing groups executions by the lists in which they may have their place: those of a word of an error, or of a status.
func (s *Store) placing(ctx context.Context, ids []string, f flow.ExecutionFilter) (map[string][]string, error) {
	lists := map[string][]string{}
	add := func(list, id string) { lists[list] = append(lists[list], id) }
	if f.Status == "" {
		for _, id := range ids {
			add(errorKey(home(id), flow.Words(f.Error)[0]), id)
		}
		return lists, nil
	}
	workflows, err := s.workflowsOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		if f.Workflow == "" {
			add(statusKey(home(id), f.Status), id)
		}
		if w := workflows[i]; w != "" && (f.Workflow == "" || f.Workflow == w) {
			add(workflowStatusKey(home(id), w, f.Status), id)
		}
	}
	return lists, nil
}

// workflowsOf reads of which workflow each execution is; "" of one that is gone, or cannot be read.
func (s *Store) workflowsOf(ctx context.Context, ids []string) ([]string, error) {
	p := s.redis.Pipeline()
	heads := make([]*redis.StringCmd, len(ids))
	for i, id := range ids {
		heads[i] = p.HGet(ctx, executionKey(id), fieldHead)
	}
	if err := exec(ctx, p); err != nil {
		return nil, trouble("reading an index", err)
	}
	all := make([]string, len(ids))
	for i, c := range heads {
		head, err := decodeHead(c.Val())
		if err == nil {
			all[i] = head.Workflow
		}
	}
	return all, nil
}
