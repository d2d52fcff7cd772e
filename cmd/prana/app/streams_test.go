package app

import (
	"context"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"prana/config"
	"prana/suspend"
)

// TestDoctorStreams: each finding about a stream, and none about one that is read as it should.
func TestDoctorStreams(t *testing.T) {
	t.Parallel()
	add := func(ctx context.Context, c *redis.Client, n int) error {
		pipe := c.Pipeline()
		for range n {
			pipe.XAdd(ctx, &redis.XAddArgs{Stream: "orders.events", Values: []string{"type", "a"}})
		}
		_, err := pipe.Exec(ctx)
		return err
	}
	for name, test := range map[string]struct {
		status, message string
		do              func(ctx context.Context, c *redis.Client, s *suspend.Stream) error
	}{
		"healthy":  {Passed, "0 unread, 0 not acknowledged, 0 refused", func(ctx context.Context, _ *redis.Client, s *suspend.Stream) error { return s.Open(ctx) }},
		"no group": {Warning, "has no group prana", func(ctx context.Context, c *redis.Client, _ *suspend.Stream) error { return add(ctx, c, 1) }},
		"lag": {Warning, "1001 unread", func(ctx context.Context, c *redis.Client, s *suspend.Stream) error {
			if err := s.Open(ctx); err != nil {
				return err
			}
			return add(ctx, c, 1001)
		}},
		"stuck": {Warning, "an entry was tried 5 times", func(ctx context.Context, c *redis.Client, s *suspend.Stream) error {
			if err := s.Open(ctx); err != nil {
				return err
			}
			if err := add(ctx, c, 1); err != nil {
				return err
			}
			_, err := s.Read(ctx, 10, 0)
			for range 4 {
				if err == nil {
					_, _, err = s.TakeOver(ctx, 10, 0)
				}
			}
			return err
		}},
		"refused": {Warning, "1 refused", func(ctx context.Context, c *redis.Client, s *suspend.Stream) error {
			if err := s.Open(ctx); err != nil {
				return err
			}
			return c.XAdd(ctx, &redis.XAddArgs{Stream: "orders.events:refused", Values: []string{"a", "b"}}).Err()
		}},
		"no stream": {Failed, "WRONGTYPE", func(ctx context.Context, c *redis.Client, _ *suspend.Stream) error {
			return c.Set(ctx, "orders.events", "text", 0).Err()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, o := examined(t)
			TestStream(&o.Config, "orders", "orders.events", "")
			if err := test.do(t.Context(), client, streamOf(client, client, o.Config.Streams["orders"])); err != nil {
				t.Fatal(err)
			}
			got := examine(t, o).find("stream")
			if got.Status != test.status || !strings.Contains(got.Message, test.message) || !strings.HasPrefix(got.Message, "orders") || (got.Hint == "") != (got.Status == Passed) {
				t.Errorf("got %+v, want %s with %q", got, test.status, test.message)
			}
		})
	}
}

// TestStreamsBelongToIntake: a worker without intake leaves the streams alone, and so does a server.
func TestStreamsBelongToIntake(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ worker, intake, reads bool }{
		"worker": {true, true, true}, "worker without intake": {true, false, false}, "server": {false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, o := examined(t)
			TestStream(&o.Config, "orders", "orders.events", "")
			o.Worker, o.Config.Worker.Intake = test.worker, test.intake
			a, err := Start(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Shutdown(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
			groups, err := client.XInfoGroups(t.Context(), "orders.events").Result()
			if (err == nil && len(groups) == 1) != test.reads {
				t.Errorf("got %v, %v", groups, err)
			}
			if test.reads && groups[0].Consumers != 0 {
				t.Errorf("%d consumers are left", groups[0].Consumers)
			}
		})
	}
}

// TestAStreamThatIsNoneStopsTheStart: it is told at once, with the key in the configuration.
func TestAStreamThatIsNoneStopsTheStart(t *testing.T) {
	t.Parallel()
	c := TestConfig()
	c.Redis.URL = config.Miniredis
	TestStream(&c, "orders", "prana:store", "") // which the start has written by then, as a text
	_, err := Start(t.Context(), Options{Config: c, Worker: true})
	if err == nil || !strings.Contains(err.Error(), "streams.orders: stream prana:store") {
		t.Errorf("got %v", err)
	}
}
