package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

func pauseIt(t *testing.T, env *enginetest.Env, id string) {
	t.Helper()
	if err := env.Engine().Pause(t.Context(), flow.PauseRequest{Execution: id, By: "ada", Reason: "the partner is down"}); err != nil {
		t.Fatal(err)
	}
}

func unpauseIt(t *testing.T, env *enginetest.Env, id string) {
	t.Helper()
	if err := env.Engine().Unpause(t.Context(), flow.PauseRequest{Execution: id}); err != nil {
		t.Fatal(err)
	}
}

// TestPauseLetsWhatRunsComeToItsEnd: its result is stored, and what follows from it begins only afterwards; nothing runs twice.
func TestPauseLetsWhatRunsComeToItsEnd(t *testing.T) {
	t.Parallel()
	began, release := make(chan struct{}), make(chan struct{})
	calls := 0
	slow := node.Type{Name: "test.slow", Run: func(context.Context, *node.Call) (node.Outcome, error) {
		calls++
		close(began)
		<-release
		return node.Outcome{Output: "done"}, nil
	}}
	env := enginetest.New(t, append(types(), slow)...)
	env.Deploy(`
id: slow
nodes: [{key: t, type: test.start}, {key: s, type: test.slow}, {key: a, type: test.echo}]
connections: [t -> s, s -> a]
`)
	id := env.Start("slow", nil)
	env.Step()
	task, _ := env.Store().Pop(0)
	ran := make(chan error, 1)
	go func() { ran <- env.Engine().RunStep(t.Context(), task) }()
	<-began
	pauseIt(t, env, id)
	close(release)
	if err := <-ran; err != nil {
		t.Fatal(err)
	}
	env.Store().Done(task)
	env.Advance(time.Hour)
	env.WantStatus(id, flow.Paused)
	env.WantPath(id, "t", "s", "a!pending")
	v := env.Execution(id)
	if p := v.Pause; p == nil || p.By != "ada" || p.Reason != "the partner is down" || !p.Since.Before(env.Now()) {
		t.Errorf("who paused it reads %+v", p)
	}
	unpauseIt(t, env, id)
	env.Run()
	env.WantStatus(id, flow.Completed)
	env.WantOutput(id, "done")
	if v := env.Execution(id); calls != 1 || v.Pause != nil {
		t.Errorf("the step ran %d times, and the pause reads %+v", calls, v.Pause)
	}
}

// TestPauseOutlivesAWorker: a step whose worker died while the execution was paused is not given to another before it goes on.
func TestPauseOutlivesAWorker(t *testing.T) {
	t.Parallel()
	d := newDying()
	env := enginetest.New(t, append(types(), d.Type())...)
	env.Deploy(poisoned)
	id := env.Start("poisoned", nil)
	for range 3 {
		env.Step()
	}
	w := die(t, env, d)
	pauseIt(t, env, id)
	env.Advance(time.Hour)
	env.WantStatus(id, flow.Paused)
	if r := env.NodeRun(id, "d", 0); r.Status != flow.StepPending || r.Deaths != 1 {
		t.Errorf("while it was paused the step is %s with %d deaths", r.Status, r.Deaths)
	}
	d.healthy.Store(true)
	unpauseIt(t, env, id)
	env.Advance(time.Hour)
	env.WantStatus(id, flow.Completed)
	bury(t, d, w)
}

// TestRetryOfWhatWasHeld: an execution that came into quarantine while it was paused goes on whole, with a timer whose time came.
func TestRetryOfWhatWasHeld(t *testing.T) {
	t.Parallel()
	d := newDying()
	env := enginetest.New(t, append(types(), d.Type())...)
	env.Deploy(`
id: held
nodes:
  - {key: t, type: test.start}
  - {key: w, type: test.wait}
  - {key: n, type: test.sleep, params: {ms: 2000}}
  - {key: v, type: test.wait, params: {event: other}}
  - {key: a, type: test.echo}
  - {key: d, type: test.dying}
connections: [t -> d, t -> w, w -> n, t -> v, v -> a]
`)
	id := env.Start("held", nil)
	for range 3 {
		env.Step()
	}
	var dead []*worker
	for n := range 5 {
		dead = append(dead, die(t, env, d))
		if n == 4 {
			env.Resume(id, "w", nil)
			env.Step()
			env.Step()
			pauseIt(t, env, id)
			env.Publish("other", 1)
			env.Pass(3 * time.Second)
			env.Sweep()
			env.Run() // the timer
		}
		outlive(t, env, id, n+1)
	}
	env.WantStatus(id, flow.Quarantined)
	env.Advance(time.Hour)
	d.healthy.Store(true)
	retry(t, env, id)
	env.Advance(time.Second)
	env.WantStatus(id, flow.Completed)
	if n, a := env.Runs(id, "n"), env.Runs(id, "a"); n != 1 || a != 1 {
		t.Errorf("the timer ran %d times, what followed the event %d times", n, a)
	}
	bury(t, d, dead...)
}

// TestPauseIsNotForWhatIsOver, nor for those that are ending or in quarantine.
func TestPauseIsNotForWhatIsOver(t *testing.T) {
	t.Parallel()
	d := newDying()
	env := enginetest.New(t, append(types(), d.Type())...)
	env.Deploy(poisoned)
	id := env.Start("poisoned", nil)
	for range 3 {
		env.Step()
	}
	dead := poison(t, env, d, id)
	for _, f := range []func(context.Context, flow.PauseRequest) error{env.Engine().Pause, env.Engine().Unpause} {
		if err := f(t.Context(), flow.PauseRequest{Execution: id}); !errors.Is(err, flow.ErrConflict) {
			t.Errorf("one in quarantine: %v", err)
		}
		if err := f(t.Context(), flow.PauseRequest{Execution: flow.NewExecutionID(0)}); !errors.Is(err, flow.ErrNotFound) {
			t.Errorf("one that is not there: %v", err)
		}
	}
	bury(t, d, dead...)
}
