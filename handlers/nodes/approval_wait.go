package nodes

import (
	"slices"
	"time"

	"prana/engine/flow"
	"prana/engine/node"
)

// approvalWait describes an approval to people, and is what the node remembers of it: once it waits, its parameters count no more.
type approvalWait struct {
	Title       string         `json:"title"`
	Description string         `json:"description,omitempty"`
	Assignees   []string       `json:"assignees"`
	Form        map[string]any `json:"form,omitempty"`
	DueAt       string         `json:"due_at,omitempty"`
	Reminders   int            `json:"reminders_sent"`
	Escalated   bool           `json:"escalated"`
	TimeoutAt   string         `json:"timeout_at,omitempty"`

	// Times in ms after the wait began; 0 = not, or not any more.
	RemindAt   int64    `json:"remind_at_ms,omitempty"`
	Every      int64    `json:"remind_every_ms,omitempty"`
	Max        int      `json:"remind_max,omitempty"`
	EscalateAt int64    `json:"escalate_at_ms,omitempty"`
	EscalateTo []string `json:"escalate_to,omitempty"`
	TimeoutMS  int64    `json:"timeout_ms,omitempty"`
	OnTimeout  string   `json:"on_timeout"`
}

func beginApproval(c *node.Call) (node.Outcome, error) {
	v := values(c.Params)
	remind := v.group("remind")
	a := approvalWait{
		Title: v.text("title"), Description: v.text("description"), Assignees: v.names("assignees"), Form: v.object("form"), DueAt: v.text("due_at"),
		RemindAt: remind.whole("every_ms"), Every: remind.whole("every_ms"), Max: int(remind.whole("max")),
		EscalateAt: v.whole("escalate_ms"), EscalateTo: v.names("escalate_to"), TimeoutMS: v.whole("timeout_ms"), OnTimeout: v.text("on_timeout"),
	}
	due := v.whole("due_ms")
	switch {
	case due > 0 && a.DueAt != "":
		return node.Outcome{}, invalid("due_at", "and due_ms are both given; one of them says when it is due")
	case (a.EscalateAt > 0) != (len(a.EscalateTo) > 0):
		return node.Outcome{}, invalid("escalate_to", "and escalate_ms need one another: who is asked, and when")
	case due > 0:
		a.DueAt = after(c.Now, due)
	}
	if a.TimeoutMS > 0 {
		a.TimeoutAt = after(c.Now, a.TimeoutMS)
	}
	return node.Outcome{Suspend: a.suspend()}, nil
}

func after(t time.Time, ms int64) string {
	return t.Add(time.Duration(ms) * time.Millisecond).UTC().Format(stamp)
}

// names gives a list of texts, which its field has checked.
func (v values) names(name string) []string {
	names := []string{}
	for _, e := range v.list(name) {
		if s, ok := e.(string); ok {
			names = append(names, s)
		}
	}
	return names
}

// suspend waits until whatever comes next. A turn in which something is emitted is no end of the wait: decisions that come
// meanwhile count, and only the last one is a timeout. What comes together with the timeout does not come.
func (a *approvalWait) suspend() *node.Suspend {
	next, timer := a.TimeoutMS, false
	for _, at := range []int64{a.RemindAt, a.EscalateAt} {
		if at > 0 && (next == 0 || at < next) {
			next, timer = at, true
		}
	}
	return &node.Suspend{Type: flow.Approval, Data: a, Timer: timer, In: time.Duration(next) * time.Millisecond, GoesOn: true}
}

// turn does what is due after so many ms, and says what is emitted. Reminders that were missed are sent once, and the next is in time again.
func (a *approvalWait) turn(waited int64) []node.Emission {
	var emits []node.Emission
	if a.EscalateAt > 0 && waited >= a.EscalateAt {
		a.escalate()
		emits = append(emits, node.Emission{Port: portEscalated, Output: map[string]any{
			"title": a.Title, "description": a.Description, "assignees": a.Assignees, "escalated_to": a.EscalateTo, "due_at": orNil(a.DueAt), "reminders_sent": a.Reminders,
		}})
	}
	if a.RemindAt > 0 && waited >= a.RemindAt {
		a.Reminders++
		a.RemindAt = (waited/a.Every + 1) * a.Every
		if a.Reminders >= a.Max {
			a.RemindAt = 0
		}
		emits = append(emits, node.Emission{Port: portReminder, Output: map[string]any{
			"number": a.Reminders, "title": a.Title, "description": a.Description, "assignees": a.Assignees, "due_at": orNil(a.DueAt), "escalated": a.Escalated,
		}})
	}
	return emits
}

// escalate asks the others as well.
func (a *approvalWait) escalate() {
	a.Escalated, a.EscalateAt = true, 0
	for _, name := range a.EscalateTo {
		if !slices.Contains(a.Assignees, name) {
			a.Assignees = append(a.Assignees, name)
		}
	}
}

func (a *approvalWait) timedOut(now time.Time) (node.Outcome, error) {
	if a.OnTimeout == failOnTimeout {
		p := flow.Problemf(codeTimeout, "nobody decided %q within %s", a.Title, time.Duration(a.TimeoutMS)*time.Millisecond)
		p.Details = map[string]any{"title": a.Title, "timeout_ms": a.TimeoutMS}
		return node.Outcome{}, p
	}
	return node.Outcome{Port: a.OnTimeout, Timeout: true, Output: decisionOutput("timeout", "", "", map[string]any{}, now)}, nil
}
