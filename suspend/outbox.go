package suspend

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// Outbox reads what an execution still has to tell others.
func (s *Store) Outbox(ctx context.Context, execution string) ([]flow.Outgoing, error) {
	fields, err := s.redis.HGetAll(ctx, outboxKey(execution)).Result()
	if err != nil {
		return nil, trouble("reading the outbox of execution "+execution, err)
	}
	if len(fields) == 0 { // the line goes only if nothing was added meanwhile
		return nil, s.Delivered(ctx, execution, "")
	}
	all, err := outgoing(fields)
	if err != nil {
		return nil, fmt.Errorf("reading the outbox of execution %s: %w", execution, err)
	}
	return all, nil
}

func outgoing(fields map[string]string) ([]flow.Outgoing, error) {
	var all []flow.Outgoing
	for _, id := range slices.Sorted(maps.Keys(fields)) {
		var st storedOutgoing
		if err := json.Unmarshal([]byte(fields[id]), &st); err != nil {
			return nil, err
		}
		all = append(all, flow.Outgoing{ID: id, Kind: st.Kind, To: st.To, Data: st.Data})
	}
	return all, nil
}

// deliveredScript removes an entry of an outbox, and its line when it was the last.
//
// KEYS[1] the outbox, KEYS[2] the due index; ARGV[1] id, ARGV[2] line.
var deliveredScript = redis.NewScript(`
redis.call('HDEL', KEYS[1], ARGV[1])
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[2])
end
return 1`)

// Delivered removes an entry of the outbox.
func (s *Store) Delivered(ctx context.Context, execution, id string) error {
	keys := []string{outboxKey(execution), dueKey(home(execution))}
	return trouble("clearing the outbox of execution "+execution, deliveredScript.Run(ctx, s.redis, keys, id, execution+":"+outboxEntry).Err())
}
