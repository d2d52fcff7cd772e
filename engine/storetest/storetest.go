// Package storetest states what every Store promises, as tests that any
// implementation can run. A case added here is a promise of all of them.
package storetest

import (
	"testing"
	"time"

	"prana/engine"
	"prana/engine/flow"
)

// Subject is a store under test and what the suite must see and move around it.
type Subject struct {
	// Store is empty, used by nobody else, and has at least the partitions 0 and 1.
	Store interface {
		engine.Store
		engine.Queries
	}
	// Now reads the store's clock.
	Now func() time.Time
	// Advance moves that clock, or really waits. The suite never waits longer than a second at once.
	Advance func(d time.Duration)
	// Tasks lists the tasks of a partition's own queue that are pending or scheduled; the
	// pending ones come first, in the order in which a worker gets them.
	Tasks func(partition int) []TaskSeen
	// KeptEvents is how many events of a type the store keeps; few, so that the suite may reach it, and at least 300.
	KeptEvents int
}

// TaskSeen is a task as the queue shows it.
type TaskSeen struct {
	ID    string // "<execution>:<step>:<token>" of its dispatch
	State flow.TaskState
}

// promise is one thing that every store keeps, and how to see that it does.
type promise struct {
	name string
	test func(w *world)
}

// Run tests a store. open makes a new subject for each promise, and closes it by
// t.Cleanup; it is called from tests that run in parallel.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	t.Helper()
	for _, theme := range []struct {
		name     string
		promises []promise
	}{
		{"commit", commitPromises},
		{"stamps", stampPromises},
		{"load", loadPromises},
		{"values", valuePromises},
		{"due", append(lineRules(), duePromises...)},
		{"tasks", taskPromises},
		{"queues", queuePromises},
		{"claims", claimPromises},
		{"key", keyPromises},
		{"starts", startPromises},
		{"waits", waitPromises},
		{"events", eventPromises},
		{"places", placePromises},
		{"outbox", outboxPromises},
		{"purge", purgePromises},
		{"lists", listPromises},
		{"narrowing", narrowingPromises},
		{"finding", findingPromises},
		{"definitions", definitionPromises},
		{"schedules", schedulePromises},
	} {
		t.Run(theme.name, func(t *testing.T) {
			t.Parallel()
			for _, p := range theme.promises {
				t.Run(p.name, func(t *testing.T) {
					t.Parallel()
					p.test(&world{T: t, Subject: open(t)})
				})
			}
		})
	}
}
