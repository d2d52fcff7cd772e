package nodes

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"prana/engine/flow"
	"prana/engine/node"
)

// Ports of wait.approval, beside that of the timeout.
const (
	portReminder  = "reminder"
	portEscalated = "escalated"
)

// Bounds of an approval.
const (
	maxTitle       = 200  // characters
	maxDescription = 4096 // characters
	maxAssignees   = 50
	maxReminders   = 500
)

var approvalFields = []node.Field{
	{Name: "title", Kind: node.String, Required: true, Min: new(1.0), Max: new(float64(maxTitle)), Summary: "What is to be decided, in a line."},
	{Name: "description", Kind: node.String, Max: new(float64(maxDescription)), Summary: "What whoever decides should know, as plain text."},
	{Name: "assignees", Kind: node.Array, Check: checkAssignees, Summary: "The names of who is to decide, at most 50: for people to read, nobody is kept from deciding."},
	{Name: "form", Kind: node.Object, Literal: true, Check: checkForm, Summary: "JSON Schema of an object that is to be filled in, of type object, at most 16 KiB. What is brought is held against it before the wait ends; a rejection may come without."},
	{Name: "due_ms", Kind: node.Int, Min: new(1.0), Max: new(float64(maxWaitMS)), Summary: "By when it should be decided, after the wait began: shown to people, nothing happens then."},
	{Name: "due_at", Kind: node.String, Check: checkDate, Summary: "The same as a date in RFC 3339, instead of due_ms."},
	{Name: "remind", Kind: node.Object, Summary: "Reminders, by port reminder. One that was missed while nothing ran is sent once, however many it were.", Items: []node.Field{
		{Name: "every_ms", Kind: node.Int, Required: true, Min: new(1.0), Max: new(float64(maxWaitMS)), Summary: "How long after the wait began, and then after each."},
		{Name: "max", Kind: node.Int, Default: 10, Min: new(1.0), Max: new(float64(maxReminders)), Summary: "How many at most."},
	}},
	{Name: "escalate_ms", Kind: node.Int, Min: new(1.0), Max: new(float64(maxWaitMS)), Summary: "When others are asked as well, after the wait began: once, by port escalated."},
	{Name: "escalate_to", Kind: node.Array, Check: checkAssignees, Summary: "The names of these others."},
	{Name: "timeout_ms", Kind: node.Int, Min: new(1.0), Max: new(float64(maxWaitMS)), Summary: "How long to wait; without it, for ever."},
	{Name: "on_timeout", Kind: node.String, Raw: true, Default: flow.PortTimeout, Check: checkTimeoutPort, Summary: "The port to leave by when time runs out, which may be approved or rejected; \"fail\" makes that an error of the node."},
}

var approvalOutput = []node.Output{
	{Port: portReminder, Summary: "Emitted for each reminder, while the wait goes on.", Fields: []node.Field{
		{Name: "number", Kind: node.Int, Summary: "From 1."},
		{Name: "title", Kind: node.String, Summary: "As it was when the wait began."},
		{Name: "description", Kind: node.String, Summary: "Likewise."},
		{Name: "assignees", Kind: node.Array, Summary: "Who is asked, those after an escalation included."},
		{Name: "due_at", Kind: node.String, Summary: "By when it should be decided, or null."},
		{Name: "escalated", Kind: node.Bool, Summary: "Whether others were asked as well."},
	}},
	{Port: portEscalated, Summary: "Emitted once, while the wait goes on.", Fields: []node.Field{
		{Name: "title", Kind: node.String, Summary: "As it was when the wait began."},
		{Name: "description", Kind: node.String, Summary: "Likewise."},
		{Name: "assignees", Kind: node.Array, Summary: "Who is asked now, all of them."},
		{Name: "escalated_to", Kind: node.Array, Summary: "Those of them who are asked since now."},
		{Name: "due_at", Kind: node.String, Summary: "By when it should be decided, or null."},
		{Name: "reminders_sent", Kind: node.Int, Summary: "How often it was reminded before."},
	}},
	{Summary: "It was decided, or time ran out.", Fields: []node.Field{
		{Name: "decision", Kind: node.String, Summary: "approved, rejected or timeout."},
		{Name: "by", Kind: node.String, Summary: "Who decided, as they called themselves, or null."},
		{Name: "comment", Kind: node.String, Summary: "What they said, or null."},
		{Name: "form", Kind: node.Object, Summary: "What they filled in."},
		{Name: "decided_at", Kind: node.String, Summary: "When, in RFC 3339."},
	}},
}

func waitApproval() node.Type {
	return node.Type{
		Name: "wait.approval",
		Summary: "Waits until a person approves or rejects, through the CLI, the API or the page behind its resume URL, and leaves by the port of that name. " +
			"$execution.resume_urls.KEY is that URL in the nodes before it, and in those after ports reminder and escalated, which run while it waits.",
		Fields:     approvalFields,
		Outputs:    []string{flow.Approved, flow.Rejected, portReminder, portEscalated, "*"},
		OutputsFor: approvalPorts,
		Emits:      []string{portReminder, portEscalated},
		Output:     approvalOutput,
		Waits:      true,
		Brings:     approvalSchema,
		Examples:   approvalExamples,
		Run:        runApproval,
	}
}

var approvalExamples = []node.Example{
	{
		Title: "A purchase, with a form", Params: map[string]any{
			"title": "Order {{ $input.item }}?", "assignees": []any{"ada@example.com"},
			"form": map[string]any{
				"type": "object", "required": []any{"amount"},
				"properties": map[string]any{"amount": map[string]any{"type": "integer", "minimum": 1, "title": "Amount"}},
			},
			"timeout_ms": 2592000000,
		},
		Input:  map[string]any{"item": "a desk"},
		Then:   []string{`resume - {"decision": "approved", "comment": "why not", "by": "Ada", "form": {"amount": 3}}`},
		Port:   flow.Approved,
		Output: map[string]any{"decision": "approved", "by": "Ada", "comment": "why not", "form": map[string]any{"amount": 3}, "decided_at": "…"},
	},
	{
		Title: "A reminder each week, others after two, and no after a month", Params: map[string]any{
			"title": "Open the gate?", "assignees": []any{"ada"}, "remind": map[string]any{"every_ms": 604800000, "max": 3},
			"escalate_ms": 1209600000, "escalate_to": []any{"grace"}, "timeout_ms": 2592000000, "on_timeout": flow.Rejected,
		},
		Then: []string{"advance 720h"}, Port: flow.Rejected,
		Output: map[string]any{"decision": "timeout", "by": nil, "comment": nil, "form": map[string]any{}, "decided_at": "…"},
	},
}

func approvalPorts(params map[string]any) []string {
	ports := []string{flow.Approved, flow.Rejected, portReminder, portEscalated}
	port := flow.PortTimeout
	if s, ok := isConstant(params["on_timeout"]); ok {
		port = s
	}
	if port == failOnTimeout || slices.Contains(ports, port) {
		return ports
	}
	return append(ports, port)
}

func checkTimeoutPort(v any) error {
	if v == portReminder || v == portEscalated {
		return fmt.Errorf("must not be %v, by which the node does not leave", v)
	}
	return nil
}

func checkAssignees(v any) error {
	list, _ := v.([]any)
	if len(list) > maxAssignees {
		return fmt.Errorf("names %d people; the most is %d", len(list), maxAssignees)
	}
	for _, e := range list {
		if s, ok := e.(string); !ok || s == "" || utf8.RuneCountInString(s) > flow.MaxActor {
			return fmt.Errorf("must hold names of 1 to %d characters", flow.MaxActor)
		}
	}
	return nil
}

func checkDate(v any) error {
	s, _ := v.(string)
	if _, err := time.Parse(time.RFC3339, s); err != nil {
		return fmt.Errorf("must be a date in RFC 3339, such as 2026-03-01T09:00:00Z")
	}
	return nil
}

func runApproval(_ context.Context, c *node.Call) (node.Outcome, error) {
	r := c.Resume
	switch {
	case r == nil:
		return beginApproval(c)
	case r.Error != nil:
		return node.Outcome{}, r.Error
	case r.By != flow.ByTimer && r.By != flow.ByTimeout:
		return decided(r)
	}
	var a approvalWait
	if err := remember(r.Wait, &a); err != nil {
		return node.Outcome{}, err
	}
	waited := c.Now.Sub(r.Since).Milliseconds()
	if r.By == flow.ByTimeout || a.TimeoutMS > 0 && waited >= a.TimeoutMS {
		return a.timedOut(c.Now)
	}
	emits := a.turn(waited)
	return node.Outcome{Suspend: a.suspend(), Emit: emits}, nil
}

// decided leaves with what somebody decided. It was held against the schema before.
func decided(r *node.Resume) (node.Outcome, error) {
	raw, err := flow.Encode(r.Data)
	var d flow.Decision
	if err == nil {
		err = json.Unmarshal(raw, &d)
	}
	if err != nil || d.Decision != flow.Approved && d.Decision != flow.Rejected {
		return node.Outcome{}, &flow.Problem{Code: "invalid_decision", Permanent: true, Message: "the approval was ended with something that is no decision; bring {\"decision\": \"approved\"} or \"rejected\""}
	}
	form, err := flow.Decode(d.Form)
	if err != nil || form == nil {
		form = map[string]any{}
	}
	return node.Outcome{Port: d.Decision, Output: decisionOutput(d.Decision, r.Actor, d.Comment, form, r.At)}, nil
}

func decisionOutput(decision, by, comment string, form any, at time.Time) map[string]any {
	return map[string]any{"decision": decision, "by": orNil(by), "comment": orNil(comment), "form": form, "decided_at": at.UTC().Format(stamp)}
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}
