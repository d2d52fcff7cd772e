package suspend

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// rewrite has each server write its append-only file anew, once after it was started. A Redis that finds a torn end cuts it off,
// but when the tear is inside of a command of a transaction, the beginning of that transaction stays in the file: with the next
// EXEC after it, it is executed by whoever reads the file again, which is half a commit. (Seen with Redis 7.0.15; mended in
// Valkey since by valkey-io/valkey#4342.) Who may not ask for it is refused, which is not told: most never need it.
func (s *Store) rewrite(ctx context.Context) {
	if cluster, ok := s.redis.(*redis.ClusterClient); ok {
		_ = cluster.ForEachMaster(ctx, rewriteOnce[*redis.Client]) // it is looked at again at the next beat
		return
	}
	_ = rewriteOnce(ctx, s.redis)
}

func rewriteOnce[C redis.Cmdable](ctx context.Context, c C) error {
	raw, err := c.Info(ctx, "persistence").Result()
	if err != nil {
		return err
	}
	told := info(raw)
	if told["aof_enabled"] != "1" || told["aof_last_rewrite_time_sec"] != "-1" || told["aof_rewrite_in_progress"] != "0" || told["aof_rewrite_scheduled"] != "0" {
		return nil
	}
	return c.BgRewriteAOF(ctx).Err()
}
