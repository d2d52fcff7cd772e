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

// known remembers the keys of each queue, since they are needed with every step: queue -> flow.QueueKeys of some day.
var known sync.Map

// keysOf gives the keys of a queue on the day of a moment.
func keysOf(queue string, now time.Time) flow.QueueKeys {
	today := queueKey(queue, "processed:"+now.UTC().Format(time.DateOnly))
	if v, ok := known.Load(queue); ok {
		if k, _ := v.(flow.QueueKeys); k.Today == today {
			return k
		}
	}
	k := flow.QueueKeys{
		Queue: queue, Pending: queueKey(queue, "pending"), Scheduled: queueKey(queue, "scheduled"),
		Active: queueKey(queue, "active"), Lease: queueKey(queue, "lease"), LeaseFor: leaseFor, Paused: queueKey(queue, "paused"),
		Today: today, TodayFor: countersFor, Total: queueKey(queue, "processed"),
	}
	known.Store(queue, k)
	return k
}
