// Package live tells in lines what happened to an execution between two looks at it.
package live

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"prana/engine/flow"
)

// Line is one thing that happened.
type Line struct {
	At   time.Time
	Node string // key; empty for the whole execution
	Text string
}

// String gives "node: text".
func (l Line) String() string {
	if l.Node == "" {
		return l.Text
	}
	return l.Node + ": " + l.Text
}

// Changes tells what is new in now, in the order of time. before is nil at the first look.
func Changes(before, now *flow.View) []Line {
	if before == nil {
		before = &flow.View{}
	}
	var lines []Line
	for _, n := range now.Nodes {
		lines = append(lines, nodeChanges(before, n)...)
	}
	for _, s := range now.Suspensions {
		if !waited(before, s.ID) {
			lines = append(lines, Line{s.SuspendedAt, s.Node, Waiting(s)})
		}
	}
	slices.SortStableFunc(lines, func(a, b Line) int { return a.At.Compare(b.At) })
	if now.Status.Terminal() && now.Status != before.Status {
		lines = append(lines, Line{At: at(now.EndedAt), Text: ending(now)})
	}
	return lines
}

// nodeChanges tells what became of one run of a node. That a trigger ran is no news.
func nodeChanges(before *flow.View, n flow.NodeRun) []Line {
	if n.Status == statusOf(before, n) || n.Status.Live() || strings.HasSuffix(n.Type, "_trigger") || n.Type == "manual.trigger" {
		return nil
	}
	return []Line{{at(n.EndedAt), n.Node, Outcome(n)}}
}

// at is a time that may be missing.
func at(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func statusOf(v *flow.View, n flow.NodeRun) flow.StepStatus {
	for _, old := range v.Nodes {
		if old.Node == n.Node && old.RunIndex == n.RunIndex {
			return old.Status
		}
	}
	return ""
}

func waited(v *flow.View, id string) bool {
	for _, s := range v.Suspensions {
		if s.ID == id {
			return true
		}
	}
	return false
}

// Outcome says how a run of a node ended.
func Outcome(n flow.NodeRun) string {
	text := string(n.Status)
	if n.Port != "" && n.Port != flow.PortMain {
		text += " by port " + n.Port
	}
	if n.Attempt > 0 {
		text += fmt.Sprintf(" at attempt %d", n.Attempt+1)
	}
	if n.Error != nil {
		text += ": " + n.Error.Message
	}
	return text
}

func ending(v *flow.View) string {
	if v.Error == nil {
		return string(v.Status)
	}
	return fmt.Sprintf("%s: %s", v.Status, v.Error.Error())
}

// details are the members of suspension data that people want to see.
type details struct {
	EventType     string         `json:"event_type"`
	EventFilter   map[string]any `json:"event_filter"`
	WorkflowID    string         `json:"workflow_id"`
	ExecutionMode string         `json:"execution_mode"`
	Attempts      int            `json:"attempts"`
	AttemptNumber int            `json:"attempt_number"`
	MaxAttempts   int            `json:"max_attempts"`
	OriginalError *flow.Problem  `json:"original_error"`
	Title         string         `json:"title"`
	Assignees     []string       `json:"assignees"`
	Key           string         `json:"key"`
	Position      int            `json:"position"`
}

// Waiting says in a few words what a suspension waits for.
func Waiting(s flow.Suspension) string {
	var d details
	_ = json.Unmarshal(s.Data, &d) // a node of a user may note anything: then only the type is told
	switch s.Type {
	case flow.ExternalEvent:
		return "waits for event " + d.EventType + filter(d.EventFilter) + until(s)
	case flow.SubWorkflow:
		return strings.TrimSpace(fmt.Sprintf("waits for workflow %s %s", d.WorkflowID, mode(d.ExecutionMode)))
	case flow.Polling:
		return fmt.Sprintf("poll %d found no answer yet; asks again%s", d.Attempts, after(s))
	case flow.Delay:
		return "sleeps" + strings.Replace(after(s), " in ", " ", 1)
	case flow.Retry:
		return fmt.Sprintf("failed%s; retry %d of %d%s", cause(d.OriginalError), d.AttemptNumber, d.MaxAttempts, after(s))
	case flow.Approval:
		return "waits for " + cmp.Or(strings.Join(d.Assignees, ", "), "somebody") + " to approve: " + d.Title + until(s)
	case flow.Concurrency:
		return fmt.Sprintf("waits for a place of %q; was number %d in the queue", d.Key, d.Position)
	}
	return "waits (" + s.Type + ")" + until(s)
}

func mode(m string) string {
	if m == "" {
		return ""
	}
	return "(" + m + ")"
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
	return " (" + flow.Cut(p.Message, 80) + ")"
}

// after is the time from the beginning of the wait to its end.
func after(s flow.Suspension) string {
	if s.ResumeAt == nil {
		return ""
	}
	return " in " + Span(s.ResumeAt.Sub(s.SuspendedAt))
}

func until(s flow.Suspension) string {
	if s.TimeoutAt == nil {
		return ""
	}
	return ", at most " + Span(s.TimeoutAt.Sub(s.SuspendedAt))
}

// Span writes a duration as people read it: 850ms, 3.2s, 4m10s, 26h.
func Span(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		return whole(d.Round(time.Second), "m0s")
	}
	return whole(d.Round(time.Minute), "h0m0s", "m0s")
}

// whole leaves out the smaller units where they are nought: 4m0s is 4m.
func whole(d time.Duration, noughts ...string) string {
	text := d.String()
	for _, n := range noughts {
		if rest, ok := strings.CutSuffix(text, n); ok {
			return rest + n[:1]
		}
	}
	return text
}
