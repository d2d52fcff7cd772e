package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"prana/config"
	"prana/config/localredis"
	"prana/engine/flow"
	"prana/suspend"
	"prana/tasks"
)

// examined is a Redis of its own for one test of the doctor.
func examined(t *testing.T) (*redis.Client, Options) {
	t.Helper()
	s, err := localredis.Start(t.Context(), localredis.Options{Persist: true})
	if err != nil {
		t.Fatal(err)
	}
	o, err := redis.ParseURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(o)
	t.Cleanup(func() {
		if err := errors.Join(client.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	c := TestConfig()
	c.Redis.URL = s.URL()
	return client, Options{Config: c}
}

func examine(t *testing.T, o Options) Report {
	t.Helper()
	r, err := Doctor(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// find gives the first check of a name that did not pass, or the first of that name.
func (r Report) find(name string) Check {
	var found Check
	for _, c := range r.Checks {
		if c.Name == name && (found.Name == "" || found.Status == Passed) {
			found = c
		}
	}
	return found
}

func TestDoctorFindings(t *testing.T) {
	t.Parallel()
	id := flow.NewExecutionID(0)
	for _, test := range []struct {
		check, status, message string
		do                     func(ctx context.Context, c *redis.Client) error
	}{
		{"eviction", Failed, "allkeys-lru", configSet("maxmemory-policy", "allkeys-lru")},
		{"persistence", Failed, "loses everything", configSet("appendonly", "no")},
		{"persistence", Advice, "after the last snapshot (3600 1)", func(ctx context.Context, c *redis.Client) error {
			return errors.Join(c.ConfigSet(ctx, "save", "3600 1").Err(), c.ConfigSet(ctx, "appendonly", "no").Err())
		}},
		{"format", Advice, "the store is written in format 1", func(ctx context.Context, c *redis.Client) error {
			return c.Set(ctx, "prana:store", "older", 0).Err()
		}},
		{"memory", Warning, "are used", configSet("maxmemory", "1200kb")},
		{"settings", Advice, "does not tell its settings", func(ctx context.Context, c *redis.Client) error {
			return c.Do(ctx, "ACL", "SETUSER", "default", "-config").Err()
		}},
		{"queue", Warning, "it is paused", func(ctx context.Context, c *redis.Client) error {
			if err := tasks.Ensure(ctx, c, tasks.QueueOf(0)); err != nil {
				return err
			}
			return asynq.NewInspectorFromRedisClient(c).PauseQueue(tasks.QueueOf(0))
		}},
		{"queue", Warning, "the oldest for", func(ctx context.Context, c *redis.Client) error {
			if err := c.HSet(ctx, "asynq:{prana-0}:t:a", "pending_since", time.Now().Add(-time.Hour).UnixNano()).Err(); err != nil {
				return err
			}
			return errors.Join(tasks.Ensure(ctx, c, tasks.QueueOf(0)), c.LPush(ctx, "asynq:{prana-0}:pending", "a").Err())
		}},
		{"queue", Warning, "do not know it", func(ctx context.Context, c *redis.Client) error {
			return c.LPush(ctx, "asynq:{prana-0}:pending", "ghost").Err()
		}},
		{"queue", Warning, "prana-0.slow: 1 tasks wait, the oldest for 1h0m0s; no worker serves it", func(ctx context.Context, c *redis.Client) error {
			store := suspend.New(c, tasks.Encoder{}, suspend.Options{})
			d := flow.Dispatch{Kind: flow.KindStep, Execution: id, Token: "t", Workflow: "w@v", Queue: "slow"}
			return errors.Join(store.AddQueue(ctx, "slow"), store.Enqueue(ctx, d),
				c.HSet(ctx, "asynq:{prana-0.slow}:t:"+tasks.TaskID(d), "pending_since", time.Now().Add(-time.Hour).UnixNano()).Err())
		}},
		{"intake", Warning, "was given up", archive},
		{"invariant I1", Failed, id, func(ctx context.Context, c *redis.Client) error {
			return c.ZAdd(ctx, "{prana-0}:due", redis.Z{Score: 1, Member: id + ":0.0"}).Err()
		}},
		{"invariant I12", Failed, "{prana-3}:wf:order", func(ctx context.Context, c *redis.Client) error {
			return errors.Join(c.Set(ctx, "prana:partitions", 4, 0).Err(), c.ZAdd(ctx, "{prana-3}:wf:order", redis.Z{Member: "3" + id[1:]}).Err())
		}},
	} {
		t.Run(test.check+" "+test.message, func(t *testing.T) {
			t.Parallel()
			client, o := examined(t)
			if err := test.do(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			r := examine(t, o)
			got := r.find(test.check)
			if got.Status != test.status || !strings.Contains(got.Message, test.message) || got.Hint == "" {
				t.Errorf("got %+v, want %s with %q", got, test.status, test.message)
			}
			if r.OK != (test.status == Advice) {
				t.Errorf("ok is %v", r.OK)
			}
		})
	}
}

func configSet(name, value string) func(context.Context, *redis.Client) error {
	return func(ctx context.Context, c *redis.Client) error { return c.ConfigSet(ctx, name, value).Err() }
}

// archive gives up a task of the intake queue.
func archive(ctx context.Context, c *redis.Client) error {
	info, err := asynq.NewClientFromRedisClient(c).EnqueueContext(ctx, asynq.NewTask(tasks.TypeStart, nil), asynq.Queue(tasks.IntakeQueue))
	if err != nil {
		return err
	}
	return asynq.NewInspectorFromRedisClient(c).ArchiveTask(tasks.IntakeQueue, info.ID)
}

func TestDoctorLooksAtHooks(t *testing.T) {
	t.Parallel()
	_, o := examined(t)
	secret := config.NewSecret("of-at-least-24-bytes-in-all")
	o.Config.Hooks = map[string]config.Hook{"shut": {Event: "e", Secret: secret}, "open": {Event: "e", Scheme: "none"}}
	r := examine(t, o)
	if got := r.find("hook open"); got.Status != Advice || !r.OK || !strings.Contains(got.Message, "anybody") || got.Hint == "" || r.find("hook shut").Name != "" {
		t.Errorf("got %+v", r.Checks)
	}
	o.Config.Hooks["typo"] = config.Hook{Event: "e", Secret: secret, When: "$bdy.x"}
	r = examine(t, o)
	if got := r.find("hooks"); got.Status != Failed || !strings.Contains(got.Message, "typo") || r.OK {
		t.Errorf("got %+v", got)
	}
}

func TestDoctorHealthy(t *testing.T) {
	t.Parallel()
	client, o := examined(t)
	before := client.DBSize(t.Context()).Val()
	r := examine(t, o)
	if i := slices.IndexFunc(r.Checks, func(c Check) bool { return c.Status != Passed }); i >= 0 || !r.OK || r.Redis == "" {
		t.Errorf("a healthy Redis: %+v", r)
	}
	if after := client.DBSize(t.Context()).Val(); after != before {
		t.Errorf("the doctor wrote %d keys", after-before)
	}
}

func TestDoctorEmbedded(t *testing.T) {
	t.Parallel()
	t.Run("in memory", func(t *testing.T) {
		t.Parallel()
		c := TestConfig()
		c.Redis.URL = config.Miniredis
		r := examine(t, Options{Config: c})
		if got := r.find("persistence"); !r.OK || got.Status != Advice || !strings.Contains(got.Message, "volatile") {
			t.Errorf("%+v", r)
		}
	})
	t.Run("not there yet", func(t *testing.T) {
		t.Parallel()
		c := TestConfig()
		c.DataDir = t.TempDir() + "/none"
		if r := examine(t, Options{Config: c}); !r.OK || !strings.Contains(r.find("store").Message, c.DataDir) {
			t.Errorf("%+v", r)
		}
	})
	t.Run("in use", func(t *testing.T) {
		t.Parallel()
		c := TestConfig()
		c.DataDir = t.TempDir()
		s, err := localredis.Start(t.Context(), localredis.Options{Dir: c.DataDir, Persist: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		_, err = Doctor(t.Context(), Options{Config: c})
		if _, locked := errors.AsType[*localredis.LockedError](err); !locked || !strings.Contains(err.Error(), "--redis") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("away", func(t *testing.T) {
		t.Parallel()
		c := TestConfig()
		c.Redis.URL = "unix:///nowhere/redis.sock"
		if _, err := Doctor(t.Context(), Options{Config: c}); !errors.Is(err, flow.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	})
}

// TestDoctorJudges covers what no test can bring about on a real server.
func TestDoctorJudges(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		check  string
		server suspend.Server
		want   string
	}{
		{"version", suspend.Server{Name: "redis", Version: "6.2.14"}, Failed},
		{"version", suspend.Server{Name: "redis", Version: "8.0.1"}, Passed},
		{"version", suspend.Server{Name: "valkey", Version: "7.2.5"}, Passed},
		{"eviction", suspend.Server{Version: "7.0.0"}, Advice},
		{"persistence", suspend.Server{Version: "7.0.0", AOFOK: true, LastSaveOK: true}, Advice},
		{"persistence", suspend.Server{Version: "7.0.0", AOFOK: true, LastSaveOK: true, Settings: map[string]string{"appendonly": "no"}}, Warning},
		{"persistence", suspend.Server{Version: "7.0.0", AOFOK: false, LastSaveOK: true}, Failed},
		{"replication", suspend.Server{Replicas: 1}, Advice},
		{"replication", suspend.Server{Replicas: 1, Settings: map[string]string{"min-replicas-to-write": "1"}}, Passed},
		{"clock", suspend.Server{Ahead: -2 * time.Second}, Warning},
		{"clock", suspend.Server{Ahead: 6 * time.Second}, Failed},
		{"clock", suspend.Server{Ahead: 6 * time.Second, Uncertain: 6 * time.Second}, Passed},
	} {
		d := &doctor{}
		for _, judge := range []func(suspend.Server){d.version, d.eviction, d.persistence, d.replicas, d.clock} {
			judge(test.server)
		}
		if got := d.report.find(test.check); got.Status != test.want || got.Status != Passed && got.Hint == "" {
			t.Errorf("%+v: %+v, want %s", test.server, got, test.want)
		}
	}
}

// TestWorkerLeavesOtherStore: a worker whose store is emptied under it says so and ends.
func TestWorkerLeavesOtherStore(t *testing.T) {
	t.Parallel()
	client, o := examined(t)
	o.Worker = true
	a, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-a.Err():
		if !errors.Is(err, suspend.ErrOtherStore) || !strings.Contains(err.Error(), "this process stops") {
			t.Errorf("got %v", err)
		}
	case <-time.After(5 * watchEvery):
		t.Error("nobody noticed")
	}
}
