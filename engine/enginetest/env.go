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
//
// [RunCases] does the same with cases in YAML, which `prana test` runs as well.
package enginetest

import (
	"context"
	"encoding/json"
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
	"prana/engine/sim"
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

// Options choose what an Env is made of. What the engine logs goes to the test unless they say otherwise.
type Options = sim.Options

// Env is a simulation in a test. Its methods end the test when something is wrong with the test itself. It is to be used
// by one goroutine.
type Env struct {
	t   T
	sim *sim.Simulation

	mu    sync.Mutex
	stubs map[string]node.Func
}

// New makes an Env whose workflows may use the node types.
func New(t T, types ...node.Type) *Env {
	t.Helper()
	return Open(t, Options{Types: types})
}

// Open makes an Env.
func Open(t T, o Options) *Env {
	t.Helper()
	e := &Env{t: t, stubs: map[string]node.Func{}}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	o.Types = e.stubbable(o.Types)
	var err error
	e.sim, err = sim.New(o)
	e.must(err)
	t.Cleanup(e.Engine().Wait)
	return e
}

// must ends the test when the test itself went wrong.
func (e *Env) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatalf("%v", err)
	}
}

// Process makes another engine on the same store, as another process would.
func (e *Env) Process() *engine.Engine {
	e.t.Helper()
	x, err := e.sim.Process()
	e.must(err)
	return x
}

// Restart begins another process in the place of the Env's own, which does nothing more: as if it had died. What it was at is
// found by the sweeper.
func (e *Env) Restart() {
	e.t.Helper()
	e.must(e.sim.Restart())
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
	if _, ok := e.sim.Registry().Lookup(nodeType); !ok {
		e.t.Fatalf("there is no node type %q to stub; hand it to New", nodeType)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stubs[nodeType] = f
}

// Deploy publishes a definition, in YAML or JSON, and gives its id.
func (e *Env) Deploy(source string) string {
	e.t.Helper()
	w, _, found := definition.Check("workflow", []byte(source), e.sim.Registry(), plan.Options{})
	if plan.HasErrors(found) {
		e.t.Fatalf("the definition is not valid: %v\n%s", found, source)
	}
	_, _, err := e.Engine().Deploy(e.t.Context(), w)
	e.must(err)
	return w.ID
}

// Start begins an execution and gives its id. Its first step waits for Run.
func (e *Env) Start(workflow string, input any) string {
	e.t.Helper()
	r, err := e.Engine().Start(e.t.Context(), flow.StartRequest{Workflow: workflow, Input: e.encode(input)})
	e.must(err)
	return r.ExecutionID
}

// Publish offers an event to all that wait for it.
func (e *Env) Publish(eventType string, data any) flow.PublishResult {
	e.t.Helper()
	r, err := e.Engine().Publish(e.t.Context(), flow.Event{Type: eventType, Data: e.encode(data)})
	e.must(err)
	return r
}

// Resume ends the wait of a node by hand; without a node, the only wait there is.
func (e *Env) Resume(execution, node string, data any) flow.ResumeResult {
	e.t.Helper()
	r, err := e.Engine().Resume(e.t.Context(), flow.ResumeRequest{Execution: execution, Node: node, Data: e.encode(data)})
	e.must(err)
	return r
}

// Cancel ends an execution before its time.
func (e *Env) Cancel(execution, reason string) {
	e.t.Helper()
	e.must(e.Engine().Cancel(e.t.Context(), flow.CancelRequest{Execution: execution, Reason: reason}))
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
func (e *Env) Engine() *engine.Engine { return e.sim.Engine() }

// Store is the store in memory, with its queue to be looked at.
func (e *Env) Store() *inmem.Store { return e.sim.Store() }

// Now tells the time of the store.
func (e *Env) Now() time.Time { return e.sim.Now() }
