package engine_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
)

// twoSteps takes each item through two nodes, all of them at once.
const twoSteps = `
id: wide
nodes:
  - {key: s, type: test.start}
  - {key: l, type: test.each, params: {items: $input, parallel: 1000}}
  - {key: a, type: test.echo}
  - {key: b, type: test.echo, params: {value: "{{ $nodes.a.output + $loop.item }}"}}
connections: [s -> l, l.loop -> a, a -> b, b -> l]
`

// doubled gives items, and what twoSteps makes of them.
func doubled(n int) (items, want []any) {
	for i := range n {
		items, want = append(items, i), append(want, 2*i)
	}
	return items, want
}

// loads counts what is read of executions.
type loads struct {
	engine.Store
	n int
}

func (l *loads) Load(ctx context.Context, id string, want flow.Want) (*flow.Execution, error) {
	l.n++
	return l.Store.Load(ctx, id, want)
}

// TestBranchesAreNotLoaded: what this process made of a fan it knows; each of the branches sees its own item and results.
func TestBranchesAreNotLoaded(t *testing.T) {
	t.Parallel()
	const many = 100
	counted := &loads{}
	env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(real engine.Store) engine.Store { counted.Store = real; return counted }})
	env.Deploy(twoSteps)
	items, want := doubled(many)
	id := env.Start("wide", items)
	env.Run()
	env.WantStatus(id, flow.Completed)
	env.WantOutput(id, want)
	if counted.n > many { // of 200 steps, and as many decisions; a machine that stands still for a while makes a few more
		t.Errorf("the execution was loaded %d times", counted.n)
	}
}

// TestBranchesOfTwoProcesses: what one knows of a fan another moves on, and nothing is lost or done twice.
func TestBranchesOfTwoProcesses(t *testing.T) {
	t.Parallel()
	const many = 30
	env := enginetest.New(t, types()...)
	env.Deploy(twoSteps)
	items, want := doubled(many)
	id := env.Start("wide", items)
	processes := []*engine.Engine{env.Engine(), env.Process()}
	for ran := true; ran; {
		var some atomic.Bool
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for d, ok := env.Store().Pop(0); ok; d, ok = env.Store().Pop(0) {
					some.Store(true)
					if err := processes[i/6].RunStep(t.Context(), d); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		ran = some.Load()
	}
	env.WantStatus(id, flow.Completed)
	env.WantOutput(id, want)
	if a, b := env.Runs(id, "a"), env.Runs(id, "b"); a != many || b != many {
		t.Errorf("the nodes ran %d and %d times", a, b)
	}
}

// TestBranchesOfWhatEndedElsewhere: what another process cancelled does not go on by what this one knew of it.
func TestBranchesOfWhatEndedElsewhere(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(twoSteps)
	items, _ := doubled(10)
	id := env.Start("wide", items)
	for range 4 { // the trigger, the loop, and two branches
		env.Step()
	}
	var left []flow.Dispatch
	for d, ok := env.Store().Pop(0); ok; d, ok = env.Store().Pop(0) {
		left = append(left, d)
	}
	if err := env.Process().Cancel(t.Context(), flow.CancelRequest{Execution: id}); err != nil {
		t.Fatal(err)
	}
	was := env.Execution(id)
	for _, d := range left {
		if err := env.Engine().RunStep(t.Context(), d); err != nil {
			t.Error(err)
		}
	}
	now := env.Execution(id)
	if len(left) == 0 || now.Status != flow.Cancelled || len(now.Nodes) != len(was.Nodes) {
		t.Errorf("with %d branches left it went from %s with %d steps to %s with %d", len(left), was.Status, len(was.Nodes), now.Status, len(now.Nodes))
	}
}

// readsTrigger reads what started the execution in a branch that sleeps, and in what follows from it.
const readsTrigger = `
id: told
nodes:
  - {key: s, type: test.start}
  - {key: m, type: test.echo, params: {value: [1, 2]}}
  - {key: l, type: test.each, params: {items: $input, parallel: 2}}
  - {key: a, type: test.sleep, params: {ms: "{{ $trigger.ms }}"}}
  - {key: b, type: test.echo, params: {value: "{{ $trigger.say }}"}}
connections: [s -> m, m -> l, l.loop -> a, a -> b, b -> l]
`

// TestBranchesReadTheTrigger: a process that learned of a fan without the execution's input, and read that later, does not run a branch
// without it.
func TestBranchesReadTheTrigger(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(readsTrigger)
	id := env.Start("told", map[string]any{"ms": 1000, "say": "hello"})
	env.Step()
	env.Step()
	other := env.Process()
	run := func(d flow.Dispatch) {
		t.Helper()
		if err := other.RunStep(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		env.Store().Done(d)
	}
	next := func() flow.Dispatch {
		t.Helper()
		d, ok := env.Store().Pop(0)
		if !ok {
			t.Fatal("there is no task")
		}
		return d
	}
	run(next()) // the loop
	run(next()) // which sleeps
	beside := next()
	env.Pass(time.Second)
	run(next()) // it woke
	run(next()) // and what follows it
	run(beside)
	env.AdvanceToEnd(id)
	env.WantOutput(id, []any{"hello", "hello"})
}
