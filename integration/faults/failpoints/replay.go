package failpoints

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// staleHints brings every task once more that there was, and those that are left, and tells what that changed: nothing may.
func (s *Stage) staleHints() []string {
	before := s.dump()
	for _, d := range append(s.done, s.left()...) {
		if err := s.process.engine.RunStep(s.ctx, d); err != nil {
			return []string{fmt.Sprintf("a task that comes late: %v", err)}
		}
	}
	s.process.engine.Wait()
	var all []string
	for key, value := range s.dump() {
		if before[key] != value {
			all = append(all, "key "+key+" was changed by a task that came late")
		}
	}
	return all
}

// left lists the tasks that nobody took: alarms, and those of processes that died.
func (s *Stage) left() []flow.Dispatch {
	var all []flow.Dispatch
	for _, q := range queues {
		for _, key := range s.raw.Keys(s.ctx, q+"t:*").Val() {
			msg, err := s.raw.HGet(s.ctx, key, "msg").Bytes()
			s.must(err)
			all = append(all, s.read(msg))
		}
	}
	return all
}

// dump gives all that is stored beside asynq's keys.
func (s *Stage) dump() map[string]string {
	keys := slices.DeleteFunc(s.raw.Keys(s.ctx, "*").Val(), func(k string) bool { return strings.HasPrefix(k, "asynq:") })
	kinds := map[string]*redis.StatusCmd{}
	_, err := s.raw.Pipelined(s.ctx, func(p redis.Pipeliner) error {
		for _, key := range keys {
			kinds[key] = p.Type(s.ctx, key)
		}
		return nil
	})
	s.must(err)
	values := map[string]redis.Cmder{}
	_, err = s.raw.Pipelined(s.ctx, func(p redis.Pipeliner) error {
		for key, kind := range kinds {
			values[key] = s.everything(p, key, kind.Val())
		}
		return nil
	})
	s.must(err)
	all := map[string]string{}
	for key, v := range values {
		all[key] = content(v)
	}
	return all
}

// everything asks for all that a key of a kind holds.
func (s *Stage) everything(p redis.Pipeliner, key, kind string) redis.Cmder {
	switch kind {
	case "hash":
		return p.HGetAll(s.ctx, key)
	case "zset":
		return p.ZRangeWithScores(s.ctx, key, 0, -1)
	case "set":
		return p.SMembers(s.ctx, key)
	case "list":
		return p.LRange(s.ctx, key, 0, -1)
	case "stream":
		return p.XRange(s.ctx, key, "-", "+")
	}
	return p.Get(s.ctx, key)
}

// content writes what a key holds, in an order that says nothing.
func content(c redis.Cmder) string {
	switch c := c.(type) {
	case *redis.MapStringStringCmd:
		return fmt.Sprint(c.Val()) // by name
	case *redis.StringSliceCmd:
		all := c.Val()
		slices.Sort(all)
		return fmt.Sprint(all)
	case *redis.XMessageSliceCmd:
		return fmt.Sprint(c.Val())
	case *redis.ZSliceCmd:
		return fmt.Sprint(c.Val())
	case *redis.StringCmd:
		return c.Val()
	}
	return ""
}
