// Package sim simulates a deployment: a real engine on a store in memory, in one goroutine, with the clock in the hand of the
// caller. An approval that takes thirty days takes milliseconds.
package sim

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"prana/engine"
	"prana/engine/flow"
	"prana/engine/inmem"
	"prana/engine/node"
	"prana/engine/telemetry"
)

// Options choose what a Simulation is made of. Zero fields mean the defaults named here.
type Options struct {
	Types      []node.Type // the node types that workflows may use
	Partitions int         // default 1
	Limits     engine.Limits
	Alert      *flow.Alert       // whom to tell of used-up retries when a workflow does not say
	Secrets    map[string]string // what $secrets reads
	Env        map[string]string // what $env reads
	Post       func(ctx context.Context, url, id string, body []byte) error
	// Middleware is told everything that happens, after what records the notices.
	Middleware []telemetry.Named
	// Durable is told everything at least once; nil = nobody.
	Durable func(ctx context.Context, n flow.Notice)
	// NoSchedules keeps cron triggers from starting executions.
	NoSchedules bool
	// Begin is when the clock stands still at first; default 2026-01-01T00:00:00Z.
	Begin time.Time
	// Now is the clock; the default stands still unless it is moved.
	Now func() time.Time
	// Store wraps the store that the engine is given, to make it fail; default: as it is.
	Store func(engine.Store) engine.Store
	// Logger takes what the engine logs; default: nobody reads it.
	Logger *slog.Logger
}

// Simulation is an engine with everything around it that a process has. It is to be used by one goroutine.
type Simulation struct {
	opts     Options
	registry *node.Registry
	engine   *engine.Engine
	store    *inmem.Store
	clock    *clock
	wrapped  engine.Store
	again    []flow.Dispatch // tasks that could not be settled yet
	failures int             // in a row

	mu      sync.Mutex
	notices []flow.Notice
	due     int // entries, or schedules, that the last look found
}

// New makes a Simulation in which nothing has happened yet. It panics when the node types cannot stand beside one another.
func New(o Options) (*Simulation, error) {
	s := &Simulation{opts: o, clock: newClock(o.Begin), registry: node.NewRegistry(o.Types...)}
	s.opts.Partitions = max(1, o.Partitions)
	if o.Now == nil {
		s.opts.Now = s.clock.now
	}
	if o.Logger == nil {
		s.opts.Logger = slog.New(slog.DiscardHandler)
	}
	s.store = inmem.New(inmem.Options{Partitions: s.opts.Partitions, Now: s.opts.Now})
	s.wrapped = &watched{Store: s.store, sim: s}
	if o.Store != nil {
		s.wrapped = o.Store(s.wrapped)
	}
	return s, s.Restart()
}

// Process makes another engine on the same store, as another process would.
func (s *Simulation) Process() (*engine.Engine, error) {
	o := s.opts
	recorder := telemetry.Named{Name: "recorder", Call: s.record}
	return engine.New(engine.Config{
		Store: s.wrapped, Registry: s.registry, Partitions: o.Partitions, Limits: o.Limits, Logger: o.Logger,
		Hands: free{}, Alert: o.Alert, Post: o.Post, Durable: o.Durable,
		Secrets: s.secret, EnvAllow: slices.Sorted(maps.Keys(o.Env)), Env: func(name string) string { return o.Env[name] },
		Notify: telemetry.Chain(o.Logger, append([]telemetry.Named{recorder}, o.Middleware...)...),
	})
}

// free is a worker that takes everything along; the store keeps it at the head of the queue.
type free struct{}

func (free) Free(context.Context) bool       { return true }
func (free) Pulls(context.Context) bool      { return true }
func (free) Take(context.Context, flow.Task) {}
func (free) Acknowledged(string)             {}

// Restart begins another process in the place of the one before, which does nothing more: as if it had died. What it was at is
// found by the sweeper.
func (s *Simulation) Restart() error {
	x, err := s.Process()
	if err != nil {
		return fmt.Errorf("making an engine: %w", err)
	}
	s.engine, s.again, s.failures = x, nil, 0
	return nil
}

func (s *Simulation) secret(name string) (string, bool) {
	v, ok := s.opts.Secrets[name]
	return v, ok
}

// Engine is the engine itself: what the API does to workflows and executions is done by it.
func (s *Simulation) Engine() *engine.Engine { return s.engine }

// Store is the store in memory, with its queue to be looked at.
func (s *Simulation) Store() *inmem.Store { return s.store }

// Registry has the node types.
func (s *Simulation) Registry() *node.Registry { return s.registry }

// Now tells the time of the store.
func (s *Simulation) Now() time.Time { return s.opts.Now() }

// record notes what middleware is told.
func (s *Simulation) record(ctx context.Context, n flow.Notice, next flow.Next) {
	s.mu.Lock()
	s.notices = append(s.notices, n)
	s.mu.Unlock()
	next(ctx, n)
}
