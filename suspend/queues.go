package suspend

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// queuesKey is the set of the names of all queues but the partitions' own.
const queuesKey = "prana:queues"

// addQueueScript makes a name known, within a bound.
//
// KEYS[1] the names; ARGV[1] the name, ARGV[2] how many there may be.
// Returns 1, or 0 when there are too many.
var addQueueScript = redis.NewScript(`
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then
  return 1
end
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  return 0
end
return redis.call('SADD', KEYS[1], ARGV[1])`)

// AddQueue makes the name of a queue known.
func (s *Store) AddQueue(ctx context.Context, name string) error {
	known, err := addQueueScript.Run(ctx, s.redis, []string{queuesKey}, name, flow.MaxQueues).Bool()
	if err != nil {
		return trouble("making queue "+name+" known", err)
	}
	if !known {
		return flow.TooManyQueues(name)
	}
	return nil
}

// Queues lists the names of queues. What nobody could have added is left out.
func (s *Store) Queues(ctx context.Context) ([]string, error) {
	names, err := s.redis.SMembers(ctx, queuesKey).Result()
	if err != nil {
		return nil, trouble("listing the queues", err)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !flow.ValidQueue(n) })
	slices.Sort(names)
	return names[:min(len(names), flow.MaxQueues)], nil
}
