package tasks

import (
	"sync"
	"time"

	"prana/engine/flow"
)

// Rules of asynq v0.26.0 (internal/rdb) for who works on a task.
const (
	leaseFor    = 30 * time.Second
	countersFor = 90 * 24 * time.Hour
)

// queueKey is a key of asynq v0.26.0 (internal/base).
func queueKey(queue, name string) string { return "asynq:{" + queue + "}:" + name }

// known remembers the keys of each queue, since they are needed with every step: queue -> *flow.QueueKeys.
var known sync.Map

// keysOf gives the keys of a queue.
func keysOf(queue string) flow.QueueKeys {
	if v, ok := known.Load(queue); ok {
		k, _ := v.(*flow.QueueKeys)
		return *k
	}
	k := flow.QueueKeys{
		Queue: queue, Pending: queueKey(queue, "pending"), Scheduled: queueKey(queue, "scheduled"), Retry: queueKey(queue, "retry"),
		Active: queueKey(queue, "active"), Lease: queueKey(queue, "lease"), LeaseFor: leaseFor, Paused: queueKey(queue, "paused"),
	}
	known.Store(queue, &k)
	return k
}

// countersOf are those of the tasks of a queue that were done on the day of a moment, and ever.
func countersOf(queue string, now time.Time) (today, ever string) {
	return queueKey(queue, "processed:"+now.UTC().Format(time.DateOnly)), queueKey(queue, "processed")
}
