package tasks

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"prana/config/localredis"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := goleak.Find(); err != nil {
		slog.Error("goroutines were left behind", "error", err)
		code = 1
	}
	os.Exit(code)
}

// patience bounds every wait for a signal. It is well below the hold of the
// tests, so that what a wake-up did is never mistaken for the end of a hold.
const patience = 8 * time.Second

func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// onEach runs the test on miniredis and on a real server, each fresh.
func onEach(t *testing.T, test func(t *testing.T, o *redis.Options)) {
	t.Helper()
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		test(t, &redis.Options{Addr: miniredis.RunT(t).Addr()})
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, realRedis(t))
	})
}

func realRedis(t *testing.T) *redis.Options {
	t.Helper()
	s, err := localredis.Start(patient(t), localredis.Options{})
	if errors.Is(err, localredis.ErrNotFound) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	o, err := redis.ParseURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func connect(t *testing.T, o *redis.Options) *redis.Client {
	t.Helper()
	c := redis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// watch is a hook that reports commands; it may act before they are sent.
type watch struct {
	redis.Hook
	before func(cmd redis.Cmder)
}

func (w watch) DialHook(next redis.DialHook) redis.DialHook { return next }

func (w watch) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		w.before(cmd)
		return next(ctx, cmd)
	}
}

func (w watch) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			w.before(cmd)
		}
		return next(ctx, cmds)
	}
}

func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not happen", what)
		panic("unreachable")
	}
}
