// Package explain says in words why an execution is where it is, what would move it, and who can. It is a function of what
// the API shows of an execution and of the time, so that every surface says the same.
package explain

import (
	"strings"
	"time"

	"prana/engine/flow"
)

// Explanation is why an execution is where it is.
type Explanation struct {
	ExecutionID string          `json:"execution_id"`
	Workflow    string          `json:"workflow"`
	Status      flow.Status     `json:"status"`
	Pause       *flow.PauseView `json:"pause,omitempty"` // who keeps it from going on
	// Sentence says all of it; where much holds the execution, the first few of it.
	Sentence string `json:"sentence"`
	// Reasons are the parts: what holds the execution, what ends first first; what nobody knows the end of, last. Empty when it is over.
	Reasons []Reason `json:"reasons"`
	// Next are the one to three commands that make sense now, the likeliest first.
	Next []Command `json:"next"`
}

// Reason is one thing that an execution waits for, or that is done for it.
type Reason struct {
	Kind         string     `json:"kind"` // a suspend type; or active: a step is being run, or queued for it
	Node         string     `json:"node"`
	Runs         []int      `json:"run_indexes"`             // the runs of the node that this is true of
	SuspensionID string     `json:"suspension_id,omitempty"` // of the first of them
	ChildID      string     `json:"child_execution_id,omitempty"`
	Text         string     `json:"text"`              // what it waits for, as in "waits for …"
	Mover        string     `json:"mover"`             // who or what moves it, as in "whoever …"
	Since        time.Time  `json:"since"`             // of the first of them
	Until        *time.Time `json:"until,omitempty"`   // when time moves it, the first of them
	Then         string     `json:"then,omitempty"`    // what happens then
	Command      *Command   `json:"command,omitempty"` // what whoever may move it can do; absent = nothing

	held bool // the execution is paused: what time ends does not go on
}

// Command is a command line that can be copied as it stands, and what it is for.
type Command struct {
	Line string `json:"command"`
	Why  string `json:"why"` // as in "to …"
}

// Of explains an execution as it is at a time. Times of day in the sentence are those of now's location.
func Of(v *flow.View, now time.Time) Explanation { return Among(v, Serving{}, now) }

// Among is Of, and says of steps that are to be run by whom, or what keeps them.
func Among(v *flow.View, s Serving, now time.Time) Explanation {
	reasons := reasonsOf(v, s, now)
	return Explanation{
		ExecutionID: v.ID, Workflow: v.Workflow, Status: v.Status, Pause: v.Pause,
		Sentence: sentence(v, reasons, now), Reasons: reasons, Next: next(v, reasons),
	}
}

// maxTold bounds how many reasons the sentence spells out.
const maxTold = 3

func sentence(v *flow.View, reasons []Reason, now time.Time) string {
	if text, over := ended(v, now); over {
		return text
	}
	var told []string
	for _, r := range reasons[:min(len(reasons), maxTold)] {
		told = append(told, r.clause(now))
	}
	text := opening(v, len(reasons), now) + strings.Join(told, "; it ")
	if rest := len(reasons) - len(told); rest > 0 {
		text += "; and for " + count(rest, "more thing", "more things")
	}
	text += "." + mover(v, reasons)
	if v.Deadline != nil {
		text += " The time of the whole execution is up " + when(*v.Deadline, now) + "."
	}
	return text
}

// mover says who or what moves the execution.
func mover(v *flow.View, reasons []Reason) string {
	switch {
	case v.Status == flow.Paused:
		return " To let it go on: prana unpause " + Quoted(v.ID)
	case len(reasons) == 0:
		return ""
	case len(reasons) > 1:
		return " Whichever ends first goes on first."
	case reasons[0].Command == nil:
		return " " + upper(reasons[0].Mover) + " moves it."
	}
	c := reasons[0].Command
	return " " + upper(reasons[0].Mover) + " moves it. To " + c.Why + ": " + c.Line
}

// clause is a reason with its times.
func (r Reason) clause(now time.Time) string {
	text := r.Text + ", since " + Span(now.Sub(r.Since))
	if r.Until == nil {
		return text
	}
	text += ", until " + clock(*r.Until, now)
	left := r.Until.Sub(now)
	switch {
	case left <= 0 && r.held:
		return text + " (overdue by " + Span(-left) + ", and held)"
	case left <= 0:
		return text + " (overdue by " + Span(-left) + ": a worker takes it as soon as one is free)"
	}
	if r.Then == "" || r.held {
		return text + " (in " + Span(left) + ")"
	}
	return text + " (in " + Span(left) + "; then it " + r.Then + ")"
}

// opening begins the sentence of an execution that lives.
func opening(v *flow.View, reasons int, now time.Time) string {
	switch {
	case v.Status == flow.Pending:
		return "It has not begun: it "
	case v.Status == flow.Cancelling:
		return "It ends before its time" + because(v.Error) + ", and what it did is being undone: it "
	case v.Status == flow.Paused && reasons == 0:
		return pausedBy(v.Pause, now)
	case v.Status == flow.Paused:
		return pausedBy(v.Pause, now) + ": it "
	case reasons == 0: // between two looks
		return "It is about to go on, since " + Span(now.Sub(lastMove(v)))
	case reasons == 1:
		return "It "
	}
	return "It does several things at once: it "
}

// pausedBy says who paused it, when and why, as far as that is known.
func pausedBy(p *flow.PauseView, now time.Time) string {
	who, rest := "Somebody", ""
	if p != nil {
		if p.By != "" {
			who = oneLine(p.By)
		}
		rest = " " + Span(now.Sub(p.Since)) + " ago"
		if p.Reason != "" {
			rest += " (" + flow.Cut(oneLine(p.Reason), 200) + ")"
		}
	}
	return who + " paused it" + rest + ", and nothing goes on until somebody lets it"
}

func because(p *flow.Problem) string {
	if p == nil {
		return ""
	}
	return " (" + short(p) + ")"
}

// lastMove is when anything happened last.
func lastMove(v *flow.View) time.Time {
	last := v.CreatedAt
	for _, n := range v.Nodes {
		if n.EndedAt != nil && n.EndedAt.After(last) {
			last = *n.EndedAt
		}
	}
	return last
}
