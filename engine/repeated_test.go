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

// TestARepeatedIDWithAnotherBodyIsRefused: an answer that it counted would tell somebody that their other reason or data did.
func TestARepeatedIDWithAnotherBodyIsRefused(t *testing.T) {
	t.Parallel()
	end := func(hard bool) func(e *engine.Engine, id, body string) error {
		return func(e *engine.Engine, id, body string) error {
			_, err := e.End(t.Context(), flow.CancelRequest{Execution: id, ID: "mine", Reason: body}, hard)
			return err
		}
	}
	resume := func(r flow.ResumeRequest) func(e *engine.Engine, id, body string) error {
		return func(e *engine.Engine, id, body string) error {
			r.Execution, r.ID = id, "mine"
			if body != "" {
				r.Data = []byte(`{"b": 1, "a": "` + body + `"}`)
			}
			_, err := e.Resume(t.Context(), r)
			return err
		}
	}
	fail := func(e *engine.Engine, id, body string) error {
		_, err := e.Resume(t.Context(), flow.ResumeRequest{Execution: id, ID: "mine", Error: flow.Problemf("broken", "it is %s", body)})
		return err
	}
	for name, tt := range map[string]struct {
		deploy  string
		request func(e *engine.Engine, id, body string) error
	}{
		"cancel":                {waiter, end(false)},
		"cancel what is undone": {trip, end(false)},
		"terminate":             {waiter, end(true)},
		"resume":                {waiter, resume(flow.ResumeRequest{})},
		"resume with an error":  {waiter, fail},
		"resume before":         {posting, resume(flow.ResumeRequest{Node: "second"})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := enginetest.New(t, types()...)
			id := env.Start(env.Deploy(tt.deploy), 1)
			env.Run()
			for n, r := range []struct{ body, want string }{{"this", ""}, {"this", ""}, {"that", "idempotency_mismatch"}, {"", "idempotency_mismatch"}, {"this", ""}} {
				if err := tt.request(env.Engine(), id, r.body); code(err) != r.want {
					t.Errorf("request %d with %q gives %v, want code %q", n, r.body, err, r.want)
				}
				env.Run()
			}
		})
	}
}

// TestAnEndOfBeforeIsRepeated: of executions that ended earlier it was not noted for which reason.
func TestAnEndOfBeforeIsRepeated(t *testing.T) {
	t.Parallel()
	store := &unreasoned{}
	env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(s engine.Store) engine.Store { store.Store = s; return store }})
	env.Deploy(waiter)
	id := env.Start("waiter", 1)
	env.Run()
	for _, reason := range []string{"this", "that"} {
		if err := env.Engine().Cancel(t.Context(), flow.CancelRequest{Execution: id, ID: "mine", Reason: reason}); err != nil {
			t.Errorf("%s: %v", reason, err)
		}
	}
}

// unreasoned is a store of which an end has no reason, as earlier versions wrote it.
type unreasoned struct{ engine.Store }

func (f *unreasoned) Load(ctx context.Context, id string, w flow.Want) (*flow.Execution, error) {
	x, err := f.Store.Load(ctx, id, w)
	if err == nil && x.Error != nil {
		delete(x.Error.Details, "reason")
	}
	return x, err
}

// arm makes the store fail from now on, and counts its calls anew.
func (f *faulty) arm(next fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = next
	clear(f.calls)
}
