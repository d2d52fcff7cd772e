package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"prana/config"
	"prana/config/localredis"
	"prana/engine/flow"
)

// quiet keeps the client's own messages from stderr: what matters of them comes
// back as errors, which are logged where they are handled.
type quiet struct{}

// Printf drops the message.
func (quiet) Printf(context.Context, string, ...any) {}

func init() { redis.SetLogger(quiet{}) }

// Kinds of Redis.
const (
	Child    = "child"     // a redis-server that this process started
	InMemory = "miniredis" // inside this process; nothing survives it
	External = "external"
)

// backend is the Redis that a process uses, and what ends with the process.
type backend struct {
	kind  string
	line  string // for people: which, and whether data survives
	url   string // how another process reaches the same
	child *localredis.Server
	mini  *miniredis.Miniredis
}

// openRedis finds the Redis that the configuration means: the one it names, else
// a child redis-server, else one in memory.
func openRedis(ctx context.Context, c config.Config) (*backend, error) {
	switch c.Redis.URL {
	case "":
		b, err := startChild(ctx, c.DataDir)
		if errors.Is(err, localredis.ErrNotFound) {
			return startMini("there is no redis-server on PATH")
		}
		return b, err
	case config.Miniredis:
		return startMini("as asked")
	}
	return &backend{kind: External, url: c.Redis.URL, line: "Redis at " + c.Redis.Redacted() + "; data lives as long as it keeps it"}, nil
}

func startChild(ctx context.Context, dir string) (*backend, error) {
	s, err := localredis.Start(ctx, localredis.Options{Dir: dir, Persist: true})
	if err != nil {
		return nil, fmt.Errorf("starting the embedded Redis: %w", err)
	}
	line := "a redis-server of our own; data survives in " + s.Dir() + " (written every second)"
	if dir == "" {
		line = "a redis-server of our own in a temporary directory; data survives crashes of workers, and goes when this ends"
	}
	return &backend{kind: Child, child: s, url: s.URL(), line: line}, nil
}

func startMini(why string) (*backend, error) {
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true)
	if err := m.Start(); err != nil {
		return nil, fmt.Errorf("starting Redis in memory: %w", err)
	}
	return &backend{kind: InMemory, mini: m, url: "redis://" + m.Addr(), line: "Redis in memory (" + why + "); NO data survives this process"}, nil
}

// close ends what this process started.
func (b *backend) close() error {
	if b.mini != nil {
		b.mini.Close()
	}
	if b.child != nil {
		return b.child.Close()
	}
	return nil
}

// Connect makes a client for a URL: redis, rediss, unix, redis-sentinel
// (hosts, then the name of the master as path) or redis-cluster.
func Connect(raw string) (redis.UniversalClient, error) {
	scheme, rest, _ := strings.Cut(raw, "://")
	switch scheme {
	case "redis-sentinel":
		return sentinel(rest)
	case "redis-cluster":
		return cluster(rest)
	}
	o, err := redis.ParseURL(raw)
	if err != nil {
		return nil, badURL(raw, err)
	}
	o.MaxRetries = 3
	return redis.NewClient(o), nil
}

func badURL(raw string, err error) error {
	return flow.Problemf(flow.ErrInvalid.Code, "%s is not the URL of a Redis: %v", config.RedactURL(raw), err)
}

func sentinel(rest string) (redis.UniversalClient, error) {
	u, hosts, err := manyHosts(rest)
	if err != nil {
		return nil, err
	}
	master, _, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if master == "" {
		return nil, flow.Problemf(flow.ErrInvalid.Code, "a redis-sentinel URL names the master as its path: redis-sentinel://HOST:PORT,HOST:PORT/MASTER")
	}
	password, _ := u.User.Password()
	return redis.NewFailoverClient(&redis.FailoverOptions{MasterName: master, SentinelAddrs: hosts, Username: u.User.Username(), Password: password}), nil
}

func cluster(rest string) (redis.UniversalClient, error) {
	u, hosts, err := manyHosts(rest)
	if err != nil {
		return nil, err
	}
	password, _ := u.User.Password()
	return redis.NewClusterClient(&redis.ClusterOptions{Addrs: hosts, Username: u.User.Username(), Password: password}), nil
}

// manyHosts reads "user:password@host:port,host:port/path".
func manyHosts(rest string) (*url.URL, []string, error) {
	place, path, _ := strings.Cut(rest, "/")
	user, list := "", place
	if i := strings.LastIndexByte(place, '@'); i >= 0 {
		user, list = place[:i+1], place[i+1:]
	}
	hosts := strings.Split(list, ",")
	u, err := url.Parse("redis://" + user + hosts[0] + "/" + path)
	if err != nil {
		return nil, nil, badURL("redis://"+rest, err)
	}
	return u, hosts, nil
}
