package explain

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"prana/engine/flow"
)

// note is what the built-in nodes and the engine write into suspension_data, as far as people want to see it.
type note struct {
	EventType       string         `json:"event_type"`
	EventFilter     map[string]any `json:"event_filter"`
	Match           any            `json:"match"`
	OnTimeout       string         `json:"on_timeout"`
	WorkflowID      string         `json:"workflow_id"`
	ExecutionMode   string         `json:"execution_mode"`
	FailureStrategy string         `json:"failure_strategy"`
	Endpoint        string         `json:"endpoint"`
	Condition       string         `json:"condition"`
	Attempts        int            `json:"attempts"` // polls so far
	Deadline        int64          `json:"deadline"` // of the polling, Unix ms
	LastStatus      int            `json:"last_status"`
	LastError       *flow.Problem  `json:"last_error"`
	AttemptNumber   int            `json:"attempt_number"` // of the retry
	MaxAttempts     int            `json:"max_attempts"`   // polls or retries at most
	OriginalError   *flow.Problem  `json:"original_error"`
	Title           string         `json:"title"`
	Assignees       []string       `json:"assignees"`
	Escalated       bool           `json:"escalated"`
	EscalateTo      []string       `json:"escalate_to"`
	Key             string         `json:"key"`
	Limit           int            `json:"limit"`
	Position        int            `json:"position"`
}

// noteOf reads what it can: a node of a user may note anything, and then only the type of the wait is told.
func noteOf(s flow.Suspension) note {
	var n note
	dec := json.NewDecoder(bytes.NewReader(s.Data))
	dec.UseNumber() // a filter keeps its numbers to the last digit
	if dec.Decode(&n) != nil {
		return note{}
	}
	return n
}

// Progress is how far a wait has come of how far it can; total is 0 where nobody knows.
func Progress(s flow.Suspension) (done, total int) {
	switch n := noteOf(s); s.Type {
	case flow.Polling:
		return n.Attempts, n.MaxAttempts
	case flow.Retry:
		return n.AttemptNumber, n.MaxAttempts
	}
	return 0, 0
}

// Waiting says in a few words what a suspension waits for, and how long from a time on: that of its beginning, or now.
func Waiting(s flow.Suspension, at time.Time) string {
	n := noteOf(s)
	switch s.Type {
	case flow.ExternalEvent:
		return "waits for event " + oneLine(n.EventType) + filter(n.EventFilter) + atMost(s, at)
	case flow.SubWorkflow:
		return "waits for workflow " + n.WorkflowID + bracketed(n.ExecutionMode) + atMost(s, at)
	case flow.Polling:
		return fmt.Sprintf("poll %d found no answer yet; asks again%s", n.Attempts, after(s, at, " in "))
	case flow.Delay, flow.TimedWait:
		return "sleeps" + after(s, at, " ")
	case flow.Retry:
		return fmt.Sprintf("failed%s; retry %d of %d%s", cause(n.OriginalError), n.AttemptNumber, n.MaxAttempts, after(s, at, " in "))
	case flow.Webhook:
		return "waits for a request to its resume URL" + atMost(s, at)
	case flow.Approval:
		return "waits for " + n.people() + " to approve: " + oneLine(n.Title) + atMost(s, at)
	case flow.Concurrency:
		return fmt.Sprintf("waits for a place of %q; was number %d in the queue", n.Key, n.Position)
	}
	return "waits (" + oneLine(s.Type) + ")" + atMost(s, at)
}

// people names who is asked to decide.
func (n note) people() string {
	who := n.Assignees
	if n.Escalated && len(n.EscalateTo) > 0 {
		who = n.EscalateTo
	}
	return oneLine(cmp.Or(strings.Join(who, ", "), "somebody"))
}

func bracketed(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

func filter(f map[string]any) string {
	if len(f) == 0 {
		return ""
	}
	raw, err := flow.Encode(f) // keys sorted
	if err != nil {
		return ""
	}
	return " " + string(raw)
}

func cause(p *flow.Problem) string {
	if p == nil {
		return ""
	}
	return " (" + flow.Cut(oneLine(p.Message), 80) + ")"
}

// after is the time that is left until the wait ends by itself.
func after(s flow.Suspension, at time.Time, before string) string {
	if s.ResumeAt == nil {
		return ""
	}
	if late := at.Sub(*s.ResumeAt); late > 0 {
		return ", overdue by " + Span(late)
	}
	return before + Span(s.ResumeAt.Sub(at))
}

// atMost is the time that is left until the wait is given up.
func atMost(s flow.Suspension, at time.Time) string {
	if s.TimeoutAt == nil {
		return ""
	}
	if late := at.Sub(*s.TimeoutAt); late > 0 {
		return ", overdue by " + Span(late)
	}
	return ", at most " + Span(s.TimeoutAt.Sub(at))
}

// end is when time ends the wait; nil = never. What time only interrupts, as reminders do an approval, it does not end.
func end(s flow.Suspension) *time.Time {
	if s.ResumeAt != nil && s.Type != flow.Approval {
		return s.ResumeAt
	}
	return s.TimeoutAt
}
