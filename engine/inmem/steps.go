package inmem

import (
	"slices"
	"time"

	"prana/engine/flow"
)

// claim is who renews a running step, or what a sweeper noted about it.
type claim struct {
	by   string
	note bool // left by Settle: it keeps nobody from claiming the step
}

func (s *Store) writeSteps(e *execution, home *partition, c *flow.Change, now time.Time) {
	for _, step := range c.Steps {
		stamp(step, c.Op, now)
		e.steps[step.ID] = step
		delete(e.claims, step.ID)
		entry := flow.DueEntry{Execution: e.id, Kind: flow.DueStep, Step: step.ID}
		if at, live := dueOf(step, c, now); live {
			home.due[entry] = s.line(at)
		} else {
			delete(home.due, entry)
		}
	}
}

// stamp gives a step the times that only the store knows.
func stamp(step *flow.Step, op string, now time.Time) {
	ran, began := step.Ran > 0, now.Add(-step.Ran).Truncate(time.Millisecond)
	step.Ran, step.Span = 0, nil
	step.Op, step.At = op, now
	fill(&step.CreatedAt, now)
	if !step.Status.Live() {
		fill(&step.EndedAt, now)
	}
	if ran {
		fill(&step.StartedAt, began)
	}
	if step.Resumed != nil {
		fill(&step.Resumed.At, now)
	}
	if n := len(step.Attempts); n > 0 {
		fill(&step.Attempts[n-1].EndedAt, now)
		fill(&step.Attempts[n-1].StartedAt, began)
	}
	if step.Wait != nil {
		stampWait(step.Wait, now)
	}
}

func stampWait(w *flow.Wait, now time.Time) {
	fill(&w.Since, now)
	switch {
	case !w.Due.IsZero() || !w.HasDue():
	case !w.Until.IsZero():
		w.Due = w.Until
	default:
		w.Due = now.Add(millis(w.In))
	}
}

// never is the time of a line that time alone does not make due.
var never time.Time

// dueOf is the line of a step that was just written; live is false when it has none.
func dueOf(step *flow.Step, c *flow.Change, now time.Time) (at time.Time, live bool) {
	if step.Status.Live() && step.Token == "" {
		return never, true // held, as long as the execution is paused
	}
	switch step.Status {
	case flow.StepPending:
		return duePending(step.ID, c, now), true
	case flow.StepSuspended:
		return dueWait(step.Wait, now), true
	case flow.StepOpen, flow.StepQuarantined:
		return never, true
	}
	return never, false
}

func duePending(id flow.StepID, c *flow.Change, now time.Time) time.Time {
	for _, d := range c.Dispatch {
		if d.Step == id && d.In <= 0 {
			return now.Add(flow.FreshDue)
		}
	}
	if slices.Contains(c.Front.Ready, id) {
		return never
	}
	return now
}

func dueWait(w *flow.Wait, now time.Time) time.Time {
	switch {
	case w == nil:
		return never
	case w.Looks() && (w.In <= 0 || w.In >= flow.LookDue):
		return now.Add(flow.LookDue)
	}
	return w.Due
}
