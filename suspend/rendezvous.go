package suspend

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// ReserveStart binds a start id to an execution, once, for as long as the
// execution is remembered.
func (s *Store) ReserveStart(ctx context.Context, workflow, startID, execution, digest string) (string, error) {
	key := startKey(workflow, startID)
	won, err := s.redis.SetNX(ctx, key, execution+"|"+digest, 0).Result()
	if err != nil {
		return "", trouble("reserving a start id", err)
	}
	if won {
		return execution, nil
	}
	held, err := s.redis.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) { // purged in between: try once more
		return s.ReserveStart(ctx, workflow, startID, execution, digest)
	}
	if err != nil {
		return "", trouble("reserving a start id", err)
	}
	holder, was, _ := strings.Cut(held, "|")
	if was != digest {
		return "", flow.Problemf(flow.ErrMismatch.Code, "start id %q of workflow %s was used with another body; use another id", flow.Cut(startID, 100), workflow)
	}
	return holder, nil
}
