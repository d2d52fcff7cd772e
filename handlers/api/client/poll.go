package client

import (
	"context"
	"iter"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// polled finds the updates of an execution in its history, asked for again and again: the server answers at the end of the
// execution, or after a while. What gets them from a stream takes its place.
func (c *Client) polled(ctx context.Context, id string) iter.Seq2[Update, error] {
	return func(yield func(Update, error) bool) {
		var now wire.History
		seen := map[run]stand{}
		for first := true; ; first = false {
			began, before := time.Now(), now.Status
			k := c.waiting(execution(id, "/history"), between(first, len(now.Items)), first)
			now = wire.History{}
			if _, err := c.do(ctx, k, &now); err != nil {
				yield(Update{}, err)
				return
			}
			for _, u := range updates(before, now, seen) {
				if !yield(u, nil) {
					return
				}
			}
			if now.Status.Terminal() {
				return
			}
			if err := rest(ctx, c.pause-time.Since(began)); err != nil {
				yield(Update{}, err)
				return
			}
		}
	}
}

// between is how long the server waits between two answers: longer when they are long, so that who follows costs it little.
func between(first bool, runs int) time.Duration {
	if first {
		return 0
	}
	return min(time.Second+time.Duration(runs/1000)*time.Second, longWait)
}

// run names a run of a node, and stand is what an update tells of it.
type (
	run struct {
		node  string
		index int
	}
	stand struct {
		status           flow.StepStatus
		attempt, failed  int
		started, resumed time.Time
	}
)

// updates tells what is other than it was seen, and remembers it.
func updates(before flow.Status, now wire.History, seen map[run]stand) []Update {
	var found []Update
	for i := range now.Items {
		r := &now.Items[i]
		key, is := run{r.Node, r.RunIndex}, standOf(r)
		if seen[key] != is {
			seen[key] = is
			found = append(found, Update{Status: now.Status, Run: r})
		}
	}
	if now.Status != before {
		found = append(found, Update{Status: now.Status})
	}
	return found
}

func standOf(r *flow.NodeRun) stand {
	return stand{r.Status, r.Attempt, len(r.Attempts), instant(r.StartedAt), instant(r.ResumedAt)}
}

// instant is a time that can be compared; the zero one when there is none.
func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
