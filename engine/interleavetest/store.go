package interleavetest

import (
	"context"
	"time"

	"prana/engine"
	"prana/engine/flow"
)

// What the calls of a store touch.
const (
	executions Thing = 1 << iota // with who waits
	due
	queue
	events
	outbox
	places
	// Clock is the time of the store; whoever moves it writes it. Events are taken to live longer than it is moved.
	Clock
	everything Thing = 1<<iota - 1
)

// touched says what the methods touch. Those that it does not name touch everything.
var touched = map[string]Call{
	"Load":          {Reads: executions | Clock},
	"Commit":        {Reads: Clock, Writes: executions | due | queue | outbox},
	"RecordEvent":   {Writes: events},
	"Waiting":       {Reads: executions},
	"FinishEvent":   {Writes: events},
	"KeptEvents":    {Reads: events},
	"OfferEvent":    {Writes: events},
	"OverdueEvents": {Reads: Clock, Writes: events},
	"Due":           {Reads: Clock, Writes: due},
	"Settle":        {Reads: Clock, Writes: due | executions},
	"Forget":        {Writes: due},
	"Enqueue":       {Writes: queue},
	"Task":          {Reads: queue | Clock},
	"Outbox":        {Reads: outbox},
	"Delivered":     {Writes: outbox | due | executions},
	"Renew":         {Reads: Clock, Writes: executions | due},
	"Acquire":       {Reads: Clock, Writes: places},
	"Release":       {Reads: Clock, Writes: places},
	"Holders":       {Reads: places},
	"ReserveStart":  {Writes: executions},
}

// Store hands everything through that moves an execution, and Around decides what becomes of each call. Definitions,
// schedules, queues and the key are no scheduling points.
type Store struct {
	engine.Store
	Around func(ctx context.Context, c Call, do func() error) error
}

// Named is a call by its name, touching what the method of that name touches.
func Named(name string) Call {
	c, ok := touched[name]
	if !ok {
		c = Call{Reads: everything, Writes: everything}
	}
	c.Name = name
	return c
}

// around performs a call, or does not.
func around[A any](ctx context.Context, s *Store, name string, do func() (A, error)) (answer A, err error) {
	err = s.Around(ctx, Named(name), func() (err error) {
		answer, err = do()
		return err
	})
	if err != nil {
		answer = *new(A)
	}
	return answer, err
}

func (s *Store) just(ctx context.Context, name string, do func() error) error {
	return s.Around(ctx, Named(name), do)
}

// Load implements engine.Store.
func (s *Store) Load(ctx context.Context, id string, want flow.Want) (*flow.Execution, error) {
	return around(ctx, s, "Load", func() (*flow.Execution, error) { return s.Store.Load(ctx, id, want) })
}

// Commit implements engine.Store.
func (s *Store) Commit(ctx context.Context, changes ...*flow.Change) error {
	return s.just(ctx, "Commit", func() error { return s.Store.Commit(ctx, changes...) })
}

// ReserveStart implements engine.Store.
func (s *Store) ReserveStart(ctx context.Context, workflow, startID, execution, digest string) (string, error) {
	return around(ctx, s, "ReserveStart", func() (string, error) {
		return s.Store.ReserveStart(ctx, workflow, startID, execution, digest)
	})
}

// RecordEvent implements engine.Store.
func (s *Store) RecordEvent(ctx context.Context, e flow.Event) (at time.Time, known *flow.PublishResult, err error) {
	known, err = around(ctx, s, "RecordEvent", func() (known *flow.PublishResult, err error) {
		at, known, err = s.Store.RecordEvent(ctx, e)
		return known, err
	})
	return at, known, err
}

// Waiting implements engine.Store.
func (s *Store) Waiting(ctx context.Context, e flow.Event, without []string, cursor string, limit int) (waits []flow.Taker, next string, err error) {
	err = s.just(ctx, "Waiting", func() (err error) {
		waits, next, err = s.Store.Waiting(ctx, e, without, cursor, limit)
		return err
	})
	return waits, next, err
}

// OfferEvent implements engine.Store.
func (s *Store) OfferEvent(ctx context.Context, e flow.Event, o flow.Offer) (flow.Offered, error) {
	return around(ctx, s, "OfferEvent", func() (flow.Offered, error) { return s.Store.OfferEvent(ctx, e, o) })
}

// FinishEvent implements engine.Store.
func (s *Store) FinishEvent(ctx context.Context, e flow.Event, o flow.Offer, result *flow.PublishResult) (open, took []flow.SuspensionID, err error) {
	own := *result // a lost reply leaves what the caller has
	err = s.just(ctx, "FinishEvent", func() (err error) {
		open, took, err = s.Store.FinishEvent(ctx, e, o, &own)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	*result = own
	return open, took, nil
}

// KeptEvents implements engine.Store.
func (s *Store) KeptEvents(ctx context.Context, sub flow.Subscription, cursor string, limit int) (kept []flow.KeptEvent, next string, err error) {
	err = s.just(ctx, "KeptEvents", func() (err error) {
		kept, next, err = s.Store.KeptEvents(ctx, sub, cursor, limit)
		return err
	})
	return kept, next, err
}

// OverdueEvents implements engine.Store.
func (s *Store) OverdueEvents(ctx context.Context, limit int, lease time.Duration) (overdue []flow.Event, next time.Duration, err error) {
	err = s.just(ctx, "OverdueEvents", func() (err error) {
		overdue, next, err = s.Store.OverdueEvents(ctx, limit, lease)
		return err
	})
	return overdue, next, err
}

// Acquire implements engine.Store.
func (s *Store) Acquire(ctx context.Context, key string, h flow.Holder, limit int) (position int, promoted []flow.Holder, err error) {
	err = s.just(ctx, "Acquire", func() (err error) {
		position, promoted, err = s.Store.Acquire(ctx, key, h, limit)
		return err
	})
	return position, promoted, err
}

// Release implements engine.Store.
func (s *Store) Release(ctx context.Context, key string, h flow.Holder) ([]flow.Holder, error) {
	return around(ctx, s, "Release", func() ([]flow.Holder, error) { return s.Store.Release(ctx, key, h) })
}

// Holders implements engine.Store.
func (s *Store) Holders(ctx context.Context, key string, n int) ([]flow.Holder, error) {
	return around(ctx, s, "Holders", func() ([]flow.Holder, error) { return s.Store.Holders(ctx, key, n) })
}

// Due implements engine.Store.
func (s *Store) Due(ctx context.Context, partition, limit int, lease time.Duration) (entries []flow.DueEntry, next time.Duration, err error) {
	err = s.just(ctx, "Due", func() (err error) {
		entries, next, err = s.Store.Due(ctx, partition, limit, lease)
		return err
	})
	return entries, next, err
}

// LoadDue implements engine.Store.
func (s *Store) LoadDue(ctx context.Context, due []flow.DueEntry) ([]flow.Found, error) {
	return around(ctx, s, "LoadDue", func() ([]flow.Found, error) { return s.Store.LoadDue(ctx, due) })
}

// Settle implements engine.Store.
func (s *Store) Settle(ctx context.Context, e flow.DueEntry, d time.Duration, note string) error {
	return s.just(ctx, "Settle", func() error { return s.Store.Settle(ctx, e, d, note) })
}

// Forget implements engine.Store.
func (s *Store) Forget(ctx context.Context, e flow.DueEntry) error {
	return s.just(ctx, "Forget", func() error { return s.Store.Forget(ctx, e) })
}

// Enqueue implements engine.Store.
func (s *Store) Enqueue(ctx context.Context, d ...flow.Dispatch) error {
	return s.just(ctx, "Enqueue", func() error { return s.Store.Enqueue(ctx, d...) })
}

// Task implements engine.Store.
func (s *Store) Task(ctx context.Context, d flow.Dispatch) (flow.TaskState, error) {
	return around(ctx, s, "Task", func() (flow.TaskState, error) { return s.Store.Task(ctx, d) })
}

// Renew implements engine.Store.
func (s *Store) Renew(ctx context.Context, claimant string, steps []flow.Dispatch, d time.Duration) ([]flow.Dispatch, error) {
	return around(ctx, s, "Renew", func() ([]flow.Dispatch, error) { return s.Store.Renew(ctx, claimant, steps, d) })
}

// Outbox implements engine.Store.
func (s *Store) Outbox(ctx context.Context, execution string) ([]flow.Outgoing, error) {
	return around(ctx, s, "Outbox", func() ([]flow.Outgoing, error) { return s.Store.Outbox(ctx, execution) })
}

// Delivered implements engine.Store.
func (s *Store) Delivered(ctx context.Context, execution, id string) error {
	return s.just(ctx, "Delivered", func() error { return s.Store.Delivered(ctx, execution, id) })
}
