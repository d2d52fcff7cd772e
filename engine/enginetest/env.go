// Package enginetest is the test kit for workflows and nodes: a real engine on
// a store in memory, in one goroutine, with the clock in the hand of the test.
// An approval that takes thirty days takes milliseconds.
//
//	env := enginetest.New(t, nodes.Builtin(nodes.Options{})...)
//	env.Stub("http.request", func(context.Context, *node.Call) (node.Outcome, error) { … })
//	env.Deploy(yaml)
//	id := env.Start("order_approval", map[string]any{"request_id": 7})
//	env.Run()
//	env.Advance(24 * time.Hour)
//	env.WantPath(id, "start", "wait_approval.escalate", "page")
package enginetest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"prana/engine"
	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/inmem"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/engine/telemetry"
)

// T is what an Env needs of a test: *testing.T has it, and so have the tests of
// libraries that generate cases.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(f func())
	Context() context.Context
	Output() io.Writer
}

// Options choose what an Env is made of. Zero fields mean the defaults named here.
type Options struct {
	Types      []node.Type // the node types that workflows may use
	Partitions int         // default 1
	Limits     engine.Limits
	Alert      *flow.Alert       // whom to tell of used-up retries when a workflow does not say
	Secrets    map[string]string // what $secrets reads
	Post       func(ctx context.Context, url, id string, body []byte) error
	// Middleware is told everything that happens, after the Env's own.
	Middleware []telemetry.Named
	// Durable is told everything at least once; nil = nobody.
	Durable func(ctx context.Context, n flow.Notice)
	// Now is the clock; the default stands still unless Advance moves it.
	Now func() time.Time
	// Store wraps the store that the engine is given, to make it fail; default: as it is.
	Store func(engine.Store) engine.Store
}

// Env is an engine with everything around it that a process has. Its methods
// end the test when something is wrong with the test itself. It is to be used
// by one goroutine.
type Env struct {
	t        T
	opts     Options
	registry *node.Registry
	engine   *engine.Engine
	store    *inmem.Store
	clock    *clock
	wrapped  engine.Store
	again    []flow.Dispatch // tasks that could not be settled yet
	failures int             // in a row
	last     string          // the workflow deployed last

	mu      sync.Mutex
	stubs   map[string]node.Func
	notices []flow.Notice
	due     int // entries, or schedules, that the last look found
}

// New makes an Env whose workflows may use the node types.
func New(t T, types ...node.Type) *Env {
	t.Helper()
	return Open(t, Options{Types: types})
}

// Open makes an Env.
func Open(t T, o Options) *Env {
	t.Helper()
	e := &Env{t: t, opts: o, clock: newClock(), stubs: map[string]node.Func{}}
	e.opts.Partitions = max(1, o.Partitions)
	if o.Now == nil {
		e.opts.Now = e.clock.now
	}
	e.store = inmem.New(inmem.Options{Partitions: e.opts.Partitions, Now: e.opts.Now})
	e.wrapped = &watched{Store: e.store, env: e}
	if o.Store != nil {
		e.wrapped = o.Store(e.wrapped)
	}
	e.registry = node.NewRegistry(e.stubbable(o.Types)...)
	e.engine = e.Process()
	t.Cleanup(e.engine.Wait)
	return e
}

// Process makes another engine on the same store, as another process would.
func (e *Env) Process() *engine.Engine {
	e.t.Helper()
	log := slog.New(slog.NewTextHandler(e.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	x, err := engine.New(engine.Config{
		Store: e.wrapped, Registry: e.registry, Partitions: e.opts.Partitions, Limits: e.opts.Limits, Logger: log,
		Hands: free{}, Alert: e.opts.Alert, Post: e.opts.Post, Durable: e.opts.Durable, Secrets: e.secret,
		Notify: telemetry.Chain(log, append([]telemetry.Named{{Name: "recorder", Call: e.record}}, e.opts.Middleware...)...),
	})
	if err != nil {
		e.t.Fatalf("making an engine: %v", err)
	}
	return x
}

// free is a worker that takes everything along; the store keeps it at the head of the queue.
type free struct{}

func (free) Free(context.Context) bool       { return true }
func (free) Take(context.Context, flow.Task) {}
func (free) Acknowledged(string)             {}

// Restart begins another process in the place of the Env's own, which does nothing more: as if it had died. What it was at is
// found by the sweeper.
func (e *Env) Restart() {
	e.t.Helper()
	e.engine, e.again, e.failures = e.Process(), nil, 0
}

func (e *Env) secret(name string) (string, bool) {
	v, ok := e.opts.Secrets[name]
	return v, ok
}

// stubbable lets Stub replace what a type does after the engine was made.
func (e *Env) stubbable(types []node.Type) []node.Type {
	all := make([]node.Type, len(types))
	for i, t := range types {
		name, own := t.Name, t.Run
		t.Run = func(ctx context.Context, c *node.Call) (node.Outcome, error) {
			e.mu.Lock()
			stub := e.stubs[name]
			e.mu.Unlock()
			if stub != nil {
				return stub(ctx, c)
			}
			return own(ctx, c)
		}
		all[i] = t
	}
	return all
}

// Stub replaces what the nodes of a type do; their parameters and ports stay. nil brings the real one back.
func (e *Env) Stub(nodeType string, f node.Func) {
	e.t.Helper()
	if _, ok := e.registry.Lookup(nodeType); !ok {
		e.t.Fatalf("there is no node type %q to stub; hand it to New", nodeType)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stubs[nodeType] = f
}

// Deploy publishes a definition, in YAML or JSON, and gives its id.
func (e *Env) Deploy(source string) string {
	e.t.Helper()
	w, _, found := definition.Check("workflow", []byte(source), e.registry, plan.Options{})
	if plan.HasErrors(found) {
		e.t.Fatalf("the definition is not valid: %v\n%s", found, source)
	}
	if _, _, err := e.engine.Deploy(e.t.Context(), w); err != nil {
		e.t.Fatalf("%v", err)
	}
	e.last = w.ID
	return w.ID
}

// Start begins an execution and gives its id. Its first step waits for Run.
func (e *Env) Start(workflow string, input any) string {
	e.t.Helper()
	r, err := e.engine.Start(e.t.Context(), flow.StartRequest{Workflow: workflow, Input: e.encode(input)})
	if err != nil {
		e.t.Fatalf("%v", err)
	}
	return r.ExecutionID
}

// Publish offers an event to all that wait for it.
func (e *Env) Publish(eventType string, data any) flow.PublishResult {
	e.t.Helper()
	r, err := e.engine.Publish(e.t.Context(), flow.Event{Type: eventType, Data: e.encode(data)})
	if err != nil {
		e.t.Fatalf("%v", err)
	}
	return r
}

// Resume ends the wait of a node by hand; without a node, the only wait there is.
func (e *Env) Resume(execution, node string, data any) flow.ResumeResult {
	e.t.Helper()
	r, err := e.engine.Resume(e.t.Context(), flow.ResumeRequest{Execution: execution, Node: node, Data: e.encode(data)})
	if err != nil {
		e.t.Fatalf("%v", err)
	}
	return r
}

// Cancel ends an execution before its time.
func (e *Env) Cancel(execution, reason string) {
	e.t.Helper()
	if err := e.engine.Cancel(e.t.Context(), flow.CancelRequest{Execution: execution, Reason: reason}); err != nil {
		e.t.Fatalf("%v", err)
	}
}

func (e *Env) encode(v any) json.RawMessage {
	e.t.Helper()
	raw, err := flow.Encode(v)
	if err != nil {
		e.t.Fatalf("%v is not JSON: %v", v, err)
	}
	return raw
}

// Engine is the engine itself, for everything that has no shorter form here.
func (e *Env) Engine() *engine.Engine { return e.engine }

// Store is the store in memory, with its queue to be looked at.
func (e *Env) Store() *inmem.Store { return e.store }

// Now tells the time of the store.
func (e *Env) Now() time.Time { return e.opts.Now() }

// record notes what middleware is told.
func (e *Env) record(ctx context.Context, n flow.Notice, next flow.Next) {
	e.mu.Lock()
	e.notices = append(e.notices, n)
	e.mu.Unlock()
	next(ctx, n)
}

// watched notes how much a look at what is due found.
type watched struct {
	engine.Store
	env *Env
}

func (w *watched) Due(ctx context.Context, partition, limit int, lease time.Duration) ([]flow.DueEntry, time.Duration, error) {
	due, next, err := w.Store.Due(ctx, partition, limit, lease)
	w.env.mu.Lock()
	defer w.env.mu.Unlock()
	w.env.due = len(due)
	if err != nil {
		return nil, 0, fmt.Errorf("looking for what is due: %w", err)
	}
	return due, next, nil
}

func (w *watched) DueSchedules(ctx context.Context, limit int, lease time.Duration) ([]flow.ScheduleState, time.Duration, error) {
	due, next, err := w.Store.DueSchedules(ctx, limit, lease)
	w.env.mu.Lock()
	defer w.env.mu.Unlock()
	w.env.due = len(due)
	if err != nil {
		return nil, 0, fmt.Errorf("looking for schedules: %w", err)
	}
	return due, next, nil
}

func (w *watched) OverdueEvents(ctx context.Context, limit int, lease time.Duration) ([]flow.Event, time.Duration, error) {
	overdue, next, err := w.Store.OverdueEvents(ctx, limit, lease)
	w.env.mu.Lock()
	defer w.env.mu.Unlock()
	w.env.due = len(overdue)
	if err != nil {
		return nil, 0, fmt.Errorf("looking for events that nobody publishes on: %w", err)
	}
	return overdue, next, nil
}

// clock stands still unless it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.After(c.at) {
		c.at = at
	}
}
