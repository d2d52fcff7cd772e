package suspend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// Purge removes executions that ended long enough ago, each with all its keys.
// One that still has something to tell others stays, and one that cannot be read;
// neither keeps those behind it.
func (s *Store) Purge(ctx context.Context, partition int, age map[flow.Status]time.Duration, limit int) (int, error) {
	now, err := s.redis.Time(ctx).Result()
	if err != nil {
		return 0, trouble("purging", err)
	}
	purged := 0
	var errs []error
	for status, old := range age {
		if !status.Terminal() {
			continue
		}
		keys, err := s.executionLists(ctx, []string{tag(partition)}, flow.ExecutionFilter{Status: status})
		if err != nil {
			return purged, err
		}
		n, err := s.purgeStatus(ctx, keys, status, now.Add(-old), limit-purged)
		purged += n
		errs = append(errs, err)
	}
	return purged, errors.Join(errs...)
}

// purgeStatus walks lists of terminal executions, oldest first, up to an end.
func (s *Store) purgeStatus(ctx context.Context, keys []string, status flow.Status, until time.Time, limit int) (purged int, err error) {
	var errs []error
	part := span{low: upwards.low, high: score(float64(until.UnixMilli()))}
	for cursor := ""; purged < limit; {
		rows, next, err := s.page(ctx, keys, cursor, purgePage, part)
		if err != nil {
			return purged, errors.Join(append(errs, err)...)
		}
		for _, r := range rows {
			if purged >= limit {
				return purged, errors.Join(errs...)
			}
			ok, err := s.purge(ctx, r.member, status, keys)
			if errors.Is(err, flow.ErrUnavailable) {
				return purged, err
			}
			if err != nil {
				errs = append(errs, err)
			}
			if ok {
				purged++
			}
		}
		if cursor = next; next == "" {
			break
		}
	}
	return purged, errors.Join(errs...)
}

// purgePage is how many executions a purge looks at in one go.
const purgePage = 100

// purge removes one execution that stands in one of the lists, unless it lives again or owes something.
func (s *Store) purge(ctx context.Context, id string, status flow.Status, lists []string) (bool, error) {
	if n, err := s.redis.Exists(ctx, outboxKey(id)).Result(); err != nil || n > 0 {
		return false, trouble("purging execution "+id, err)
	}
	x, err := s.Load(ctx, id, flow.Want{})
	if errors.Is(err, flow.ErrNotFound) {
		return false, trouble("purging execution "+id, s.unlist(ctx, lists, id))
	}
	if err != nil || x.Status != status {
		return false, err
	}
	if err := s.knowError(ctx, x); err != nil {
		return false, err
	}
	if x.StartID != "" { // first: a start of this id in between must not find an execution that is about to go
		if err := s.releaseStart(ctx, x); err != nil {
			return false, err
		}
	}
	b := s.script()
	b.guards = 1
	b.checks = []any{b.key(executionKey(id)), x.Rev, "purge", "1", 0, 0}
	b.remove(x)
	_, err = s.run(ctx, home(id), b)
	if errors.Is(err, flow.ErrStale) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("purging execution %s: %w", id, err)
	}
	return true, nil
}

// unlist takes a member that leads nowhere out of lists.
func (s *Store) unlist(ctx context.Context, lists []string, member string) error {
	p := s.redis.Pipeline()
	for _, list := range lists {
		p.ZRem(ctx, list, member)
	}
	return exec(ctx, p)
}

// knowError reads by which error an execution is listed: one that came out of quarantine by itself completed with one. Should it be another one by now, the purge is refused.
func (s *Store) knowError(ctx context.Context, x *flow.Execution) error {
	raw, err := s.redis.HGet(ctx, executionKey(x.ID), fieldProblem).Result()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(raw), &x.Error)
	}
	return trouble("purging execution "+x.ID, err)
}

// remove takes an execution out of every list, and its keys away.
func (b *script) remove(x *flow.Execution) {
	t := home(x.ID)
	for _, list := range append(bornLists(firstFormat, t, x.Workflow), statusLists(firstFormat, t, x.Workflow, x.Status)...) {
		b.op("-", list, x.ID)
	}
	for _, list := range slices.Concat(tagLists(t, x.Tags), errorLists(t, x.Error)) {
		b.op("-", list, x.ID)
	}
	b.op("-", dueKey(t), x.ID+":"+deadlineEntry)
	b.op("-", dueKey(t), x.ID+":"+outboxEntry)
	if p := x.Parent; p != nil {
		for _, list := range relationLists(t, p.Execution) {
			b.op("-", list, relation(p.Execution, p.Step, x.ID))
		}
	}
	b.op("u", executionKey(x.ID))
	b.op("u", stateKey(x.ID))
}

// forgetStartScript forgets a start id, if the execution holds it.
//
// KEYS[1] the start id; ARGV[1] the execution.
var forgetStartScript = redis.NewScript(`
local held = redis.call('GET', KEYS[1])
if held and string.sub(held, 1, #ARGV[1] + 1) == ARGV[1] .. '|' then
  return redis.call('DEL', KEYS[1])
end
return 0`)

func (s *Store) releaseStart(ctx context.Context, x *flow.Execution) error {
	err := forgetStartScript.Run(ctx, s.redis, []string{startKey(x.Workflow, x.StartID)}, x.ID).Err()
	if err != nil {
		return fmt.Errorf("releasing the start id of execution %s: %w", x.ID, trouble("purging", err))
	}
	return nil
}
