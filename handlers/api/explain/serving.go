package explain

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// Serving is what is known of who runs the steps of an execution. The zero value is that nothing is.
type Serving struct {
	Queues  []wire.Queue // of the partition of the execution
	Workers []wire.Worker
}

// active is the reason of a step that is being run, or is to be: by whom, or what keeps it.
func (s Serving) active(v *flow.View, n flow.NodeRun) Reason {
	r := active(n)
	if w := s.runs(v.ID, n.Node); w != "" {
		r.Text += ", which worker " + w + " runs"
		r.Mover = "that worker"
		return r
	}
	if v.Status == flow.Paused {
		r.Text = "is held at " + n.Node + ", unless a worker was at it already"
		return r
	}
	r.Text += ", which a worker runs, or will as soon as one is free"
	if q, ok := s.queue(n.Queue); ok {
		r.queued(n.Node, q)
	}
	return r
}

// runs names the worker that runs a node of an execution, as of the last few seconds; empty = none is known to.
func (s Serving) runs(execution, node string) string {
	for _, w := range s.Workers {
		if slices.ContainsFunc(w.Tasks, func(t wire.Running) bool { return t.ExecutionID == execution && t.Node == node }) {
			return w.ID
		}
	}
	return ""
}

func (s Serving) queue(name string) (wire.Queue, bool) {
	i := slices.IndexFunc(s.Queues, func(q wire.Queue) bool { return q.Name == cmp.Or(name, flow.DefaultQueue) })
	if i < 0 {
		return wire.Queue{}, false
	}
	return s.Queues[i], true
}

// queued says what is between a step and a worker.
func (r *Reason) queued(node string, q wire.Queue) {
	look := &Command{Line: "prana queues " + Quoted(q.Name), Why: "see what is in the queue, and who serves it"}
	switch {
	case q.Workers == 0:
		r.Text = "is to run " + node + ", and no worker serves queue " + q.Name
		r.Mover, r.Command = "a worker that serves that queue", look
	case q.Paused:
		r.Text = "is to run " + node + ", and queue " + q.Name + " is paused"
		r.Mover, r.Command = "whoever lets the queue go on", look
	case q.Pending > 0:
		r.Text += fmt.Sprintf(" (%s in queue %s, the longest for %s; %s)", count(int(q.Pending), "task waits", "tasks wait"), q.Name,
			Span(time.Duration(q.LatencyMS)*time.Millisecond), count(q.Workers, "worker serves it", "workers serve it"))
		r.Command = look
	}
	if q.Retry > 0 {
		r.Text += fmt.Sprintf(" (workers handed %s of the queue back, to be tried again: their logs say why)", count(int(q.Retry), "task", "tasks"))
	}
}
