package engine_test

import (
	"testing"
	"time"

	"prana/engine/enginetest"
	"prana/engine/flow"
)

// beyond is an execution that has begun 250 branches, of which a commit enqueued 100.
func beyond(t *testing.T) (env *enginetest.Env, id string, tokens map[flow.StepID]string) {
	t.Helper()
	env = enginetest.New(t, types()...)
	env.Deploy(`{"id":"wide","nodes":[{"key":"s","type":"test.start"},{"key":"l","type":"test.each","params":{"items":"{{ 1..250 }}","parallel":1000}},
		{"key":"a","type":"test.echo"}],"connections":["s -> l","l.loop -> a","a -> l"]}`)
	id = env.Start("wide", nil)
	env.Step()
	env.Step()
	if n := len(env.Store().Tasks(0)); n != flow.MaxDispatch {
		t.Fatalf("there are %d tasks", n)
	}
	return env, id, tokensOf(t, env, id)
}

func tokensOf(t *testing.T, env *enginetest.Env, id string) map[flow.StepID]string {
	t.Helper()
	x, err := env.Store().Load(t.Context(), id, flow.Want{All: true})
	if err != nil {
		t.Fatal(err)
	}
	tokens := map[flow.StepID]string{}
	for _, s := range x.Steps {
		if s.Status == flow.StepPending {
			tokens[s.ID] = s.Token
		}
	}
	return tokens
}

func changed(before, after map[flow.StepID]string) (n int) {
	for id, token := range before {
		if after[id] != token {
			n++
		}
	}
	return n
}

// TestBeyondTheBoundOfACommit: what a commit did not enqueue is enqueued as it stands, as many at a time; the execution does not move for it.
func TestBeyondTheBoundOfACommit(t *testing.T) {
	t.Parallel()
	env, id, tokens := beyond(t)
	for _, want := range []int{200, 250} {
		env.Sweep()
		tasks := env.Store().Tasks(0)
		if len(tasks) != want {
			t.Errorf("there are %d tasks, want %d", len(tasks), want)
		}
		for _, d := range tasks {
			if tokens[d.Step] != d.Token {
				t.Errorf("the task of step %s has another token", d.Step)
			}
		}
	}
	if n := changed(tokens, tokensOf(t, env, id)); n > 0 {
		t.Errorf("%d steps have new tokens", n)
	}
	env.Run()
	env.WantStatus(id, flow.Completed)
}

// TestBeyondTheBoundOfADeadSweeper: who took a line may have enqueued its task before it died, and somebody may run it. So
// whoever comes next gives the step a new token.
func TestBeyondTheBoundOfADeadSweeper(t *testing.T) {
	t.Parallel()
	env, id, tokens := beyond(t)
	if due, _, err := env.Store().Due(t.Context(), 0, 100, 10*time.Second); err != nil || len(due) != 100 {
		t.Fatal(due, err)
	}
	env.Sweep() // the others
	env.Pass(9999 * time.Millisecond)
	env.Sweep()
	if n := changed(tokens, tokensOf(t, env, id)); n > 0 {
		t.Errorf("%d steps have new tokens before its time was over", n)
	}
	env.Pass(time.Millisecond)
	for range 3 { // also those that have tasks are looked at
		env.Sweep()
	}
	if n := changed(tokens, tokensOf(t, env, id)); n != 100 {
		t.Errorf("%d steps have new tokens", n)
	}
	env.Run()
	env.WantStatus(id, flow.Completed)
}
