package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/config"
	"prana/config/localredis"
	"prana/engine/flow"
	"prana/suspend"
	"prana/tasks"
)

// target is one database of the Redis that is measured on.
type target struct {
	url    string
	name   string // for people
	client *redis.Client
	child  *localredis.Server // that ends with it; nil when it is somebody's
}

// open connects to a number of databases, from the one that the URL names upwards. Without a URL they are those of a
// Redis of our own, which writes through once a second as that of `prana dev` does.
func open(ctx context.Context, raw string, n int) (all []*target, err error) {
	first := &target{url: raw, name: "Redis at " + config.RedactURL(raw)}
	if raw == "" {
		if first.child, err = localredis.Start(ctx, localredis.Options{Persist: true}); err != nil {
			return nil, fmt.Errorf("starting a redis-server to measure on: %w", err)
		}
		first.url, first.name = first.child.URL(), "a redis-server of our own, on a unix socket"
	}
	all = []*target{first}
	for i := 0; i < n && err == nil; i++ {
		if i > 0 {
			all = append(all, &target{name: first.name})
		}
		err = all[i].connect(ctx, first.url, i)
	}
	if err != nil {
		return nil, errors.Join(err, closeAll(all))
	}
	return all, nil
}

// connect opens the database that lies i after that of the URL.
func (t *target) connect(ctx context.Context, raw string, i int) error {
	u, err := url.Parse(raw)
	if err != nil || !slices.Contains([]string{"redis", "rediss", "unix"}, u.Scheme) {
		return flow.Problemf(flow.ErrInvalid.Code, "one real Redis is measured, named by redis://, rediss:// or unix://, or one of its own without --redis")
	}
	o, err := redis.ParseURL(raw)
	if err != nil {
		return flow.Problemf(flow.ErrInvalid.Code, "%s is not the URL of a Redis: %v", config.RedactURL(raw), err)
	}
	q := u.Query()
	q.Set("db", strconv.Itoa(o.DB+i)) // it counts more than the path
	u.RawQuery = q.Encode()
	t.url, o.DB = u.String(), o.DB+i
	t.client = redis.NewClient(o)
	if err := t.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("opening database %d of %s: %w", o.DB, t.name, err)
	}
	return nil
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

// closeAll closes the last first: with the first one the Redis ends.
func closeAll(all []*target) error {
	var errs []error
	for _, t := range slices.Backward(all) {
		errs = append(errs, t.close())
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
		return fmt.Errorf("counting the keys of %s: %w", t.name, err)
	}
	if n > 0 {
		return flow.Problemf(flow.ErrConflict.Code, "there are %d keys in database %d of %s; only empty ones are measured on: name another with --redis, such as redis://HOST:PORT/9", n, t.client.Options().DB, t.name)
	}
	return nil
}

// ours are the patterns of all keys that Prana and asynq write for it.
var ours = []string{"prana:*", "{prana-*", "asynq:{prana*", "asynq:queues"}

// clean removes what was written, and nothing if somebody else put a workflow there meanwhile.
func (t *target) clean(ctx context.Context, workflow string) error {
	found, err := t.store(1).Workflows(ctx)
	if err != nil {
		return fmt.Errorf("looking at what is to be removed from %s: %w", t.name, err)
	}
	for _, w := range found {
		if w.ID != workflow {
			return fmt.Errorf("somebody else began to use %s while it was measured (workflow %s): nothing was removed; the workflow %s and its executions are left there", t.name, w.ID, workflow)
		}
	}
	for _, pattern := range ours {
		if err := t.remove(ctx, pattern); err != nil {
			return fmt.Errorf("removing %s from %s: %w", pattern, t.name, err)
		}
	}
	return nil
}

func (t *target) remove(ctx context.Context, pattern string) error {
	return t.each(ctx, pattern, func(keys []string) error { return t.client.Unlink(ctx, keys...).Err() })
}

// each hands over all keys of a pattern, many at a time. One may come twice.
func (t *target) each(ctx context.Context, pattern string, do func(keys []string) error) error {
	for cursor := uint64(0); ; {
		keys, next, err := t.client.Scan(ctx, cursor, pattern, 1000).Result()
		if err != nil {
			return err
		}
		if len(keys) > 0 {
			if err := do(keys); err != nil {
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
		return nil, fmt.Errorf("asking %s about itself: %w", t.name, err)
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
		return 0, fmt.Errorf("asking %s for its memory: %w", t.name, err)
	}
	return n, nil
}

// settle waits until Redis is quiet. Ours begins its log anew besides, so that it does not do so in the middle of what is
// measured next.
func (t *target) settle(ctx context.Context) error {
	if t.child != nil {
		if err := t.client.BgRewriteAOF(ctx).Err(); err != nil {
			return fmt.Errorf("having %s begin its log anew: %w", t.name, err)
		}
	}
	return t.calm(ctx)
}

// isNil tells that there is no such key.
func isNil(err error) bool { return errors.Is(err, redis.Nil) }

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
