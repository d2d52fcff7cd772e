package client

import (
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

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
