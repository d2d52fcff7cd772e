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

// known remembers the keys of each queue, since they are needed with every step: queue -> ofDay.
var known sync.Map

// ofDay are the keys of a queue on a day, counted from 1970.
type ofDay struct {
	day  int64
	keys flow.QueueKeys
}

// keysOf gives the keys of a queue on the day of a moment.
func keysOf(queue string, now time.Time) flow.QueueKeys {
	day := now.Unix() / int64(24*time.Hour/time.Second)
	if v, ok := known.Load(queue); ok {
		if k, _ := v.(*ofDay); k.day == day {
			return k.keys
		}
	}
	k := flow.QueueKeys{
		Queue: queue, Pending: queueKey(queue, "pending"), Scheduled: queueKey(queue, "scheduled"), Retry: queueKey(queue, "retry"),
		Active: queueKey(queue, "active"), Lease: queueKey(queue, "lease"), LeaseFor: leaseFor, Paused: queueKey(queue, "paused"),
		Today: queueKey(queue, "processed:"+now.UTC().Format(time.DateOnly)), TodayFor: countersFor, Total: queueKey(queue, "processed"),
	}
	known.Store(queue, &ofDay{day, k})
	return k
}
