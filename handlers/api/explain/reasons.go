package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"prana/engine/flow"
)

// KindActive is the kind of a [Reason] that is no wait: a worker runs the step, or will as soon as one is free. Which of
// the two it is, only the workers tell.
const KindActive = "active"

// reasonsOf lists what holds an execution that is not over. Runs of a node that are held by the same are one reason.
func reasonsOf(v *flow.View, serving Serving, now time.Time) []Reason {
	reasons := []Reason{}
	if v.Status.Terminal() || v.Status == flow.Quarantined {
		return reasons
	}
	same := map[string]int{}
	add := func(key string, r Reason) {
		if i, ok := same[key]; ok {
			reasons[i].join(r)
			return
		}
		same[key] = len(reasons)
		r.held = v.Status == flow.Paused
		reasons = append(reasons, r)
	}
	for _, n := range v.Nodes {
		if n.Status == flow.StepPending {
			add(KindActive+" "+n.Node, serving.active(v, n))
		}
	}
	for _, s := range v.Suspensions {
		n := noteOf(s)
		add(strings.Join([]string{s.Type, s.Node, s.EventType, n.WorkflowID}, " "), waiting(v, s, n, now))
	}
	slices.SortStableFunc(reasons, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), a.ends().Compare(b.ends()))
	})
	for i := range reasons {
		if more := len(reasons[i].Runs) - 1; more > 0 {
			reasons[i].Text += fmt.Sprintf(", one of %d runs of it", more+1)
		}
	}
	return reasons
}

// join adds a run that the same is true of. What is told is of the one that ends first.
func (r *Reason) join(other Reason) {
	runs := append(r.Runs, other.Runs...)
	since := r.Since
	if other.Since.Before(since) {
		since = other.Since
	}
	if other.rank() == r.rank() && other.ends().Before(r.ends()) {
		*r = other
	}
	r.Runs, r.Since = runs, since
}

// forPeople tells whether it is people or other systems that are waited for, not time: their commands come first.
func (r Reason) forPeople() bool { return r.Kind == flow.Approval || r.Kind == flow.ExternalEvent }

// rank sorts: what is done now, what time ends, what may wait for ever.
func (r Reason) rank() int {
	switch {
	case r.Kind == KindActive:
		return 0
	case r.Until != nil:
		return 1
	}
	return 2
}

func (r Reason) ends() time.Time {
	if r.Until == nil {
		return time.Time{}
	}
	return *r.Until
}

// active is the reason of a step that is being run, or is to be.
func active(n flow.NodeRun) Reason {
	r := Reason{Kind: KindActive, Node: n.Node, Runs: []int{n.RunIndex}, Since: ReadySince(n), Text: "works on " + n.Node, Mover: "the worker that runs it"}
	if n.Attempt > 0 {
		r.Text += fmt.Sprintf(" (attempt %d)", n.Attempt+1)
	}
	if n.Deaths > 0 {
		r.Text += " (" + count(n.Deaths, "worker", "workers") + " died at it)"
	}
	return r
}

// ReadySince is since when the last attempt of a run is to be run, as far as that is stored: deaths of its workers came later.
func ReadySince(n flow.NodeRun) time.Time {
	since := n.CreatedAt
	if n.ResumedAt != nil {
		since = *n.ResumedAt
	}
	for _, a := range n.Attempts {
		if a.EndedAt.After(since) {
			since = a.EndedAt
		}
	}
	return since
}

// waiting is the reason of a wait.
func waiting(v *flow.View, s flow.Suspension, n note, now time.Time) Reason {
	r := Reason{
		Kind: s.Type, Node: s.Node, Runs: []int{s.RunIndex}, SuspensionID: s.ID, ChildID: s.ChildID, Since: s.SuspendedAt, Until: end(s),
	}
	byHand := Command{Line: "prana resume " + Quoted(handle(v, s)), Why: "end the wait by hand"}
	switch at := " at " + s.Node; {
	case v.Status == flow.Pending:
		r.Text, r.Mover, r.Then = "is to begin later", "time", "begins"
	case s.Type == flow.ExternalEvent:
		r.Text, r.Mover, r.Then = "waits"+at+" for an event of type "+n.eventText(), "whoever publishes such an event", n.timeout()
		c := n.send()
		r.Command = &c
		if len(nothings(n.EventFilter)) > 0 {
			r.Mover, r.Command = "whoever ends it by hand", &byHand
		}
	case s.Type == flow.SubWorkflow:
		n.subWorkflow(&r, at, s.ChildID)
	case s.Type == flow.Polling:
		r.Text, r.Mover, r.Then = "polls"+at+n.pollText(now), "the answer that it polls for", "asks again"
		r.Command = &byHand
		r.Command.Why = "give the answer yourself, with -i KEY=VALUE"
	case s.Type == flow.Retry:
		r.Text, r.Mover = "waits"+at+" after a failure"+cause(n.OriginalError), "time"
		r.Then = fmt.Sprintf("begins retry %d of %d", n.AttemptNumber, n.MaxAttempts)
	case s.Type == flow.Approval:
		r.Text, r.Mover, r.Then = "waits"+at+" for "+n.people()+" to approve"+n.titled(), "a decision", n.timeout()
		c := decide("approve", v, s)
		r.Command = &c
	case s.Type == flow.Concurrency:
		r.Text = fmt.Sprintf("waits%s for one of %s of %q, as number %d in the queue when it came", at, count(n.Limit, "place", "places"), n.Key, n.Position)
		r.Mover = "the end of an execution that has such a place"
		r.Command = &Command{Line: "prana suspended --type concurrency", Why: "see who else waits for a place"}
	case s.Type == flow.Webhook:
		r.Text, r.Mover, r.Then = "waits"+at+" for a request to its resume URL", "whoever has that URL", "leaves by port "+flow.PortTimeout
		r.Command = &byHand
	case s.Type == flow.Delay || s.Type == flow.TimedWait:
		r.Text, r.Mover, r.Then = "sleeps"+at, "time", "goes on"
		r.Command = &byHand
		r.Command.Why = "wake it early"
	default: // of a node of a user
		r.Text, r.Mover = "waits"+at+" ("+oneLine(s.Type)+")", "whoever knows what it waits for"
		if s.ResumeAt != nil {
			r.Then = "goes on"
		} else if s.TimeoutAt != nil {
			r.Then = "is told that time ran out"
		}
		r.Command = &byHand
	}
	return r
}

// handle names a wait as short as is clear: the execution when it has no other.
func handle(v *flow.View, s flow.Suspension) string {
	if len(v.Suspensions) == 1 {
		return v.ID
	}
	return s.ID
}

// timeout says what happens when time runs out, as on_timeout has it.
func (n note) timeout() string {
	switch n.OnTimeout {
	case "":
		return ""
	case "fail":
		return "fails"
	}
	return "leaves by port " + n.OnTimeout
}

func (n note) eventText() string {
	text := oneLine(n.EventType)
	if len(n.EventFilter) > 0 {
		text += " with " + equations(n.EventFilter) + nothing(n.EventFilter)
	}
	if n.Match != nil {
		text += " that satisfies " + flow.Cut(oneLine(fmt.Sprint(n.Match)), 120)
	}
	return text
}

func (n note) subWorkflow(r *Reason, at, child string) {
	r.Text, r.Mover, r.Then = "waits"+at+" for the end of workflow "+n.WorkflowID+bracketed(n.ExecutionMode), "its end", "fails"
	if n.FailureStrategy == "continue" {
		r.Then = "goes on without it"
	}
	if child != "" {
		r.Text += ", execution " + child
		r.Command = &Command{Line: "prana explain " + Quoted(child), Why: "see why the child is where it is"}
	}
}

func (n note) titled() string {
	if n.Title == "" {
		return ""
	}
	return ` "` + flow.Cut(oneLine(n.Title), 100) + `"`
}

// pollText says what it asks, and how far it has come.
func (n note) pollText(now time.Time) string {
	text := " " + flow.Cut(oneLine(n.Endpoint), 120)
	if n.Condition != "" {
		text += " until " + flow.Cut(oneLine(n.Condition), 120)
	}
	text += fmt.Sprintf(" (poll %d", n.Attempts)
	if n.MaxAttempts > 0 {
		text += fmt.Sprintf(" of at most %d", n.MaxAttempts)
	}
	switch {
	case n.LastError != nil:
		text += " failed: " + flow.Cut(oneLine(n.LastError.Message), 80)
	case n.LastStatus > 0:
		text += fmt.Sprintf(" was answered %d", n.LastStatus)
	}
	if n.Deadline > 0 {
		text += "; it gives up by port " + flow.PortTimeout + " at " + clock(time.UnixMilli(n.Deadline), now)
	}
	return text + ")"
}
