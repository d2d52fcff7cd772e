package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/cmd/prana/app"
	"prana/config"
	"prana/config/localredis"
	"prana/engine/flow"
	"prana/suspend"
	"prana/tasks"
)

// target is the Redis that is measured on.
type target struct {
	url    string
	kind   string
	client *redis.Client
	child  *localredis.Server // nil when it is somebody's
}

// open connects to a Redis, or starts one that writes through once a second, as `prana dev` does.
func open(ctx context.Context, url string) (t *target, err error) {
	t = &target{url: url, kind: "Redis at " + config.Redis{URL: url}.Redacted()}
	if url == "" {
		if t.child, err = localredis.Start(ctx, localredis.Options{Persist: true}); err != nil {
			return nil, fmt.Errorf("starting a redis-server to measure on: %w", err)
		}
		t.url, t.kind = t.child.URL(), "a redis-server of our own, on a unix socket"
	}
	if t.client, err = connect(t.url); err == nil {
		_, err = t.info(ctx, "server")
	}
	if err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

func connect(url string) (*redis.Client, error) {
	if url == config.Miniredis {
		return nil, flow.Problemf(flow.ErrInvalid.Code, "a Redis in memory of this process says nothing about a real one; name a redis-server with --redis, or none")
	}
	c, err := app.Connect(url)
	if err != nil {
		return nil, err
	}
	one, ok := c.(*redis.Client)
	if !ok {
		return nil, errors.Join(flow.Problemf(flow.ErrInvalid.Code, "one Redis is measured, not a cluster; name one with --redis"), c.Close())
	}
	return one, nil
}

func (t *target) close() error {
	var errs []error
	if t.client != nil {
		errs = append(errs, t.client.Close())
	}
	if t.child != nil {
		errs = append(errs, t.child.Close())
	}
	return errors.Join(errs...)
}

// store gives the state keeper of the product on this Redis.
func (t *target) store(partitions int) *suspend.Store {
	return suspend.New(t.client, tasks.Encoder{}, suspend.Options{Partitions: partitions})
}

// mustBeEmpty refuses a database in which there is anything: what is measured would be something else, and it would
// not be known what may be removed.
func (t *target) mustBeEmpty(ctx context.Context) error {
	n, err := t.client.DBSize(ctx).Result()
	if err != nil {
		return fmt.Errorf("counting the keys of %s: %w", t.kind, err)
	}
	if n > 0 {
		return flow.Problemf(flow.ErrConflict.Code, "there are %d keys in %s; only an empty database is measured on: name another with --redis, such as number 9 by redis://HOST:PORT/9", n, t.kind)
	}
	return nil
}

// ours are the patterns of all keys that Prana and asynq write for it.
var ours = []string{"prana:*", "{prana-*", "asynq:{prana*", "asynq:queues"}

// clean removes what was written, and nothing if somebody else put a workflow there meanwhile.
func (t *target) clean(ctx context.Context, workflow string) error {
	found, err := t.store(1).Workflows(ctx)
	if err != nil {
		return fmt.Errorf("looking at what is to be removed from %s: %w", t.kind, err)
	}
	for _, w := range found {
		if w.ID != workflow {
			return fmt.Errorf("somebody else began to use %s while it was measured (workflow %s): nothing was removed; the workflow %s and its executions are left there", t.kind, w.ID, workflow)
		}
	}
	for _, pattern := range ours {
		if err := t.remove(ctx, pattern); err != nil {
			return fmt.Errorf("removing %s from %s: %w", pattern, t.kind, err)
		}
	}
	return nil
}

func (t *target) remove(ctx context.Context, pattern string) error {
	for cursor := uint64(0); ; {
		keys, next, err := t.client.Scan(ctx, cursor, pattern, 1000).Result()
		if err != nil {
			return err
		}
		if len(keys) > 0 {
			if err := t.client.Unlink(ctx, keys...).Err(); err != nil {
				return err
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// info reads a section of INFO.
func (t *target) info(ctx context.Context, section string) (map[string]string, error) {
	text, err := t.client.Info(ctx, section).Result()
	if err != nil {
		return nil, fmt.Errorf("asking %s about itself: %w", t.kind, err)
	}
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields, nil
}

// memory is what the data takes, in bytes.
func (t *target) memory(ctx context.Context) (int64, error) {
	fields, err := t.info(ctx, "memory")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(fields["used_memory"], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("asking %s for its memory: %w", t.kind, err)
	}
	return n, nil
}

// calm waits until Redis has no child that writes files: after many writes it rewrites its log beside its work.
func (t *target) calm(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		fields, err := t.info(ctx, "persistence")
		if err != nil || fields["aof_rewrite_in_progress"] != "1" && fields["rdb_bgsave_in_progress"] != "1" && fields["aof_rewrite_scheduled"] != "1" {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
