package engine_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

// shaky is a store whose every call may fail, before or after it did its work.
type shaky struct {
	engine.Store
	mu     sync.Mutex
	random *rand.Rand
	calm   atomic.Bool
}

func (s *shaky) mode() mode {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calm.Load() {
		return ""
	}
	switch s.random.IntN(20) {
	case 0:
		return failsBefore
	case 1:
		return losesReply
	}
	return ""
}

// Commit, Load and Due are where it shakes; what else fails is told by TestOneFailingCall.
func (s *shaky) Commit(ctx context.Context, changes ...*flow.Change) error {
	switch s.mode() {
	case failsBefore:
		return flow.ErrUnavailable
	case losesReply:
		_ = s.Store.Commit(ctx, changes...)
		return flow.ErrUnavailable
	}
	return s.Store.Commit(ctx, changes...)
}

func (s *shaky) Load(ctx context.Context, id string, want flow.Want) (*flow.Execution, error) {
	if s.mode() != "" {
		return nil, flow.ErrUnavailable
	}
	return s.Store.Load(ctx, id, want)
}

// TestChaos lets three processes work on a store that fails a tenth of all calls and loses its
// queue now and then: everything ends as it does in peace.
func TestChaos(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		synctest.Test(t, func(t *testing.T) { chaos(t, seed) })
	}
}

func chaos(t *testing.T, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 7))
	store := &shaky{random: rand.New(rand.NewPCG(seed, 8))}
	var world ledger
	env := enginetest.Open(t, enginetest.Options{
		Types: world.watch(types()), Now: time.Now,
		Store: func(real engine.Store) engine.Store { store.Store = real; return store },
	})
	store.calm.Store(true)
	for _, w := range []string{chain, napper, waiter, flaky, parent} {
		env.Deploy(w)
	}
	var ids []string
	for n := range 3 {
		for _, w := range []string{"chain", "flaky", "parent"} {
			r, err := env.Engine().Start(t.Context(), flow.StartRequest{Workflow: w, Input: []byte(`1`), StartAt: time.Now().Add(time.Duration(n) * time.Second)})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, r.ExecutionID)
		}
	}
	store.calm.Store(false)
	live(t, env, 3)
	for range 20 {
		time.Sleep(time.Duration(random.IntN(10_000)) * time.Millisecond)
		env.Store().Lose(0)
	}
	time.Sleep(10 * time.Minute)
	store.calm.Store(true)
	for n, id := range ids {
		env.WantStatus(id, flow.Completed)
		if got, want := len(env.Execution(id).Nodes), []int{5, 3, 3}[n%3]; got != want {
			t.Errorf("seed %d: %s has %d steps, want %d", seed, env.Execution(id).Workflow, got, want)
		}
		for _, r := range env.Execution(id).Nodes {
			if keys := world.keysOf(id, r.Node); keys != 1 {
				t.Errorf("seed %d: the attempts of %s had %d keys", seed, r.Node, keys)
			}
		}
	}
}

// TestFactsAreFolded: many results that meet in one process are stored with few commits.
func TestFactsAreFolded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &slow{}
		env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(real engine.Store) engine.Store { store.Store = real; return store }})
		env.Deploy(fanOut(40))
		id := env.Start("wide", 1)
		env.Step()
		var tasks []flow.Dispatch
		for d, ok := env.Store().Pop(0); ok; d, ok = env.Store().Pop(0) {
			tasks = append(tasks, d)
		}
		store.commits.Store(0)
		var next atomic.Int64
		race(t, len(tasks), func() error { return env.Engine().RunStep(t.Context(), tasks[next.Add(1)-1]) })
		if n := store.commits.Load(); len(tasks) != 40 || n > 3 {
			t.Errorf("%d results took %d commits", len(tasks), n)
		}
		env.Run()
		env.WantStatus(id, flow.Completed)
	})
}

// slow is a store whose commits take their time.
type slow struct {
	engine.Store
	commits atomic.Int64
}

func (s *slow) Commit(ctx context.Context, changes ...*flow.Change) error {
	s.commits.Add(1)
	time.Sleep(10 * time.Millisecond)
	return s.Store.Commit(ctx, changes...)
}

// patient is a node type that ends when its context does.
func patient(entered chan<- struct{}) node.Type {
	return node.Type{Name: "test.patient", Run: func(ctx context.Context, c *node.Call) (node.Outcome, error) {
		entered <- struct{}{}
		<-ctx.Done()
		return node.Outcome{}, context.Cause(ctx)
	}}
}

const patience = `
id: patience
nodes:
  - {key: start, type: test.start}
  - {key: p, type: test.patient, settings: {retry_on_failed: true}}
connections: [start -> p]
`

// TestShutdownHandsBack: a step that is stopped with its worker is brought again, and uses up no attempt.
func TestShutdownHandsBack(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{}, 1)
	env := enginetest.New(t, append(types(), patient(entered))...)
	env.Deploy(patience)
	id := env.Start("patience", nil)
	env.Step()
	d, _ := env.Store().Pop(0)
	ctx, stop := context.WithCancelCause(t.Context())
	err := make(chan error, 1)
	go func() { err <- env.Process().RunStep(ctx, d) }()
	<-entered
	stop(errors.New("shutting down"))
	if e := <-err; e == nil {
		t.Error("the task was settled, though nothing came of it")
	}
	if r := env.NodeRun(id, "p", 0); r.Status != flow.StepPending || r.Attempt != 0 || len(r.Attempts) != 0 {
		t.Errorf("the step is %s in attempt %d", r.Status, r.Attempt)
	}
	env.Stub("test.patient", pass)
	if err := env.Engine().RunStep(t.Context(), d); err != nil {
		t.Error(err)
	}
	env.WantStatus(id, flow.Completed)
}

// cut is a store in which one process can renew its claims once.
type cut struct {
	engine.Store
	hangs   bool // a renewal is not refused, but never answered
	renewed *time.Time
}

func (c cut) Renew(ctx context.Context, claimant string, steps []flow.Dispatch, d time.Duration) ([]flow.Dispatch, error) {
	if c.renewed.IsZero() {
		*c.renewed = time.Now()
		return c.Store.Renew(ctx, claimant, steps, d)
	}
	if c.hangs {
		<-ctx.Done()
	}
	return nil, flow.ErrUnavailable
}

// TestCutOffWorkerStops: a worker that cannot renew its claim breaks off the step by its own clock, before its claim ends and
// another begins the step.
func TestCutOffWorkerStops(t *testing.T) {
	t.Parallel()
	for name, hangs := range map[string]bool{"refused": false, "not answered": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { cutOff(t, hangs) })
		})
	}
}

func cutOff(t *testing.T, hangs bool) {
	entered := make(chan struct{}, 1)
	env := enginetest.Open(t, enginetest.Options{Types: append(types(), patient(entered)), Now: time.Now})
	env.Deploy(patience)
	id := env.Start("patience", nil)
	env.Step()
	d, _ := env.Store().Pop(0)
	var renewed time.Time
	e, err := engine.New(engine.Config{Store: cut{env.Store(), hangs, &renewed}, Registry: node.NewRegistry(append(types(), patient(entered))...)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { e.Run(ctx); close(ended) }()
	stopped := make(chan error, 1)
	go func() { stopped <- e.RunStep(t.Context(), d) }()
	<-entered
	if err := <-stopped; err == nil {
		t.Error("the task was settled, though nothing came of it")
	}
	if took := time.Since(renewed); took >= 12*time.Second {
		t.Errorf("the step went on for %s after it was renewed, and its claim ended after 12 s", took)
	}
	cancel()
	<-ended
	if r := env.NodeRun(id, "p", 0); r.Attempt != 0 || r.Status != flow.StepPending {
		t.Errorf("the step is %s in attempt %d", r.Status, r.Attempt)
	}
}
