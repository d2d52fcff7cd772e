package suspend

import (
	"context"
	"fmt"

	"prana/engine/flow"
)

// Acquire gives a holder a place of a concurrency key, or a place in its queue.
func (s *Store) Acquire(ctx context.Context, key string, h flow.Holder, limit int) (int, []flow.Holder, error) {
	doing := "asking for a place for " + h.String()
	answer, err := acquireScript.Run(ctx, s.redis, placeKeys(key), h.String(), limit).Slice()
	if err != nil {
		return 0, nil, trouble(doing, err)
	}
	position, ok := answer[0].(int64)
	if !ok {
		return 0, nil, fmt.Errorf("%s: the script answered %v", doing, answer)
	}
	names := make([]string, len(answer)-1)
	for i, v := range answer[1:] {
		names[i], _ = v.(string)
	}
	return int(position), holders(names), nil
}

// Release takes a holder out of a concurrency key.
func (s *Store) Release(ctx context.Context, key string, h flow.Holder) ([]flow.Holder, error) {
	names, err := releaseScript.Run(ctx, s.redis, placeKeys(key), h.String()).StringSlice()
	if err != nil {
		return nil, trouble("giving up the place of "+h.String(), err)
	}
	return holders(names), nil
}

// Holders gives some of those that hold a place, at random.
func (s *Store) Holders(ctx context.Context, key string, n int) ([]flow.Holder, error) {
	names, err := s.redis.ZRandMember(ctx, holdersKey(key), n).Result()
	if err != nil {
		return nil, trouble("reading the holders of a concurrency key", err)
	}
	return holders(names), nil
}

func placeKeys(key string) []string { return []string{holdersKey(key), queueKey(key)} }

func holders(names []string) []flow.Holder {
	var all []flow.Holder
	for _, name := range names {
		if h, err := flow.ParseHolder(name); err == nil { // one bad record must not stop the others
			all = append(all, h)
		}
	}
	return all
}
