package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
)

// turnstile holds each commit of a while until it is let pass.
type turnstile struct {
	engine.Store
	pass chan struct{} // nil = no commit is held
}

func (g *turnstile) Commit(ctx context.Context, changes ...*flow.Change) error {
	if g.pass != nil {
		<-g.pass
	}
	return g.Store.Commit(ctx, changes...)
}

// TestWhoseStepIsStoredIsFree: who decided for its own step, and for those that came meanwhile, does not go on with those that come
// later: its worker has its next task in hand.
func TestWhoseStepIsStoredIsFree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &turnstile{}
		env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(real engine.Store) engine.Store { store.Store = real; return store }})
		env.Deploy(twoSteps)
		items, want := doubled(2)
		id := env.Start("wide", items)
		env.Step()
		env.Step()
		store.pass = make(chan struct{})
		over := make(chan error, 2)
		for range 2 { // the second waits for the first
			d, _ := env.Store().Pop(0)
			go func() { over <- env.Engine().RunStep(t.Context(), d) }()
			synctest.Wait()
		}
		store.pass <- struct{}{}
		synctest.Wait()
		if len(over) != 1 {
			t.Error("who stored its step stores the step of another")
		}
		store.pass <- struct{}{}
		synctest.Wait()
		for range 2 {
			if err := <-over; err != nil {
				t.Error(err)
			}
		}
		store.pass = nil
		env.Run()
		env.WantOutput(id, want)
	})
}

// fullStore is a store that takes nothing, says why, and looks at nothing once the caller's time is over.
type fullStore struct {
	engine.Store
	full atomic.Bool
}

func (s *fullStore) Load(ctx context.Context, id string, want flow.Want) (*flow.Execution, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("loading execution %s: %w", id, err)
	}
	return s.Store.Load(ctx, id, want)
}

func (s *fullStore) Commit(ctx context.Context, changes ...*flow.Change) error {
	if s.full.Load() {
		return flow.Problemf(flow.ErrUnavailable.Code, "Redis is full")
	}
	return s.Store.Commit(ctx, changes...)
}

// TestWhoLosesPatienceIsToldWhy: what the store said counts, not that the time for asking it once more was over.
func TestWhoLosesPatienceIsToldWhy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &fullStore{}
		env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(s engine.Store) engine.Store { store.Store = s; return store }})
		env.Deploy(waiter)
		id := env.Start("waiter", nil)
		env.Run()
		store.full.Store(true)
		err := env.Engine().Cancel(t.Context(), flow.CancelRequest{Execution: id})
		if !errors.Is(err, flow.ErrUnavailable) || !strings.HasSuffix(err.Error(), "within 30s: Redis is full") {
			t.Errorf("it is told: %v", err)
		}
		store.full.Store(false)
	})
}
