package race

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"

	"prana/config/localredis"
	"prana/engine/node"
	"prana/handlers/nodes"
)

// Arena is where races are held: a Redis, and a service that has jobs to be polled.
type Arena struct {
	redis    *localredis.Server
	jobs     *httptest.Server
	registry *node.Registry
	http     *http.Client
}

// NewArena starts one.
func NewArena(ctx context.Context) (*Arena, error) {
	server, err := localredis.Start(ctx, localredis.Options{})
	if err != nil {
		return nil, err
	}
	a := &Arena{redis: server, jobs: httptest.NewServer(new(jobs)), http: nodes.NewClient(nodes.Egress{AllowPrivate: true})}
	a.registry = node.NewRegistry(nodes.Builtin(nodes.Options{HTTP: a.http})...).With(flaky, broken)
	return a, nil
}

// Close ends it; its lanes are closed before.
func (a *Arena) Close() error {
	a.http.CloseIdleConnections()
	a.jobs.Close()
	return a.redis.Close()
}

// jobs are done when they are asked for the second time.
type jobs struct{ asked sync.Map }

func (j *jobs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, before := j.asked.LoadOrStore(r.URL.Path, true); !before {
		w.WriteHeader(http.StatusAccepted)
	}
}

// flaky fails once.
var flaky = node.Type{Name: "race.flaky", Summary: "Fails at the first attempt.", Run: func(_ context.Context, c *node.Call) (node.Outcome, error) {
	if c.Attempt == 0 {
		return node.Outcome{}, errors.New("not yet")
	}
	return node.Outcome{Output: c.Attempt}, nil
}}

var broken = node.Type{Name: "race.broken", Summary: "Fails.", Run: func(context.Context, *node.Call) (node.Outcome, error) {
	return node.Outcome{}, errors.New("never")
}}
