package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

// TestLostQueue deletes every task after each number of steps: everything still
// completes, through the sweeper, and nothing is done twice.
func TestLostQueue(t *testing.T) {
	t.Parallel()
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			want := s.play(t, fault{})
			for call := range want.calls["Commit"] {
				if got := s.playLosing(t, call+1); got.executions != want.executions || got.effects != want.effects {
					t.Errorf("after losing the queue at commit %d it ended as\n%s\nwant\n%s", call+1, got.executions, want.executions)
				}
			}
		})
	}
}

// forgetful is a store whose queue vanishes right after one of its commits.
type forgetful struct {
	engine.Store
	lose    func()
	at      int
	commits atomic.Int64
}

func (f *forgetful) Commit(ctx context.Context, changes ...*flow.Change) error {
	err := f.Store.Commit(ctx, changes...)
	if err == nil && f.commits.Add(1) == int64(f.at) {
		f.lose()
	}
	return err
}

func (s story) playLosing(t *testing.T, at int) told {
	t.Helper()
	var world ledger
	store := &forgetful{at: at}
	env := enginetest.Open(t, enginetest.Options{
		Types: world.watch(types()),
		Store: func(real engine.Store) engine.Store { store.Store = real; return store },
	})
	store.lose = func() { env.Store().Lose(0) }
	return s.told(t, env, &world, nil)
}

// TestStaleTasks brings tasks again that were done, or whose step moved on.
func TestStaleTasks(t *testing.T) {
	t.Parallel()
	var world ledger
	env := enginetest.New(t, world.watch(types())...)
	env.Deploy(chain)
	id := env.Start("chain", 1)
	var seen []flow.Dispatch
	for {
		d, ok := env.Store().Pop(0)
		if !ok {
			break
		}
		seen = append(seen, d)
		for _, again := range slices.Concat(seen, seen) {
			if err := env.Engine().RunStep(t.Context(), again); err != nil {
				t.Fatal(err)
			}
		}
		env.Store().Done(d)
	}
	env.WantStatus(id, flow.Completed)
	for key, n := range world.keys {
		if n != 1 {
			t.Errorf("side effect %s was made %d times", key, n)
		}
	}
	wrong := seen[0]
	wrong.Token = flow.NewToken()
	wrong.Execution = flow.NewExecutionID(0)
	if err := env.Engine().RunStep(t.Context(), wrong); err != nil {
		t.Errorf("a task of an unknown execution gives %v", err)
	}
}

// TestSameTaskAtOnce brings one task many times at once: the result of one
// counts, and the others are refused.
func TestSameTaskAtOnce(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(chain)
	id := env.Start("chain", 1)
	for {
		d, ok := env.Store().Pop(0)
		if !ok {
			break
		}
		race(t, 4, func() error { return env.Engine().RunStep(t.Context(), d) })
		env.Store().Done(d)
	}
	env.Engine().Wait()
	env.WantStatus(id, flow.Completed)
	if n := len(env.Execution(id).Nodes); n != 5 {
		t.Errorf("%d steps, want 5", n)
	}
}

// race does the same several times at once.
func race(t *testing.T, n int, f func() error) {
	t.Helper()
	errs := make(chan error, n)
	for range n {
		go func() { errs <- f() }()
	}
	for range n {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// worker is a process that may die: what its nodes wait for never comes.
type worker struct {
	engine  *engine.Engine
	stopped chan error
}

// dying is a node type that hangs until its worker is released, ignoring its context as the dead do.
type dying struct {
	entered chan string // key of each call that hangs
	release chan struct{}
	healthy atomic.Bool // hangs no more
}

func newDying() *dying {
	return &dying{entered: make(chan string), release: make(chan struct{})}
}

func (d *dying) Type() node.Type {
	return node.Type{Name: "test.dying", Run: func(_ context.Context, c *node.Call) (node.Outcome, error) {
		if d.healthy.Load() {
			return node.Outcome{Output: "alive " + c.Key[len(c.Execution):]}, nil
		}
		d.entered <- c.Key
		<-d.release
		return node.Outcome{Output: "dead"}, nil
	}}
}

// die takes the next task and dies running it.
func die(t *testing.T, env *enginetest.Env, d *dying) *worker {
	t.Helper()
	task, ok := env.Store().Pop(0)
	if !ok {
		t.Fatal("there is no task to die of")
	}
	w := &worker{engine: env.Process(), stopped: make(chan error, 1)}
	go func() { w.stopped <- w.engine.RunStep(context.WithoutCancel(t.Context()), task) }()
	<-d.entered
	return w
}

const mortal = `
id: mortal
nodes:
  - {key: start, type: test.start}
  - {key: d, type: test.dying}
connections: [start -> d]
`

// TestWorkerDies kills a worker in the middle of a step: the step runs again
// within 30 s with the same key, and what the dead one brings later is refused.
func TestWorkerDies(t *testing.T) {
	t.Parallel()
	d := newDying()
	env := enginetest.New(t, append(types(), d.Type())...)
	env.Deploy(mortal)
	id := env.Start("mortal", nil)
	env.Step()
	zombie := die(t, env, d)
	env.Advance(9 * time.Second)
	if n := len(env.Store().Tasks(0)); n != 0 {
		t.Fatalf("%d tasks: the step was given away too soon", n)
	}
	d.healthy.Store(true)
	env.Advance(21 * time.Second)
	env.WantStatus(id, flow.Completed)
	env.WantOutput(id, "alive -1.000")
	if n := env.NodeRun(id, "d", 0).Deaths; n != 1 {
		t.Errorf("%d deaths were counted, want 1", n)
	}
	close(d.release)
	if err := <-zombie.stopped; err != nil {
		t.Errorf("the late result gives %v, want a settled task", err)
	}
	env.WantOutput(id, "alive -1.000")
}

// TestPoison kills five workers with one step: it is quarantined, and counts no retries.
func TestPoison(t *testing.T) {
	t.Parallel()
	d := newDying()
	env := enginetest.New(t, append(types(), d.Type())...)
	env.Deploy(mortal)
	id := env.Start("mortal", nil)
	env.Step()
	dead := poison(t, env, d, id)
	env.WantError(id, "poison")
	env.Advance(time.Hour)
	env.WantStatus(id, flow.Quarantined)
	if v, err := env.Engine().Await(t.Context(), id); err != nil || v.Status != flow.Quarantined {
		t.Errorf("who waits for it gets %+v, %v", v, err)
	}
	close(d.release)
	for _, w := range dead {
		if err := <-w.stopped; err != nil {
			t.Error(err)
		}
	}
	env.WantStatus(id, flow.Quarantined)
	env.Cancel(id, "it is hopeless")
	env.WantStatus(id, flow.Cancelled)
}

// poison kills five workers with the first run of node d.
func poison(t *testing.T, env *enginetest.Env, d *dying, id string) []*worker {
	t.Helper()
	var dead []*worker
	for n := range 5 {
		env.WantStatus(id, flow.Running)
		dead = append(dead, die(t, env, d))
		outlive(t, env, id, n+1)
	}
	env.WantStatus(id, flow.Quarantined)
	return dead
}

// bury lets the dead bring what they have: their tasks are settled, whatever comes of it.
func bury(t *testing.T, d *dying, dead ...*worker) {
	t.Helper()
	close(d.release)
	for _, w := range dead {
		if err := <-w.stopped; err != nil {
			t.Error(err)
		}
	}
}

// outlive lets time pass until so many deaths of step d are counted. Nobody works meanwhile.
func outlive(t *testing.T, env *enginetest.Env, id string, deaths int) {
	t.Helper()
	for range 40 { // seconds
		env.Sweep()
		if env.NodeRun(id, "d", 0).Deaths == deaths {
			return
		}
		env.Pass(time.Second)
	}
	t.Fatalf("%d deaths were counted, want %d", env.NodeRun(id, "d", 0).Deaths, deaths)
}

// TestLongStepIsKept lets a step take longer than any deadline of the sweeper: the
// process that runs it renews its claim, whatever woke the step, and nobody else runs it.
func TestLongStepIsKept(t *testing.T) {
	t.Parallel()
	for name, workflow := range map[string]string{
		"a first attempt": `
id: long
nodes:
  - {key: start, type: test.start}
  - {key: l, type: test.long}
connections: [start -> l]
`,
		"a retry": `
id: long
nodes:
  - {key: start, type: test.start}
  - {key: l, type: test.long, params: {fails: 1}, settings: {retry_on_failed: true, retry_delay_ms: 1000}}
connections: [start -> l]
`,
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { keepLongStep(t, workflow) }) })
	}
}

func keepLongStep(t *testing.T, workflow string) {
	t.Helper()
	var calls atomic.Int64
	long := node.Type{Name: "test.long", Fields: []node.Field{{Name: "fails", Kind: node.Int, Default: 0}}, Run: func(ctx context.Context, c *node.Call) (node.Outcome, error) {
		calls.Add(1)
		if c.Attempt < c.Params["fails"].(int) {
			return node.Outcome{}, flow.Problemf("busy", "come again")
		}
		select {
		case <-time.After(time.Minute):
			return node.Outcome{Output: c.Attempt}, nil
		case <-ctx.Done():
			return node.Outcome{}, context.Cause(ctx)
		}
	}}
	env := enginetest.Open(t, enginetest.Options{Types: append(types(), long), Now: time.Now})
	env.Deploy(workflow)
	id := env.Start("long", nil)
	live(t, env, 3)
	time.Sleep(2 * time.Minute)
	env.WantStatus(id, flow.Completed)
	if r := env.NodeRun(id, "l", 0); int(calls.Load()) != r.Attempt+1 || r.Deaths != 0 {
		t.Errorf("%d calls for %d attempts, %d deaths", calls.Load(), r.Attempt+1, r.Deaths)
	}
}

// TestTaskOfAWithdrawnStepIsSettled: a step that is cancelled while it runs is broken off, and its task need not come again.
func TestTaskOfAWithdrawnStepIsSettled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		long := node.Type{Name: "test.long", Run: func(ctx context.Context, _ *node.Call) (node.Outcome, error) {
			<-ctx.Done()
			return node.Outcome{}, ctx.Err()
		}}
		env := enginetest.Open(t, enginetest.Options{Types: append(types(), long), Now: time.Now})
		env.Deploy(`{"id":"long","nodes":[{"key":"s","type":"test.start"},{"key":"l","type":"test.long"}],"connections":["s -> l"]}`)
		id := env.Start("long", nil)
		env.Step()
		d, ok := env.Store().Pop(0)
		if !ok {
			t.Fatal("the step has no task")
		}
		ctx, stop := context.WithCancel(t.Context())
		swept, settled := make(chan struct{}), make(chan error, 1)
		go func() { env.Engine().Run(ctx); close(swept) }()
		go func() { settled <- env.Engine().RunStep(ctx, d) }()
		synctest.Wait()
		env.Cancel(id, "enough")
		if err := <-settled; err != nil {
			t.Errorf("its task is to come again: %v", err)
		}
		stop()
		<-swept
	})
}

// live runs processes that sweep, renew and work, until the test ends.
func live(t *testing.T, env *enginetest.Env, processes int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	for range processes {
		e := env.Process()
		go func() { e.Run(ctx); done <- struct{}{} }()
		go func() { toil(ctx, env, e); done <- struct{}{} }()
	}
	t.Cleanup(func() {
		cancel()
		for range 2 * processes {
			<-done
		}
	})
}

// toil works off tasks as they come; one that fails is brought again a second later.
func toil(ctx context.Context, env *enginetest.Env, e *engine.Engine) {
	for ctx.Err() == nil {
		d, ok := env.Store().Pop(0)
		if !ok {
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		for e.RunStep(ctx, d) != nil && ctx.Err() == nil {
			time.Sleep(time.Second)
		}
		env.Store().Done(d)
	}
}

// TestManyProcesses lets several processes fight over wide and deep executions.
func TestManyProcesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		env := enginetest.Open(t, enginetest.Options{Types: types(), Now: time.Now})
		for _, w := range []string{chain, napper, waiter, parent} {
			env.Deploy(w)
		}
		wide := env.Deploy(fanOut(40))
		var ids []string
		for range 5 {
			ids = append(ids, env.Start("parent", 1), env.Start(wide, 1), env.Start("chain", 1))
		}
		live(t, env, 4)
		time.Sleep(10 * time.Minute)
		for _, id := range ids {
			env.WantStatus(id, flow.Completed)
		}
	})
}

// fanOut makes a workflow with n branches into one join.
func fanOut(n int) string {
	nodes := []map[string]any{{"key": "start", "type": "test.start"}, {"key": "m", "type": "test.echo", "params": map[string]any{"value": "$execution.run_index"}, "settings": map[string]any{"join": "all"}}}
	var links []string
	for i := range n {
		key := fmt.Sprintf("b%d", i)
		nodes = append(nodes, map[string]any{"key": key, "type": "test.echo"})
		links = append(links, "start -> "+key, key+" -> m")
	}
	raw, err := json.Marshal(map[string]any{"id": "wide", "nodes": nodes, "connections": links})
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// TestWideFanOut has more branches than one commit may dispatch.
func TestWideFanOut(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(fanOut(250))
	id := env.Start("wide", 1)
	env.Run()
	env.WantStatus(id, flow.Completed)
	env.WantOutput(id, 0)
	if n := env.Runs(id, "m"); n != 1 {
		t.Errorf("the join ran %d times", n)
	}
}
