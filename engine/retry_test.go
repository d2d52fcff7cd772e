package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

const poisoned = `
id: poisoned
nodes:
  - {key: start, type: test.start}
  - {key: w, type: test.wait, params: {timeout_ms: 1200000}}
  - {key: late, type: test.echo}
  - {key: n, type: test.sleep, params: {ms: 1800000}}
  - {key: d, type: test.dying}
  - {key: m, type: test.merge, settings: {join: all}}
connections: [start -> d, start -> n, start -> w, w.timeout -> late, late -> m.late, n -> m.n, d -> m.d]
`

func retry(t *testing.T, env *enginetest.Env, id string) flow.RetryResult {
	t.Helper()
	res, err := env.Engine().Retry(t.Context(), flow.RetryRequest{Execution: id})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// TestRetryOfPoison: once the cause is found the step runs again, and what came due while everything stood still happens.
func TestRetryOfPoison(t *testing.T) {
	t.Parallel()
	d := newDying()
	env := enginetest.New(t, append(types(), d.Type())...)
	env.Deploy(poisoned)
	id := env.Start("poisoned", nil)
	for range 3 {
		env.Step()
	}
	dead := poison(t, env, d, id)
	env.Advance(time.Hour)
	env.WantStatus(id, flow.Quarantined)
	d.healthy.Store(true)
	if res := retry(t, env, id); res.Generation != 1 || res.Status != flow.Running {
		t.Errorf("the answer is %+v, want generation 1, running", res)
	}
	env.Advance(time.Minute)
	env.WantStatus(id, flow.Completed)
	if r := env.NodeRun(id, "d", 0); r.Deaths != 0 || r.Error != nil || string(r.Output) != `"alive -4.000"` {
		t.Errorf("the step ended as %+v", r)
	}
	if n := env.Runs(id, "m"); n != 1 {
		t.Errorf("the join ran %d times, want 1", n)
	}
	bury(t, d, dead...)
	if r := env.NodeRun(id, "d", 0); string(r.Output) != `"alive -4.000"` {
		t.Errorf("a dead worker had its way: %s", r.Output)
	}
}

// TestRetryOfPoisonedStart: an execution that was to begin later, and whose first step killed its workers, begins.
func TestRetryOfPoisonedStart(t *testing.T) {
	t.Parallel()
	d := newDying()
	env := enginetest.New(t, append(types(), d.Type())...)
	env.Deploy(mortal)
	res, err := env.Engine().Start(t.Context(), flow.StartRequest{Workflow: "mortal", From: "d", StartAt: env.Now().Add(time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		env.Pass(20 * time.Second)
		for range 20 {
			env.Sweep()
			if len(env.Store().Tasks(0)) > 0 {
				break
			}
			env.Pass(time.Second)
		}
		if got := env.NodeRun(res.ExecutionID, "d", 0).Deaths; got != n {
			t.Fatalf("%d deaths were counted, want %d", got, n)
		}
		die(t, env, d)
	}
	env.Pass(20 * time.Second)
	env.Sweep()
	env.WantStatus(res.ExecutionID, flow.Quarantined)
	d.healthy.Store(true)
	retry(t, env, res.ExecutionID)
	env.Run()
	env.WantStatus(res.ExecutionID, flow.Completed)
	close(d.release)
}

// TestRetryOfAChild: a parent that was told of a failure went on, and one that never waits does not mind.
func TestRetryOfAChild(t *testing.T) {
	t.Parallel()
	for mode, refused := range map[string]bool{"sync": true, "async": true, "fire_and_forget": false} {
		env := enginetest.New(t, types()...)
		env.Deploy("id: kid\nnodes: [{key: start, type: test.start}, {key: f, type: test.broken}]\nconnections: [start -> f]")
		env.Deploy("id: parent\nnodes: [{key: start, type: test.start}, {key: c, type: test.child, params: {workflow: kid, mode: " + mode + "}}]\nconnections: [start -> c]")
		id := env.Start("parent", nil)
		env.Run()
		kid := env.Children(id)[0]
		env.WantStatus(kid, flow.Failed)
		_, err := env.Engine().Retry(t.Context(), flow.RetryRequest{Execution: kid})
		if p := flow.AsProblem(err); refused && (p == nil || p.Code != flow.ErrConflict.Code || p.Details["parent_execution_id"] != id) || !refused && err != nil {
			t.Errorf("%s: the answer is %v", mode, err)
		}
		env.Run()
		if want := map[bool]flow.Status{true: flow.Failed, false: flow.Completed}[refused]; env.Execution(kid).Status != want {
			t.Errorf("%s: the child is %s, want %s", mode, env.Execution(kid).Status, want)
		}
	}
}

// TestRetryAfterAnotherWasCancelled: what was withdrawn for another reason, be it in the very commit that failed, stays withdrawn.
func TestRetryAfterAnotherWasCancelled(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(`
id: cancels
nodes:
  - {key: start, type: test.start}
  - {key: w, type: test.wait}
  - {key: a, type: test.echo, settings: {cancels: [w]}}
  - {key: f, type: test.broken}
  - {key: v, type: test.wait, params: {event: other}}
connections: [start -> w, start -> v, start -> a, a -> f]`)
	id := env.Start("cancels", nil)
	env.Run()
	env.WantStatus(id, flow.Failed)
	retry(t, env, id)
	env.Run()
	if got := env.Execution(id).Suspensions; len(got) != 1 || got[0].Node != "v" {
		t.Errorf("it waits for %+v, want node v alone", got)
	}
}

// TestRetryAtALimit: an execution that used up its steps would only fail again, until the limit is raised.
func TestRetryAtALimit(t *testing.T) {
	t.Parallel()
	env := enginetest.Open(t, enginetest.Options{Types: types(), Limits: engine.Limits{Transitions: 2}})
	env.Deploy(chain)
	id := env.Start("chain", 1)
	env.Run()
	env.WantError(id, "too_many_transitions")
	_, err := env.Engine().Retry(t.Context(), flow.RetryRequest{Execution: id})
	if p := flow.AsProblem(err); p == nil || p.Code != flow.ErrConflict.Code || !strings.Contains(p.Message, "limits.transitions") {
		t.Errorf("the answer is %v, want a conflict that names the limit", err)
	}
	raised, err := engine.New(engine.Config{Store: env.Store(), Registry: node.NewRegistry(types()...)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raised.Retry(t.Context(), flow.RetryRequest{Execution: id}); err != nil {
		t.Fatal(err)
	}
	for d, ok := env.Store().Pop(0); ok; d, ok = env.Store().Pop(0) {
		if err := raised.RunStep(t.Context(), d); err != nil {
			t.Error(err)
		}
	}
	env.WantStatus(id, flow.Completed)
}

// noteless is a store of an earlier version, which did not note of steps what a retry makes of them.
type noteless struct{ engine.Store }

func (f noteless) Load(ctx context.Context, id string, w flow.Want) (*flow.Execution, error) {
	x, err := f.Store.Load(ctx, id, w)
	if err == nil {
		for _, s := range x.Steps {
			s.Was = ""
		}
	}
	return x, err
}

// TestRetryOfAnEarlierVersion: a retry of what failed before retries were known is refused; it does not end well at once, as if
// nothing had failed.
func TestRetryOfAnEarlierVersion(t *testing.T) {
	t.Parallel()
	env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(real engine.Store) engine.Store { return noteless{real} }})
	env.Deploy("id: w\nnodes:\n  - {key: start, type: test.start}\n  - {key: bad, type: test.fail}\nconnections: [start -> bad]\n")
	id := env.Start("w", 1)
	env.Run()
	env.WantStatus(id, flow.Failed)
	if _, err := env.Engine().Retry(t.Context(), flow.RetryRequest{Execution: id}); !errors.Is(err, flow.ErrConflict) || !strings.Contains(err.Error(), "rerun it") {
		t.Errorf("the retry gives %v", err)
	}
	env.WantStatus(id, flow.Failed)
}
