package suspend_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/suspend"
	"prana/tasks"
)

const storeKey = "prana:store"

func storeOn(c redis.UniversalClient) *suspend.Store {
	return suspend.New(c, tasks.Encoder{}, suspend.Options{Partitions: 2})
}

func TestIdentifyOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		ids := make([]string, 8)
		var all sync.WaitGroup
		for i := range ids {
			all.Go(func() {
				var err error
				if ids[i], err = storeOn(c).Identify(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, id := range ids {
			if id == "" || id != ids[0] {
				t.Fatalf("the store has several names: %q", ids)
			}
		}
	})
}

func TestWatch(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(context.Context, *redis.Client) error{
		"emptied": func(ctx context.Context, c *redis.Client) error { return c.FlushDB(ctx).Err() },
		"another": func(ctx context.Context, c *redis.Client) error { return c.Set(ctx, storeKey, "other", 0).Err() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, c *redis.Client) {
				s, ended := storeOn(c), make(chan error, 1)
				id, err := s.Identify(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				go func() { ended <- s.Watch(t.Context(), id, time.Millisecond, untold(t)) }()
				if err := change(t.Context(), c); err != nil {
					t.Fatal(err)
				}
				if err := <-ended; !errors.Is(err, suspend.ErrOtherStore) {
					t.Errorf("Watch ended with %v", err)
				}
			})
		})
	}
}

// untold is for stores that never go back.
func untold(t *testing.T) func(suspend.Rewind) {
	return func(r suspend.Rewind) { t.Errorf("told of a rewind: %s", r) }
}

// TestWatchPatience: a Redis that is away, or a caller that is done, is no other store.
func TestWatchPatience(t *testing.T) {
	t.Parallel()
	c := real(t)
	s := storeOn(c)
	id, err := s.Identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{}, 100)
	c.AddHook(refusing(asked))
	ended := make(chan error, 1)
	go func() { ended <- s.Watch(ctx, id, time.Millisecond, untold(t)) }()
	for range 3 {
		<-asked
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Watch ended with %v", err)
	}
}

// refusing makes every command fail as if Redis were away, and tells of it.
type refusing chan<- struct{}

func (r refusing) DialHook(next redis.DialHook) redis.DialHook { return next }

func (r refusing) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(context.Context, redis.Cmder) error {
		select {
		case r <- struct{}{}:
		default:
		}
		return redis.ErrClosed
	}
}

func (r refusing) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
