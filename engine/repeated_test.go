package engine_test

import (
	"context"
	"errors"
	"testing"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
)

// TestRepeatedRequestWhoseStoreIsAwayIsNotRefused repeats requests that counted, while one look at the execution fails: the answer
// is that nobody knows, and never that somebody else was first.
func TestRepeatedRequestWhoseStoreIsAwayIsNotRefused(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]func(t *testing.T, e *engine.Engine, id string) error{
		"cancel": func(t *testing.T, e *engine.Engine, id string) error {
			return e.Cancel(t.Context(), flow.CancelRequest{Execution: id, ID: "mine"})
		},
		"terminate": func(t *testing.T, e *engine.Engine, id string) error {
			return e.Terminate(t.Context(), flow.CancelRequest{Execution: id, ID: "mine"})
		},
		"resume": func(t *testing.T, e *engine.Engine, id string) error {
			wait := flow.SuspensionID{Execution: id, Step: flow.StepID{Node: 1}, Turn: 1}
			_, err := e.Resume(t.Context(), flow.ResumeRequest{Execution: id, Suspension: &wait, ID: "mine"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for call := 1; call <= 6; call++ {
				store := newFaulty(nil, fault{})
				env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(s engine.Store) engine.Store { store.Store.Store = s; return store }})
				env.Deploy(waiter)
				id := env.Start("waiter", 1)
				env.Run()
				if err := request(t, env.Engine(), id); err != nil {
					t.Fatal(err)
				}
				store.arm(fault{method: "Load", call: call, mode: failsBefore})
				if err := request(t, env.Engine(), id); err != nil && !errors.Is(err, flow.ErrUnavailable) {
					t.Errorf("with look %d failing it is told: %v", call, err)
				}
			}
		})
	}
}

// arm makes the store fail from now on, and counts its calls anew.
func (f *faulty) arm(next fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = next
	clear(f.calls)
}

// between is a store that lets something happen right after its next look.
type between struct {
	engine.Store
	then func()
}

func (b *between) Load(ctx context.Context, id string, want flow.Want) (*flow.Execution, error) {
	x, err := b.Store.Load(ctx, id, want)
	if then := b.then; then != nil {
		b.then = nil
		then()
	}
	return x, err
}

// TestRetryThatAnotherOvertookIsARepetition: of requests with one id at the same time, one alone is told that it was the first.
func TestRetryThatAnotherOvertookIsARepetition(t *testing.T) {
	t.Parallel()
	store := &between{}
	env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(s engine.Store) engine.Store { store.Store = s; return store }})
	env.Deploy(`{"id":"f","nodes":[{"key":"s","type":"test.start"},{"key":"bad","type":"test.fail"}],"connections":["s -> bad"]}`)
	id := env.Start("f", nil)
	env.Run()
	var first flow.RetryResult
	store.then = func() {
		first, _ = env.Engine().Retry(t.Context(), flow.RetryRequest{Execution: id, ID: "mine"})
		env.Run()
	}
	second, err := env.Engine().Retry(t.Context(), flow.RetryRequest{Execution: id, ID: "mine"})
	if err != nil || first.Generation != 1 || first.Repeated || second.Generation != 1 || !second.Repeated {
		t.Errorf("first %+v, second %+v, %v", first, second, err)
	}
}
