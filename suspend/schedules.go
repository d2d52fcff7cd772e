package suspend

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// A schedule is a hash with the fields "version", "pattern", "timezone", "misfire", "after" (ms: ticks after it are
// still to be fired) and "last" (ms: the tick fired last). It is made, replaced and removed with the definition.

var scheduleFields = []string{"version", "pattern", "timezone", "misfire", "after", "last"}

// DueSchedules takes schedules that are to be looked at, and hides them for the
// lease. Slots in which nothing is due cost one read.
func (s *Store) DueSchedules(ctx context.Context, limit int, lease time.Duration) ([]flow.ScheduleState, time.Duration, error) {
	const doing = "looking for schedules that are due"
	taken, next, err := s.dueInSlots(ctx, schedulesKey, limit, lease)
	if err != nil {
		return nil, 0, trouble(doing, err)
	}
	workflows := make([]string, len(taken))
	for i, t := range taken {
		workflows[i] = t.member
	}
	return s.schedulesTaken(ctx, workflows, next)
}

// slotted is a member of a list that each rendezvous slot has.
type slotted struct {
	slot   int
	member string
}

// dueInSlots takes what is due in the lists of all slots, and hides it for the lease. next is the time until there is more;
// negative = they are empty.
func (s *Store) dueInSlots(ctx context.Context, key func(tag string) string, limit int, lease time.Duration) (taken []slotted, next time.Duration, err error) {
	slots, next, err := s.dueSlots(ctx, key)
	if err != nil {
		return nil, 0, err
	}
	for _, slot := range slots {
		if len(taken) == limit {
			return taken, 0, nil
		}
		lines, more, err := s.takeDue(ctx, key(slotTag(slot)), limit-len(taken), lease)
		if err != nil {
			return nil, 0, err
		}
		if more >= 0 {
			next = sooner(next, more)
		}
		for _, l := range lines {
			taken = append(taken, slotted{slot, l.member})
		}
	}
	return taken, next, nil
}

// dueSlots tells in which slots something is due, and when there is more in the others.
func (s *Store) dueSlots(ctx context.Context, key func(tag string) string) (due []int, next time.Duration, err error) {
	p := s.redis.Pipeline()
	now := p.Time(ctx)
	heads := make([]*redis.ZSliceCmd, rendezvousSlots)
	for i := range heads {
		heads[i] = p.ZRangeWithScores(ctx, key(slotTag(i)), 0, 0)
	}
	if err := exec(ctx, p); err != nil {
		return nil, 0, err
	}
	next = -1
	for i, head := range heads {
		if len(head.Val()) == 0 {
			continue
		}
		if wait := fromMillis(int64(head.Val()[0].Score)).Sub(now.Val()); wait > 0 {
			next = sooner(next, wait)
		} else {
			due = append(due, i)
		}
	}
	return due, next, nil
}

// sooner gives the smaller of two times; a negative one is never.
func sooner(a, b time.Duration) time.Duration {
	if a < 0 {
		return b
	}
	return min(a, b)
}

func (s *Store) schedulesTaken(ctx context.Context, workflows []string, next time.Duration) ([]flow.ScheduleState, time.Duration, error) {
	read, err := s.readSchedules(ctx, workflows)
	if err != nil {
		return nil, 0, trouble("reading schedules", err)
	}
	var due []flow.ScheduleState
	for _, c := range read {
		if c != nil {
			due = append(due, *c)
		}
	}
	return due, next, nil
}

// readSchedules reads where schedules stand; nil for those that are gone.
func (s *Store) readSchedules(ctx context.Context, workflows []string) ([]*flow.ScheduleState, error) {
	if len(workflows) == 0 {
		return nil, nil
	}
	p := s.redis.Pipeline()
	now := p.Time(ctx)
	cmds := make([]*redis.SliceCmd, len(workflows))
	for i, id := range workflows {
		cmds[i] = p.HMGet(ctx, scheduleKey(id), scheduleFields...)
	}
	if err := exec(ctx, p); err != nil {
		return nil, err
	}
	all := make([]*flow.ScheduleState, len(workflows))
	for i, c := range cmds {
		if all[i] = scheduleState(c.Val()); all[i] != nil {
			all[i].Workflow, all[i].Now = workflows[i], now.Val().UTC()
		}
	}
	return all, nil
}

func scheduleState(values []any) *flow.ScheduleState {
	text := make([]string, len(values))
	for i, v := range values {
		text[i], _ = v.(string)
	}
	after, err := strconv.ParseInt(text[4], 10, 64)
	if err != nil {
		return nil
	}
	c := &flow.ScheduleState{
		Version:  text[0],
		Schedule: flow.Schedule{Pattern: text[1], Timezone: text[2], Misfire: flow.Misfire(text[3])},
		After:    fromMillis(after),
	}
	if last, err := strconv.ParseInt(text[5], 10, 64); err == nil {
		c.Last = fromMillis(last)
	}
	return c
}

// moveScript moves a schedule, if it stands where it was seen.
//
// KEYS[1] the schedule, KEYS[2] the schedules of its slot; ARGV[1] workflow, ARGV[2] pattern, ARGV[3] time zone,
// ARGV[4] after as it was seen, ARGV[5] new after, ARGV[6] new last (empty: none), ARGV[7] when it is looked at next
// Returns 1 if it stands at the new place, 0 if it was moved elsewhere or replaced.
var moveScript = redis.NewScript(`
local at = redis.call('HMGET', KEYS[1], 'pattern', 'timezone', 'after')
if at[1] ~= ARGV[2] or at[2] ~= ARGV[3] then
  return 0
end
if at[3] ~= ARGV[4] then
  return at[3] == ARGV[5] and 1 or 0
end
redis.call('HSET', KEYS[1], 'after', ARGV[5])
if ARGV[6] ~= '' then
  redis.call('HSET', KEYS[1], 'last', ARGV[6])
end
redis.call('ZADD', KEYS[2], ARGV[7], ARGV[1])
return 1`)

// MoveSchedule moves a schedule from where it was seen.
func (s *Store) MoveSchedule(ctx context.Context, from flow.ScheduleState, to flow.ScheduleMove) (bool, error) {
	last := ""
	if !to.Last.IsZero() {
		last = strconv.FormatInt(to.Last.UnixMilli(), 10)
	}
	keys := []string{scheduleKey(from.Workflow), schedulesKey(rendezvous(from.Workflow))}
	n, err := moveScript.Run(ctx, s.redis, keys, from.Workflow, from.Pattern, from.Timezone,
		from.After.UnixMilli(), to.After.UnixMilli(), last, to.Due.UnixMilli()).Int()
	return n == 1, trouble("moving the schedule of workflow "+from.Workflow, err)
}

// Schedules lists them in the order in which they are looked at.
func (s *Store) Schedules(ctx context.Context, f flow.ScheduleFilter) (flow.Page[flow.ScheduleState], error) {
	keys := []string{schedulesKey(rendezvous(f.Workflow))}
	if f.Workflow == "" {
		keys = make([]string, rendezvousSlots)
		for i := range keys {
			keys[i] = schedulesKey(slotTag(i))
		}
	}
	read := func(ctx context.Context, rows []row) ([]*flow.ScheduleState, error) {
		workflows := make([]string, len(rows))
		for i, r := range rows {
			workflows[i] = r.member
		}
		all, err := s.readSchedules(ctx, workflows)
		return all, trouble("reading schedules", err)
	}
	keep := func(c flow.ScheduleState) bool { return f.Workflow == "" || c.Workflow == f.Workflow }
	return listed(ctx, s.merged(keys, upwards), f.Cursor, limitOf(f.Limit), read, keep)
}
