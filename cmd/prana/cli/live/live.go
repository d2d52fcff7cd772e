// Package live draws executions for terminals and logs: as a tree, as a timeline, and in lines that tell what happened between
// two looks. Drawings are functions of what the API shows, of the time, and of what the terminal can do.
package live

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/explain"
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
			lines = append(lines, Line{s.SuspendedAt, s.Node, explain.Waiting(s, s.SuspendedAt)})
		}
	}
	slices.SortStableFunc(lines, func(a, b Line) int { return a.At.Compare(b.At) })
	if (now.Status.Terminal() || now.Status == flow.Quarantined) && now.Status != before.Status {
		lines = append(lines, Line{At: at(now.EndedAt), Text: Ending(now)})
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

// Ending says how an execution stands, and why: cancelled, which is a status and a code, once.
func Ending(v *flow.View) string {
	switch {
	case v.Error == nil:
		return string(v.Status)
	case v.Error.Code == string(v.Status):
		return v.Error.Error()
	}
	return fmt.Sprintf("%s: %s", v.Status, v.Error.Error())
}
