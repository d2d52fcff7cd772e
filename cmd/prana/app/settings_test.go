package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"prana/suspend"
	"prana/tasks"
)

// TestNoProcessStartsOnARedisThatEvicts: neither a worker nor a server, and nothing is written there.
func TestNoProcessStartsOnARedisThatEvicts(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*Options){
		"worker": func(o *Options) { o.Worker = true },
		"server": func(o *Options) { o.API, o.Listen = true, "127.0.0.1:0" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, o := examined(t)
			set(&o)
			if err := configSet("maxmemory-policy", "allkeys-lru")(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			_, err := Start(t.Context(), o)
			if !errors.Is(err, ErrUntrusted) || !strings.Contains(err.Error(), "allkeys-lru") || !strings.Contains(err.Error(), "set maxmemory-policy to noeviction") {
				t.Errorf("it starts with %v", err)
			}
			if n := client.DBSize(t.Context()).Val(); n != 0 {
				t.Errorf("%d keys were written", n)
			}
		})
	}
}

// TestAServerIsNotReadyWhileItsRedisEvicts: it says why, goes on with what it can, and is ready again once it was mended.
func TestAServerIsNotReadyWhileItsRedisEvicts(t *testing.T) {
	t.Parallel()
	client, o := examined(t)
	o.API, o.Listen = true, "127.0.0.1:0"
	a := started(t, o)
	for _, test := range []struct {
		policy string
		status int
		says   string
	}{{"noeviction", 200, "ready"}, {"volatile-lru", 503, "volatile-lru"}, {"noeviction", 200, "ready"}} {
		if err := configSet("maxmemory-policy", test.policy)(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		res, err := http.Get(a.URL() + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if cerr := res.Body.Close(); err != nil || cerr != nil {
			t.Fatal(err, cerr)
		}
		if res.StatusCode != test.status || !strings.Contains(string(body), test.says) {
			t.Errorf("with %s: %d %s", test.policy, res.StatusCode, body)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestWhatIsNotAsItShouldBeIsSaidOnce: with the start, and again when it changes.
func TestWhatIsNotAsItShouldBeIsSaidOnce(t *testing.T) {
	t.Parallel()
	client, o := examined(t)
	var log strings.Builder
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	a := &App{o: o, log: o.Logger, backend: &backend{kind: External}, client: client, store: suspend.New(client, tasks.Encoder{}, suspend.Options{})}
	var said map[string]bool
	for _, test := range []struct {
		change func(context.Context, *redis.Client) error
		says   string
		times  int
	}{
		{configSet("maxmemory", "0"), "not as it should be", 0},
		{configSet("appendonly", "no"), "a restart of Redis loses everything", 1},
		{configSet("maxmemory", "0"), "a restart of Redis loses everything", 1},
		{configSet("maxmemory-policy", "allkeys-lru"), "allkeys-lru", 1},
		{configSet("appendonly", "yes"), "not as it should be", 2},
		{configSet("appendonly", "no"), "a restart of Redis loses everything", 2},
	} {
		if err := test.change(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		checks, err := a.settings(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		said = a.say(t.Context(), checks, said)
		if n := strings.Count(log.String(), test.says); n != test.times {
			t.Errorf("%q was said %d times, want %d:\n%s", test.says, n, test.times, log.String())
		}
	}
}
