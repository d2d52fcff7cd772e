package suspend

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// rewritten is when a server was asked to write its file anew, and how often it had refused writes by then, as INFO says it.
type rewritten struct {
	at      time.Time
	refused string
}

// rewriteApart is how long a server has that was asked and did not do it.
const rewriteApart = 10 * time.Second

// rewrite has each server write its append-only file anew: once after it was started, and after a time in which it could not write.
// Who may not ask for it is refused, which is not told: most never need it.
//
// A Redis that finds a torn end cuts it off, but when the tear is inside of a command of a transaction, the beginning of that
// transaction stays in the file: with the next EXEC after it, it is executed by whoever reads the file again, which is half a commit.
// (Seen with Redis 7.0.15; mended in Valkey since by valkey-io/valkey#4342.)
//
// Where the disk takes only the beginning of a write, Redis cuts that off, too. But a file that was begun by writing anew is not
// opened for appending, so that the next write leaves a hole before it, and no start reads beyond that. (Seen with Redis 7.0.15.)
func (s *Store) rewrite(ctx context.Context) {
	if cluster, ok := s.redis.(*redis.ClusterClient); ok {
		_ = cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error { return s.rewriteOf(ctx, c) }) // it is looked at again at the next beat
		return
	}
	_ = s.rewriteOf(ctx, s.redis)
}

func (s *Store) rewriteOf(ctx context.Context, c redis.Cmdable) error {
	raw, err := c.Info(ctx, "server", "persistence", "errorstats").Result()
	if err != nil {
		return err
	}
	told := info(raw)
	last, _ := s.rewritten.Load(told["run_id"])
	before, _ := last.(rewritten)
	now := rewritten{time.Now(), told["errorstat_MISCONF"]}
	if !canRewrite(told) || !mustRewrite(told, before, now) {
		return nil
	}
	err = c.BgRewriteAOF(ctx).Err()
	if _, answered := errors.AsType[redis.Error](err); err == nil || answered {
		s.rewritten.Store(told["run_id"], now)
	}
	return err
}

func canRewrite(told map[string]string) bool {
	return told["aof_enabled"] == "1" && told["aof_last_write_status"] == "ok" && told["aof_rewrite_in_progress"] == "0" && told["aof_rewrite_scheduled"] == "0"
}

// mustRewrite tells whether Redis refused writes for the sake of its files since it was asked, or that came to nothing. As far as this
// process knows: it asks once for all times before.
func mustRewrite(told map[string]string, before, now rewritten) bool {
	undone := told["aof_last_rewrite_time_sec"] == "-1" || told["aof_last_bgrewrite_status"] == "err"
	return now.refused != before.refused || undone && now.at.Sub(before.at) >= rewriteApart
}
