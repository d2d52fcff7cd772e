// Package inmem is a store in memory whose clock is in the hand of the test. It
// keeps every promise of engine.Store that storetest states, and shows what a
// real store hides: its queue, its alarms, and what happens when both are lost.
package inmem

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"prana/engine"
	"prana/engine/flow"
)

var (
	_ engine.Store   = (*Store)(nil)
	_ engine.Queries = (*Store)(nil)
)

// Options choose what a Store is made of.
type Options struct {
	Partitions int              // how many there are; 0 = 1
	KeptEvents int              // how many events of one type are kept at most; 0 = 100,000
	Now        func() time.Time // its clock; nil = time.Now
}

// Store keeps executions in maps behind one mutex. Everything is copied on its
// way in and out, so that no caller shares memory with it.
type Store struct {
	clock      func() time.Time
	key        []byte
	keptEvents int

	mu         sync.Mutex
	partitions []*partition
	executions map[string]*execution
	workflows  map[string]*workflow
	starts     map[startKey]start
	events     map[string]*event
	places     map[string]*places // by concurrency key
	queues     map[string]bool    // names
	counter    uint64             // orders what happens within one millisecond
}

// partition is what one hash tag owns besides the executions themselves.
type partition struct {
	due   map[flow.DueEntry]line
	waits map[flow.SuspensionID]*wait
	tasks map[string]*task
	queue []string // ids of pending tasks, the next one first
}

// execution is the whole memory of one execution.
type execution struct {
	id, rev  string
	head     flow.Head
	front    flow.Front
	input    json.RawMessage
	steps    map[flow.StepID]*flow.Step
	claims   map[flow.StepID]claim
	nodes    map[int]flow.NodeState
	values   map[flow.Ref]flow.Value
	fans     map[flow.StepID]*flow.Fan
	parts    map[flow.StepID]*flow.Part
	state    map[string]json.RawMessage
	result   *flow.Value
	problem  *flow.Problem
	reply    json.RawMessage
	statusAt time.Time // since when it has its status
	endedAt  time.Time
	retired  time.Time        // when it was terminal and owed nothing more; zero = not yet
	taken    map[string]int64 // record after which an event was first taken
	outbox   []flow.Outgoing
	delays   []*delay
}

// New makes an empty store.
func New(o Options) *Store {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Store{
		clock:      o.Now,
		key:        make([]byte, 32),
		keptEvents: cmp.Or(o.KeptEvents, 100_000),
		executions: map[string]*execution{},
		workflows:  map[string]*workflow{},
		starts:     map[startKey]start{},
		events:     map[string]*event{},
		places:     map[string]*places{},
		queues:     map[string]bool{},
	}
	_, _ = rand.Read(s.key) // never fails: crypto/rand aborts the process instead
	for range max(1, o.Partitions) {
		s.partitions = append(s.partitions, &partition{
			due:   map[flow.DueEntry]line{},
			waits: map[flow.SuspensionID]*wait{},
			tasks: map[string]*task{},
		})
	}
	return s
}

// Ping answers as long as the context lives.
func (s *Store) Ping(ctx context.Context) error { return alive(ctx) }

// Key gives the secret of the store.
func (s *Store) Key(ctx context.Context) ([]byte, error) { return bytes.Clone(s.key), alive(ctx) }

// now has the resolution of a real store, so that no test relies on a finer one.
func (s *Store) now() time.Time { return s.clock().UTC().Truncate(time.Millisecond) }

func (s *Store) next() uint64 {
	s.counter++
	return s.counter
}

// at answers partition n; one that does not exist is empty.
func (s *Store) at(n int) *partition {
	if n < 0 || n >= len(s.partitions) {
		return &partition{}
	}
	return s.partitions[n]
}

// home is the partition that an execution id names.
func (s *Store) home(id string) (*partition, bool) {
	n, ok := flow.PartitionOf(id)
	if !ok || n >= len(s.partitions) {
		return &partition{}, false
	}
	return s.partitions[n], true
}

// alive refuses work for a context that is over, as a store behind a network
// would: code that commits with a cancelled context is found in memory already.
func alive(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", flow.ErrUnavailable, context.Cause(ctx))
	}
	return nil
}

// millis rounds a duration up: a timer may be late, never early.
func millis(d time.Duration) time.Duration {
	return time.Duration(flow.Millis(d)) * time.Millisecond
}
