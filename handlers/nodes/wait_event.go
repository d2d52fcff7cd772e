package nodes

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"prana/engine/flow"
	"prana/engine/node"
)

// Bounds of a subscription.
const (
	maxEventType   = 128 // characters
	maxFilterPaths = 8
	maxFilterPath  = 128 // bytes
	maxTakers      = 10_000
)

// failOnTimeout is the on_timeout that makes a timeout an error of the node.
const failOnTimeout = "fail"

var waitFields = []node.Field{
	{Name: "event_type", Kind: node.String, Required: true, Min: new(1.0), Max: new(float64(maxEventType)), Summary: "The type of the event, 1 to 128 characters."},
	{Name: "event_filter", Kind: node.Object, Summary: "Path in the event's data -> the value it must have, as evaluated when the wait begins; at most 8 paths."},
	matchField,
	takersField,
	{Name: "timeout_ms", Kind: node.Int, Min: new(1.0), Max: new(float64(maxWaitMS)), Summary: "How long to wait; without it, for ever."},
	{Name: "on_timeout", Kind: node.String, Raw: true, Default: flow.PortTimeout, Summary: "The port to leave by when time runs out; \"fail\" makes that an error of the node."},
}

var (
	matchField = node.Field{
		Name: "match", Kind: node.Condition, Lazy: true, Roots: []string{"$event"},
		Summary: "Decides about an event that passed the filter: $event is {id, type, data}. One that it declines, or of which it gives an error, is left to others.",
	}
	takersField = node.Field{
		Name: "takers", Kind: node.String, Check: checkTakers,
		Summary: "How many of those that wait for exactly this (type, filter and takers) may take one event: a number N gives it to N of them, and the others wait on; all leaves it to others while it is kept. " +
			"Without it, an event that comes goes to everyone who waits, and one that was kept to the first.",
	}
)

var eventOutput = []node.Output{
	{Port: flow.PortMain, Summary: "The data of the event, or of whoever resumed the node by hand."},
	{Summary: "Time ran out.", Fields: []node.Field{
		{Name: "type", Kind: node.String, Summary: "Always timeout."},
		{Name: "event_type", Kind: node.String, Summary: "What it waited for."},
		{Name: "timeout_ms", Kind: node.Int, Summary: "How long it waited."},
	}},
}

func waitForEvent(fallback *slog.Logger) node.Type {
	return node.Type{
		Name:       "wait.wait_for_event",
		Summary:    "Waits for an event from outside, and leaves with its data.",
		Fields:     waitFields,
		Outputs:    []string{flow.PortMain, "*"},
		Output:     eventOutput,
		OutputsFor: waitPorts,
		Waits:      true,
		Examples: []node.Example{{
			Title: "An approval within a day", Params: map[string]any{
				"event_type":   "approval_response",
				"event_filter": map[string]any{"request_id": "$input.request_id"},
				"timeout_ms":   86400000,
				"on_timeout":   "escalate",
			},
			Input:  map[string]any{"request_id": "r1"},
			Then:   []string{`publish approval_response {"request_id": "r2", "approved": false}`, `publish approval_response {"request_id": "r1", "approved": true}`},
			Output: map[string]any{"request_id": "r1", "approved": true},
		}, {
			Title: "One of those who compete for jobs, and takes small ones only", Params: map[string]any{"event_type": "job", "match": "$event.data.size <= $input.most", "takers": "1"},
			Input:  map[string]any{"most": 10},
			Then:   []string{`publish job {"size": 11}`, `publish job {"size": 3}`},
			Output: map[string]any{"size": 3},
		}, {
			Title: "Nobody answered", Params: map[string]any{"event_type": "approval_response", "timeout_ms": 86400000, "on_timeout": "escalate"},
			Then: []string{"advance 24h"}, Port: "escalate",
			Output: map[string]any{"type": "timeout", "event_type": "approval_response", "timeout_ms": 86400000},
		}},
		Run: func(ctx context.Context, c *node.Call) (node.Outcome, error) {
			if c.Resume != nil {
				return waitOver(c.Resume)
			}
			return beginWait(ctx, c, fallback)
		},
	}
}

func waitPorts(params map[string]any) []string {
	port := flow.PortTimeout
	if s, ok := isConstant(params["on_timeout"]); ok {
		port = s
	}
	if port == failOnTimeout || port == flow.PortMain {
		return []string{flow.PortMain}
	}
	return []string{flow.PortMain, port}
}

// eventWait describes the wait, and is what the node remembers of it.
type eventWait struct {
	EventType   string         `json:"event_type"`
	EventFilter map[string]any `json:"event_filter,omitempty"`
	Match       any            `json:"match,omitempty"`
	Takers      string         `json:"takers,omitempty"`
	TimeoutMS   int64          `json:"timeout_ms,omitempty"`
	OnTimeout   string         `json:"on_timeout"`
}

func beginWait(ctx context.Context, c *node.Call, fallback *slog.Logger) (node.Outcome, error) {
	v := values(c.Params)
	w := eventWait{
		EventType:   v.text("event_type"),
		EventFilter: v.object("event_filter"),
		Match:       v["match"],
		Takers:      v.text("takers"),
		TimeoutMS:   v.whole("timeout_ms"),
		OnTimeout:   v.text("on_timeout"),
	}
	if err := w.check(); err != nil {
		return node.Outcome{}, err
	}
	// Legal, since it can be resumed by hand; but mostly a path that is missing from the input.
	for path, value := range w.EventFilter {
		if value == nil {
			logger(c, fallback).WarnContext(ctx, "the event filter asks for null", "path", flow.Cut(path, maxFilterPath))
		}
	}
	return node.Outcome{Suspend: &node.Suspend{
		Type:  flow.ExternalEvent,
		In:    v.millis("timeout_ms"),
		Data:  w,
		Event: w.subscription("match"),
	}}, nil
}

// subscription is what the wait listens for; match names the parameter of that meaning.
func (w eventWait) subscription(match string) *flow.Subscription {
	sub := &flow.Subscription{Type: w.EventType, Filter: w.EventFilter}
	if w.Match != nil {
		sub.Match = match
	}
	sub.Takers, _ = takersOf(w.Takers)
	return sub
}

// allTakers is the takers that leave a kept event to others.
const allTakers = "all"

// takersOf reads how many may take an event; it fails for what is not all or a number from 1 to maxTakers.
func takersOf(text string) (int, error) {
	switch text {
	case "":
		return 0, nil
	case allTakers:
		return flow.AllTakers, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxTakers {
		return 0, fmt.Errorf("must be all, or a number from 1 to %d", maxTakers)
	}
	return n, nil
}

func checkTakers(v any) error {
	s, _ := v.(string)
	_, err := takersOf(s)
	return err
}

func (w eventWait) check() error {
	if n := utf8.RuneCountInString(w.EventType); n < 1 || n > maxEventType {
		return invalid("event_type", "must have 1 to %d characters", maxEventType)
	}
	if len(w.EventFilter) > maxFilterPaths {
		return invalid("event_filter", "has %d paths; the most is %d", len(w.EventFilter), maxFilterPaths)
	}
	for path := range w.EventFilter {
		if path == "" || len(path) > maxFilterPath || strings.ContainsFunc(path, unicode.IsControl) {
			return invalid("event_filter", "has a path that is empty, longer than %d bytes, or has control characters in it", maxFilterPath)
		}
	}
	if _, err := takersOf(w.Takers); err != nil {
		return invalid("takers", "%v", err)
	}
	return nil
}

func waitOver(r *node.Resume) (node.Outcome, error) {
	if r.Error != nil {
		return node.Outcome{}, r.Error
	}
	if r.By != flow.ByTimeout {
		return node.Outcome{Port: flow.PortMain, PassResume: true}, nil
	}
	var w eventWait
	if err := remember(r.Wait, &w); err != nil {
		return node.Outcome{}, err
	}
	return w.timedOut()
}

func (w eventWait) timedOut() (node.Outcome, error) {
	if w.OnTimeout == failOnTimeout {
		p := flow.Problemf(codeTimeout, "no event %q came within %s", w.EventType, time.Duration(w.TimeoutMS)*time.Millisecond)
		p.Details = map[string]any{"event_type": w.EventType, "timeout_ms": w.TimeoutMS}
		return node.Outcome{}, p
	}
	return node.Outcome{
		Port:    w.OnTimeout,
		Timeout: true,
		Output:  map[string]any{"type": "timeout", "event_type": w.EventType, "timeout_ms": w.TimeoutMS},
	}, nil
}
