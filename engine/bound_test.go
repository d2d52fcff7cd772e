package engine_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
)

// amnesiac is a store that comes back without its last writes while an execution is being created: without the start id.
type amnesiac struct {
	engine.Store
	mu       sync.Mutex
	ids      map[string]string
	forget   bool   // before the next execution is created
	meantime func() // what happens then
}

func (f *amnesiac) ReserveStart(_ context.Context, _, startID, execution, _ string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ids[startID] == "" {
		f.ids[startID] = execution
	}
	return f.ids[startID], nil
}

func (f *amnesiac) Commit(ctx context.Context, changes ...*flow.Change) error {
	f.mu.Lock()
	forget := f.forget && changes[0].Head != nil
	if forget {
		f.forget, f.ids = false, map[string]string{}
	}
	f.mu.Unlock()
	if forget {
		time.Sleep(time.Second)
		f.meantime()
	}
	return f.Store.Commit(ctx, changes...)
}

// TestAStartIDThatTheStoreLostStillCountsOnce: it is bound again after the execution was created, so that a repetition finds that
// one; and if it was repeated in between, the repetition's execution is the one that stays.
func TestAStartIDThatTheStoreLostStillCountsOnce(t *testing.T) {
	t.Parallel()
	for name, repeated := range map[string]bool{"repeated later": false, "repeated meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &amnesiac{ids: map[string]string{}, forget: true, meantime: func() {}}
				env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(real engine.Store) engine.Store {
					store.Store = real
					return store
				}})
				env.Deploy(waiter)
				start := func() flow.StartResult {
					t.Helper()
					res, err := env.Engine().Start(t.Context(), flow.StartRequest{Workflow: "waiter", ID: "once", Input: json.RawMessage(`{}`)})
					if err != nil {
						t.Fatal(err)
					}
					return res
				}
				var other flow.StartResult
				if repeated {
					store.meantime = func() { other = start() }
				}
				first, again := start(), start()
				if first.ExecutionID != again.ExecutionID || repeated && first.ExecutionID != other.ExecutionID {
					t.Errorf("one id started %s, %s and %s", first.ExecutionID, other.ExecutionID, again.ExecutionID)
				}
			})
		})
	}
}
