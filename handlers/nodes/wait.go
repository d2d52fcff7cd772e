package nodes

import (
	"context"
	"time"

	"prana/engine/flow"
	"prana/engine/node"
)

// The modes of wait.wait.
const (
	modeInterval = "interval"
	modeSchedule = "schedule"
	modeWebhook  = "webhook"
)

// maxWebhookHours bounds a wait for a webhook: one year.
const maxWebhookHours = 8760

// The choices of on_past.
const (
	pastFails  = "fail"
	pastGoesOn = "continue"
)

var timedWaitFields = []node.Field{
	{Name: "mode", Kind: node.String, Required: true, Enum: []string{modeInterval, modeSchedule, modeWebhook}, Summary: "What is waited for: a time to pass, a date, or a call of the resume API or of the resume URL."},
	{Name: "duration", Kind: node.Number, Min: new(0.0), Summary: "Mode interval: how long, in units; more than 0, fractions are allowed, at most 400 days."},
	{Name: "unit", Kind: node.String, Default: "ms", Enum: []string{"ms", "seconds", "minutes", "hours", "days"}, Summary: "Mode interval: the unit of duration; a day has 24 hours."},
	{Name: "schedule_at", Kind: node.String, Summary: "Mode schedule: the date in RFC 3339, or without an offset when there is a timezone; at most 400 days ahead."},
	{Name: "timezone", Kind: node.String, Summary: "Mode schedule: IANA name of the zone of a date without an offset. A time that the clocks skip is as much later; of one that comes twice the first counts."},
	{Name: "on_past", Kind: node.String, Default: pastFails, Enum: []string{pastFails, pastGoesOn}, Summary: "Mode schedule: what a date in the past is: an error of the node, or reached at once."},
	{Name: "timeout_hours", Kind: node.Number, Default: 24, Min: new(0.0), Max: new(float64(maxWebhookHours)), Summary: "Mode webhook: how long to wait before leaving by port timeout; more than 0, fractions are allowed."},
	{Name: "pass_through", Kind: node.Bool, Default: false, Summary: "Leave with {input, resumed}: what arrived, and what would be the output otherwise."},
}

var timedWaitOutput = []node.Output{
	{Port: flow.PortMain, Summary: "The data that resumed it; {} when a time was reached."},
	{Port: flow.PortTimeout, Summary: "Mode webhook: nobody called in time.", Fields: []node.Field{
		{Name: "type", Kind: node.String, Summary: "Always timeout."},
		{Name: "mode", Kind: node.String, Summary: "Always webhook."},
		{Name: "timeout_hours", Kind: node.Number, Summary: "How long it waited."},
	}},
}

// passedThrough is the output with pass_through, by either port.
var passedThrough = []node.Output{{Fields: []node.Field{
	{Name: "input", Kind: node.Any}, {Name: "resumed", Kind: node.Any},
}}}

func timedWaitOutputs(params map[string]any) []node.Output {
	switch params["pass_through"] {
	case nil, false:
		return timedWaitOutput
	case true:
		return passedThrough
	}
	return nil
}

// waitsForCall tells whether somebody is to end the wait, or may be.
func waitsForCall(params map[string]any) bool {
	mode, constant := isConstant(params["mode"])
	return !constant || mode == modeWebhook
}

func timedWait() node.Type {
	return node.Type{
		Name: "wait.wait",
		Summary: "Waits for a time to pass, for a date, or for a call of the resume API. Leaves with the data that resumed it, {} when a time was reached; " +
			"by port timeout with {type: \"timeout\", mode, timeout_hours}. A POST to its resume URL, which is good once, ends mode webhook too: " +
			"$execution.resume_url is that of the node itself, $execution.resume_urls.KEY that of node KEY, in the run that waits now or comes next, " +
			"so that a mail can be sent before the wait begins; it is null where that cannot be known, as in a core.for_each that takes several items at a time.",
		Fields:    timedWaitFields,
		Outputs:   []string{flow.PortMain, flow.PortTimeout},
		Output:    timedWaitOutput,
		OutputFor: timedWaitOutputs,
		Listens:   waitsForCall,
		Examples: []node.Example{
			{
				Title: "Half an hour", Params: map[string]any{"mode": modeInterval, "duration": 0.5, "unit": "hours"},
				Then: []string{"advance 30m"}, Output: map[string]any{},
			},
			{
				Title:  "Nine o'clock in Berlin",
				Params: map[string]any{"mode": modeSchedule, "schedule_at": "{{ $input.date }}T09:00:00", "timezone": "Europe/Berlin", "on_past": pastGoesOn},
				Input:  map[string]any{"date": "2026-01-02"}, Then: []string{"advance 32h"}, Output: map[string]any{},
			},
			{
				Title:  "A call within two days, keeping the order",
				Params: map[string]any{"mode": modeWebhook, "timeout_hours": 48, "pass_through": true},
				Input:  map[string]any{"order_id": 7}, Then: []string{`resume - {"approved": true}`},
				Output: map[string]any{"input": map[string]any{"order_id": 7}, "resumed": map[string]any{"approved": true}},
			},
			{
				Title: "Nobody called", Params: map[string]any{"mode": modeWebhook, "timeout_hours": 48}, Then: []string{"advance 48h"},
				Port: flow.PortTimeout, Output: map[string]any{"type": "timeout", "mode": modeWebhook, "timeout_hours": 48},
			},
		},
		Run: runTimedWait,
	}
}

func runTimedWait(_ context.Context, c *node.Call) (node.Outcome, error) {
	v := values(c.Params)
	if c.Resume != nil {
		return timedWaitOver(c, v.flag("pass_through"))
	}
	switch v.text("mode") {
	case modeInterval:
		return waitInterval(v)
	case modeSchedule:
		return waitSchedule(c, v)
	}
	return waitWebhook(v)
}

var units = map[string]time.Duration{
	"ms": time.Millisecond, "seconds": time.Second, "minutes": time.Minute, "hours": time.Hour, "days": 24 * time.Hour,
}

func waitInterval(v values) (node.Outcome, error) {
	n, given := v.number("duration")
	if !given {
		return node.Outcome{}, badWait(modeInterval, "duration", "is required in mode interval")
	}
	// Compared before it is converted: a duration counts nanoseconds in an int64.
	ms := n * float64(units[v.text("unit")]/time.Millisecond)
	if ms <= 0 || ms > maxWaitMS {
		return node.Outcome{}, badWait(modeInterval, "duration", "must be a positive number, and at most 400 days")
	}
	in := time.Duration(ms * float64(time.Millisecond))
	return node.Outcome{Suspend: &node.Suspend{
		Type: flow.TimedWait, Timer: true, In: in,
		Data: waitNote{Mode: modeInterval, DurationMS: flow.Millis(in)},
	}}, nil
}

func waitWebhook(v values) (node.Outcome, error) {
	hours, _ := v.number("timeout_hours")
	if hours <= 0 {
		return node.Outcome{}, badWait(modeWebhook, "timeout_hours", "must be more than 0 and at most %d", maxWebhookHours)
	}
	return node.Outcome{Suspend: &node.Suspend{
		Type: flow.Webhook, In: time.Duration(hours * float64(time.Hour)),
		Data: waitNote{Mode: modeWebhook, TimeoutHours: hours},
	}}, nil
}

// waitNote describes the wait, and is what the node remembers of it.
type waitNote struct {
	Mode         string  `json:"mode"`
	DurationMS   int64   `json:"duration_ms,omitempty"`
	ResumeAt     string  `json:"resume_at,omitempty"`
	Timezone     string  `json:"timezone,omitempty"`
	TimeoutHours float64 `json:"timeout_hours,omitempty"`
}

// badWait has a code for each mode, so that on_error and retry_on can tell them apart.
func badWait(mode, field, format string, args ...any) *flow.Problem {
	p := invalid(field, format, args...)
	p.Code = mode + "_config_error"
	return p
}

func timedWaitOver(c *node.Call, passThrough bool) (node.Outcome, error) {
	r := c.Resume
	switch {
	case r.Error != nil:
		return node.Outcome{}, r.Error
	case r.By == flow.ByTimeout:
		return webhookExpired(c, passThrough)
	case r.Data == nil:
		return leaveWith(c, map[string]any{}, passThrough), nil
	case passThrough:
		return leaveWith(c, r.Data, true), nil
	}
	return node.Outcome{PassResume: true}, nil
}

func webhookExpired(c *node.Call, passThrough bool) (node.Outcome, error) {
	var w waitNote
	if err := remember(c.Resume.Wait, &w); err != nil {
		return node.Outcome{}, err
	}
	out := leaveWith(c, map[string]any{"type": "timeout", "mode": w.Mode, "timeout_hours": w.TimeoutHours}, passThrough)
	out.Port, out.Timeout = flow.PortTimeout, true
	return out, nil
}

func leaveWith(c *node.Call, output any, passThrough bool) node.Outcome {
	if passThrough {
		output = map[string]any{"input": c.Input, "resumed": output}
	}
	return node.Outcome{Output: output}
}
