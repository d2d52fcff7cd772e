package engine_test

import (
	"sync/atomic"
	"testing"
	"time"

	"prana/engine/enginetest"
	"prana/engine/flow"
)

// rounds is how often each race is run.
const rounds = 60

// together does different things at once, and fails the test with the first error.
func together(t *testing.T, fs ...func() error) {
	t.Helper()
	var next atomic.Int64
	race(t, len(fs), func() error { return fs[next.Add(1)-1]() })
}

// next takes the next task of an execution's partition.
func next(t *testing.T, env *enginetest.Env) flow.Dispatch {
	t.Helper()
	d, ok := env.Store().Pop(0)
	if !ok {
		t.Fatal("there is no task")
	}
	return d
}

// TestEventMeetsItsWait publishes an event at the moment in which its wait registers.
func TestEventMeetsItsWait(t *testing.T) {
	t.Parallel()
	for range rounds {
		env := enginetest.New(t, types()...)
		env.Deploy(waiter)
		id := env.Start("waiter", 1)
		env.Step()
		d := next(t, env)
		together(t,
			func() error { return env.Engine().RunStep(t.Context(), d) },
			func() error {
				_, err := env.Engine().Publish(t.Context(), flow.Event{Type: "go", Data: []byte(`1`)})
				return err
			})
		env.Engine().Wait()
		env.Run()
		env.WantStatus(id, flow.Completed)
		env.WantPath(id, "start", "w", "end")
		later := env.Start("waiter", 2)
		env.Run()
		env.WantStatus(later, flow.Suspended)
	}
}

// TestCancelMeetsTheEnd cancels an execution while its last step is stored.
func TestCancelMeetsTheEnd(t *testing.T) {
	t.Parallel()
	for range rounds {
		env := enginetest.New(t, types()...)
		env.Deploy(`{"id":"one","nodes":[{"key":"s","type":"test.start"}]}`)
		id := env.Start("one", 1)
		d := next(t, env)
		var cancelled error
		together(t,
			func() error { return env.Engine().RunStep(t.Context(), d) },
			func() error {
				cancelled = env.Engine().Cancel(t.Context(), flow.CancelRequest{Execution: id})
				return nil
			})
		want := map[string]flow.Status{"": flow.Cancelled, "conflict": flow.Completed}[code(cancelled)]
		env.WantStatus(id, want)
		ends := 0
		for _, n := range env.Notices(id) {
			if n.Name == flow.ExecutionCompleted || n.Name == flow.WorkflowCancelled {
				ends++
			}
		}
		if ends != 1 {
			t.Errorf("middleware was told of %d ends", ends)
		}
	}
}

// TestChildMeetsItsParentsTimeout lets a child end while its parent gives up on it.
func TestChildMeetsItsParentsTimeout(t *testing.T) {
	t.Parallel()
	for range rounds {
		env := enginetest.New(t, types()...)
		env.Deploy(`{"id":"kid","nodes":[{"key":"s","type":"test.start"},{"key":"z","type":"test.sleep","params":{"ms":1000}}],"connections":["s -> z"]}`)
		env.Deploy(`{"id":"dad","nodes":[{"key":"s","type":"test.start"},{"key":"c","type":"test.child","params":{"workflow":"kid","timeout_ms":1000,"on_failure":"continue"}}],"connections":["s -> c"]}`)
		id := env.Start("dad", 1)
		env.Run()
		env.Pass(time.Second)
		env.Sweep()
		a, b := next(t, env), next(t, env)
		together(t,
			func() error { return env.Engine().RunStep(t.Context(), a) },
			func() error { return env.Engine().RunStep(t.Context(), b) })
		env.Engine().Wait()
		env.Advance(time.Minute)
		env.WantStatus(id, flow.Completed)
		kid, by := env.Execution(env.Children(id)[0]).Status, env.NodeRun(id, "c", 0).ResumedBy
		if by == flow.ByChild && kid != flow.Completed || kid == flow.Cancelled && by != flow.ByTimeout {
			t.Errorf("the parent was resumed by %s, and the child is %s", by, kid)
		}
	}
}

// TestOneChild brings the step that starts a child many times at once.
func TestOneChild(t *testing.T) {
	t.Parallel()
	for range rounds {
		env := enginetest.New(t, types()...)
		env.Deploy(napper)
		env.Deploy(`{"id":"dad","nodes":[{"key":"s","type":"test.start"},{"key":"c","type":"test.child","params":{"workflow":"napper"}}],"connections":["s -> c"]}`)
		id := env.Start("dad", 1)
		env.Step()
		d := next(t, env)
		race(t, 4, func() error { return env.Engine().RunStep(t.Context(), d) })
		env.Run()
		if n, born := len(env.Children(id)), len(startedBy(env, "napper")); n != 1 || born != 1 {
			t.Fatalf("%d children are known, %d were born", n, born)
		}
	}
}
