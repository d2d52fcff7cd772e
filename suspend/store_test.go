package suspend_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"prana/config/localredis"
	"prana/engine"
	"prana/engine/flow"
	"prana/engine/storetest"
	"prana/suspend"
	"prana/tasks"
)

var (
	_ engine.Store   = (*suspend.Store)(nil)
	_ engine.Queries = (*suspend.Store)(nil)
)

// server is the real Redis of this package's tests; databases hands out its
// databases, each to one test at a time.
var (
	server    *localredis.Server
	databases = make(chan int, 16)
)

func TestMain(m *testing.M) {
	var err error
	if server, err = localredis.Start(context.Background(), localredis.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, "these tests need redis-server or valkey-server on PATH:", err)
		os.Exit(1)
	}
	for i := range cap(databases) {
		databases <- i
	}
	code := m.Run()
	if err := server.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// real gives a client of an empty database of the real server.
func real(t *testing.T) *redis.Client {
	t.Helper()
	db := <-databases
	c := redis.NewClient(&redis.Options{Network: server.Network(), Addr: server.Addr(), DB: db})
	if err := c.FlushDB(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		databases <- db
	})
	return c
}

func subject(t *testing.T, c *redis.Client) storetest.Subject {
	t.Helper()
	return storetest.Subject{
		Store:      suspend.New(c, tasks.Encoder{}, suspend.Options{Partitions: 2, KeptEvents: 300}),
		Now:        func() time.Time { return c.Time(context.Background()).Val() },
		Advance:    time.Sleep,
		Tasks:      func(p int) []storetest.TaskSeen { return seen(t, c, p) },
		KeptEvents: 300,
	}
}

// seen lists the tasks of a partition's queue, in the order in which a worker gets them.
func seen(t *testing.T, c *redis.Client, partition int) []storetest.TaskSeen {
	t.Helper()
	ctx := context.Background()
	key := fmt.Sprintf("asynq:{prana-%d}:", partition)
	pending, err := c.LRange(ctx, key+"pending", 0, -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	var all []storetest.TaskSeen
	for _, p := range slices.Backward(pending) {
		all = append(all, storetest.TaskSeen{ID: p, State: flow.TaskPending})
	}
	alarms, err := c.ZRange(ctx, key+"scheduled", 0, -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range alarms {
		all = append(all, storetest.TaskSeen{ID: id, State: flow.TaskScheduled})
	}
	return all
}

func TestStoreOnRedis(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		t.Helper()
		return subject(t, real(t))
	})
}

// TestStoreInFirstFormat: a store that is written for processes of the version before is as good.
func TestStoreInFirstFormat(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		t.Helper()
		c := real(t)
		s := subject(t, c)
		s.Store = suspend.New(c, tasks.Encoder{}, suspend.Options{Partitions: 2, KeptEvents: 300, Format: 1})
		return s
	})
}

func TestStoreOnMiniredis(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		t.Helper()
		m := miniredis.RunT(t)
		m.ClockTTL(true)
		c := redis.NewClient(&redis.Options{Addr: m.Addr()})
		t.Cleanup(func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
		s := subject(t, c)
		s.Advance = func(d time.Duration) { time.Sleep(d) }
		return s
	})
}

// TestScriptHeaders holds every script against the house rule: it begins by saying
// what it does, and names its keys and arguments.
func TestScriptHeaders(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir("lua")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile("lua/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(string(text), "\n\nlocal")
		for _, word := range []string{"-- ", "KEYS", "ARGV", "Returns"} {
			if !strings.Contains(head, word) {
				t.Errorf("lua/%s: the header does not say %q", f.Name(), word)
			}
		}
	}
}
