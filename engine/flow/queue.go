package flow

import (
	"cmp"
	"regexp"
)

// DefaultQueue names the partitions' own queues, which bring every step that is to be run from no other.
const DefaultQueue = "default"

// MaxQueues bounds the names of queues in a store: a process that serves them all has connections for each.
const MaxQueues = 64

// QueueRule says to people how a queue may be called.
const QueueRule = "a name has 1 to 32 lower-case letters, digits, - and _, and begins with a letter or a digit"

var queueName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// ValidQueue tells whether s may be the name of a queue.
func ValidQueue(s string) bool { return queueName.MatchString(s) }

// QueueOf names the queue from which the steps of a node are run: that of its settings, else that of the execution.
// Empty = the partition's own.
func (h Head) QueueOf(s Settings) string {
	q := cmp.Or(s.Queue, h.Queue)
	if q == DefaultQueue {
		return ""
	}
	return q
}

// TooManyQueues refuses a name that would be one more than MaxQueues.
func TooManyQueues(name string) *Problem {
	p := Problemf("too_many_queues", "queue %q would be one more than the %d that a store may have; use one of those, or default", name, MaxQueues)
	p.Permanent = true
	return p
}
