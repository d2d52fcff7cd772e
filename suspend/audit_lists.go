package suspend

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// list walks a sorted set that names executions, and looks at those that may not belong there.
func (a *audit) list(ctx context.Context, key string) error {
	kind, _, _ := strings.Cut(strings.TrimPrefix(key, a.tag), ":")
	owner, thorough := ownerOf(kind)
	if owner == nil {
		return nil
	}
	return a.members(ctx, key, func(members []string) error {
		named := naming{}
		for _, m := range members {
			id := owner(m)
			if _, ok := flow.PartitionOf(id); !ok || home(id) != a.tag {
				f := Finding{"format", "", fmt.Sprintf("%s has the member %q, which is none", key, flow.Cut(m, 80)), "something else writes to this key; remove the member"}
				if err := a.report(f); err != nil {
					return err
				}
				continue
			}
			named.add(id, place{inZSet, key, m})
		}
		if !thorough {
			if err := a.dropExisting(ctx, named); err != nil {
				return err
			}
		}
		return a.examine(ctx, named)
	})
}

// ownerOf tells how members of that kind of list name their execution. Not thorough:
// executions that exist are held against the list from their own side.
func ownerOf(kind string) (owner func(member string) string, thorough bool) {
	first := func(m string) string { id, _, _ := strings.Cut(m, ":"); return id }
	last := func(m string) string { return m[strings.LastIndexByte(m, ':')+1:] }
	switch kind {
	case "due", "sus", "wfsus", "listen", "ev":
		return first, true
	case "all", "st", "wf", "wfst", "tag", "err":
		return func(m string) string { return m }, false
	case "rel":
		return last, false
	case "children":
		return last, true
	}
	return nil, false
}

// members walks a sorted set in pages.
func (a *audit) members(ctx context.Context, key string, page func([]string) error) error {
	for cursor := uint64(0); ; {
		pairs, next, err := a.redis.ZScan(ctx, key, cursor, "", auditPage).Result()
		if err != nil {
			return err
		}
		var members []string
		for i := 0; i < len(pairs); i += 2 {
			members = append(members, pairs[i])
		}
		if err := page(members); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

func (a *audit) dropExisting(ctx context.Context, named naming) error {
	p := a.redis.Pipeline()
	ids := slices.Collect(maps.Keys(named))
	cmds := make([]*redis.IntCmd, len(ids))
	for i, id := range ids {
		cmds[i] = p.Exists(ctx, executionKey(id))
	}
	if err := exec(ctx, p); err != nil {
		return err
	}
	for i, id := range ids {
		if cmds[i].Val() > 0 {
			delete(named, id)
		}
	}
	return nil
}

// shape names a shape of filters of a type of events.
type shape struct{ key, field string }

// shapeLooks is how often a count of waits must be wrong in the same direction before that is told.
const shapeLooks = 12

// countShapes compares how many waits each shape of filter has with how many it is said to have. Waits come and go
// while they are counted: what is said is read before the waits and after them by turns, so that such a difference
// changes its sign or goes, and the smallest that stays is told.
func (a *audit) countShapes(ctx context.Context) error {
	if len(a.shapes) == 0 {
		return nil
	}
	wrong, err := a.shapeErrors(ctx, true)
	for i := 1; i < shapeLooks && len(wrong) > 0 && err == nil; i++ {
		var again map[shape]int
		again, err = a.shapeErrors(ctx, i%2 == 0)
		for s, n := range wrong {
			if m := again[s]; m*n <= 0 {
				delete(wrong, s)
			} else if m*m < n*n {
				wrong[s] = m
			}
		}
	}
	if err != nil {
		return err
	}
	return a.reportShapes(wrong)
}

func (a *audit) reportShapes(wrong map[shape]int) error {
	for _, s := range slices.SortedFunc(maps.Keys(wrong), func(x, y shape) int { return strings.Compare(x.key+x.field, y.key+y.field) }) {
		message := fmt.Sprintf("%s says %d waits more than there are with a filter on (%s)", s.key, wrong[s], strings.ReplaceAll(s.field, "\x00", ", "))
		hint := "harmless: each event of the type is looked up once more than needed; HDEL the field when nobody waits so"
		if wrong[s] < 0 {
			hint = "events of this type may miss waits; HSET the field to the number of waits"
		}
		if err := a.report(Finding{"I7", "", message, hint}); err != nil {
			return err
		}
	}
	return nil
}

// shapeErrors gives said minus counted, where they differ.
func (a *audit) shapeErrors(ctx context.Context, saidFirst bool) (map[shape]int, error) {
	said, counted := map[shape]int{}, map[shape]int{}
	reads := []func() error{
		func() error { return a.shapesSaid(ctx, said) },
		func() error { return a.shapesCounted(ctx, counted) },
	}
	if !saidFirst {
		slices.Reverse(reads)
	}
	for _, read := range reads {
		if err := read(); err != nil {
			return nil, err
		}
	}
	for s, n := range counted {
		if _, known := said[s]; known { // else the execution itself is found to miss it
			said[s] -= n
		}
	}
	maps.DeleteFunc(said, func(_ shape, n int) bool { return n == 0 })
	return said, nil
}

func (a *audit) shapesSaid(ctx context.Context, said map[shape]int) error {
	for _, key := range a.shapes {
		fields, err := a.redis.HGetAll(ctx, key).Result()
		if err != nil {
			return err
		}
		for field, n := range fields {
			said[shape{key, field}], _ = strconv.Atoi(n) // no number says nothing
		}
	}
	return nil
}

// shapesCounted walks all suspensions of the partition.
func (a *audit) shapesCounted(ctx context.Context, counted map[shape]int) error {
	types, err := a.redis.SMembers(ctx, suspendTypesKey(a.tag)).Result()
	if err != nil {
		return err
	}
	workflows, err := a.store.workflowsIn(ctx, []string{a.tag}, "")
	if err != nil {
		return err
	}
	seen := map[string]bool{} // in the lists that older waits stand in, beside that of their workflow
	for _, t := range types {
		err := a.members(ctx, suspendedKey(a.tag, t), func(members []string) error {
			for _, m := range members {
				seen[m] = true
			}
			return a.count(ctx, counted, members)
		})
		if err != nil {
			return err
		}
		for _, w := range workflows[0] {
			err := a.members(ctx, workflowSuspendedKey(a.tag, w, t), func(members []string) error {
				return a.count(ctx, counted, slices.DeleteFunc(members, func(m string) bool { return seen[m] }))
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// count counts the waits among suspensions that listen.
func (a *audit) count(ctx context.Context, counted map[shape]int, members []string) error {
	p := a.redis.Pipeline()
	cmds := map[flow.SuspensionID]*redis.StringCmd{}
	for _, m := range members {
		if id, err := flow.ParseSuspensionID(m); err == nil {
			cmds[id] = p.HGet(ctx, executionKey(id.Execution), stepField(id.Step))
		}
	}
	if err := exec(ctx, p); err != nil {
		return err
	}
	for id, c := range cmds {
		s, err := decodeStep(id.Step, c.Val())
		if err != nil || s.Turn != id.Turn || s.Wait == nil || s.Wait.Event == nil {
			continue
		}
		counted[shape{shapesKey(a.tag, s.Wait.Event.Type), s.Wait.Event.Shape()}]++
	}
	return nil
}
