package nodes

import (
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/engine/node"
)

func TestWaitInterval(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "wait.wait")
	for _, tc := range []struct {
		duration any
		unit     any
		want     time.Duration
	}{
		{300, nil, 300 * time.Millisecond},
		{"250", "ms", 250 * time.Millisecond},
		{0.5, "seconds", 500 * time.Millisecond},
		{2, "MINUTES", 2 * time.Minute},
		{1.5, "hours", 90 * time.Minute},
		{400, "days", maxWaitMS * time.Millisecond},
	} {
		c := callFor(typ, obj{"mode": "interval", "duration": tc.duration, "unit": tc.unit})
		s := run(t, typ, c).Suspend
		if s == nil || s.Type != flow.TimedWait || !s.Timer || s.In != tc.want || !s.Until.IsZero() {
			t.Errorf("%v %v: it asks for %+v", tc.duration, tc.unit, s)
			continue
		}
		same(t, "the wait's data", s.Data, obj{"mode": "interval", "duration_ms": tc.want.Milliseconds()})
	}
}

func TestWaitRefuses(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "wait.wait")
	for code, cases := range map[string][]obj{
		codeParams: {
			{},
			{"mode": "event"},
			{"mode": "interval", "duration": "abc"},
			{"mode": "interval", "duration": -1},
			{"mode": "interval", "duration": 1, "unit": "weeks"},
			{"mode": "webhook", "timeout_hours": 8761},
			{"mode": "webhook", "timeout_hours": -1},
			{"mode": "schedule", "schedule_at": "2026-04-01T00:00:00Z", "on_past": "wait"},
		},
		"interval_config_error": {
			{"mode": "interval"}, {"mode": "interval", "duration": 0}, {"mode": "interval", "duration": 401, "unit": "days"}, {"mode": "interval", "duration": 1e300},
		},
		"schedule_config_error": {
			{"mode": "schedule"},
			{"mode": "schedule", "schedule_at": "soon"},
			{"mode": "schedule", "schedule_at": "2026-01-01T00:00:00Z"},
			{"mode": "schedule", "schedule_at": "2026-04-01T00:00:00"},
			{"mode": "schedule", "schedule_at": "2026-04-01T00:00:00", "timezone": "Mars/Phobos"},
			{"mode": "schedule", "schedule_at": "2026-04-01T00:00:00Z", "timezone": "Local"},
			{"mode": "schedule", "schedule_at": "2030-01-01T00:00:00Z"},
			{"mode": "schedule", "schedule_at": "2026-03-01T12:00:00.005Z"},
		},
		"webhook_config_error": {{"mode": "webhook", "timeout_hours": 0}},
	} {
		for _, params := range cases {
			if p := problemOf(t, typ, callFor(typ, params), code); !p.Permanent {
				t.Errorf("%v is tried again", params)
			}
		}
	}
}

func TestWaitSchedule(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "wait.wait")
	for _, tc := range []struct{ at, zone, want string }{
		{"2026-03-02T09:00:00Z", "", "2026-03-02T09:00:00.000Z"},
		{"2026-03-02T09:00:00.25+02:00", "", "2026-03-02T07:00:00.250Z"},
		{"2026-03-02T09:00:00Z", "Europe/Berlin", "2026-03-02T09:00:00.000Z"},
		{"2026-03-02T09:00:00", "Europe/Berlin", "2026-03-02T08:00:00.000Z"},
		{"2026-07-02T09:00", "Europe/Berlin", "2026-07-02T07:00:00.000Z"},
		{"2026-07-02T09:00", "UTC", "2026-07-02T09:00:00.000Z"},
		// On 29 March 02:00 to 03:00 is skipped in Berlin; on 25 October it comes twice.
		{"2026-03-29T01:59:59", "Europe/Berlin", "2026-03-29T00:59:59.000Z"},
		{"2026-03-29T02:30:00", "Europe/Berlin", "2026-03-29T01:30:00.000Z"},
		{"2026-03-29T03:00:00", "Europe/Berlin", "2026-03-29T01:00:00.000Z"},
		{"2026-10-25T02:30:00", "Europe/Berlin", "2026-10-25T00:30:00.000Z"},
		{"2026-10-25T03:00:00", "Europe/Berlin", "2026-10-25T02:00:00.000Z"},
		{"2026-11-01T01:30:00", "America/New_York", "2026-11-01T05:30:00.000Z"},
		{"2026-11-01T02:00:00", "America/New_York", "2026-11-01T07:00:00.000Z"},
	} {
		params := obj{"mode": "schedule", "schedule_at": tc.at}
		data := obj{"mode": "schedule", "resume_at": tc.want}
		if tc.zone != "" {
			params["timezone"], data["timezone"] = tc.zone, tc.zone
		}
		s := run(t, typ, callFor(typ, params)).Suspend
		if s == nil || s.Type != flow.TimedWait || !s.Timer || s.In != 0 || s.Until.UTC().Format(stamp) != tc.want {
			t.Errorf("%s %s: it asks for %+v", tc.at, tc.zone, s)
			continue
		}
		same(t, "the wait's data", s.Data, data)
	}
}

func TestWaitForThePast(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "wait.wait")
	past := obj{"mode": "schedule", "schedule_at": "2026-03-01T12:00:00Z"}
	p := problemOf(t, typ, callFor(typ, past), "schedule_config_error")
	if !strings.Contains(p.Message, "in the future") {
		t.Errorf("the message is %q", p.Message)
	}
	past["on_past"] = "continue"
	out := run(t, typ, callFor(typ, past))
	if out.Suspend != nil || out.Port != "" {
		t.Errorf("it leaves with %+v", out)
	}
	same(t, "the output", out.Output, obj{})
	past["pass_through"] = true
	same(t, "the output with its input", run(t, typ, callFor(typ, past)).Output, obj{"input": obj{"a": 1}, "resumed": obj{}})
}

func TestWaitTimeReached(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "wait.wait")
	for _, params := range []obj{{"mode": "interval", "duration": 5}, {"mode": "schedule", "schedule_at": "2026-04-01T00:00:00Z"}} {
		c := callFor(typ, params)
		data := run(t, typ, c).Suspend.Data
		out := run(t, typ, resume(t, c, data, node.Resume{By: flow.ByTimer}))
		same(t, "the output", out.Output, obj{})
		if out.Timeout || out.Port != "" {
			t.Errorf("it leaves with %+v", out)
		}
		if out := run(t, typ, resume(t, c, data, node.Resume{By: flow.ByManual, Data: obj{"ok": 1}})); !out.PassResume {
			t.Errorf("by hand it leaves with %+v", out)
		}
		runFails(t, typ, resume(t, c, data, node.Resume{By: flow.ByManual, Error: flow.Problemf("stop", "no")}), "stop")
		c.Params["pass_through"] = true
		out = run(t, typ, resume(t, c, data, node.Resume{By: flow.ByTimer}))
		same(t, "the output with its input", out.Output, obj{"input": obj{"a": 1}, "resumed": obj{}})
	}
}

func TestWaitWebhook(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "wait.wait")
	for hours, want := range map[any]time.Duration{nil: 24 * time.Hour, 0.5: 30 * time.Minute, 8760: 8760 * time.Hour} {
		s := run(t, typ, callFor(typ, obj{"mode": "webhook", "timeout_hours": hours})).Suspend
		if s == nil || s.Type != flow.Webhook || s.Timer || s.Event != nil || s.In != want {
			t.Errorf("%v: it asks for %+v", hours, s)
		}
	}
	c := callFor(typ, obj{"mode": "webhook"})
	data := run(t, typ, c).Suspend.Data
	same(t, "the wait's data", data, obj{"mode": "webhook", "timeout_hours": 24})
	called := node.Resume{By: flow.ByManual, Data: obj{"approved": true}}
	if out := run(t, typ, resume(t, c, data, called)); !out.PassResume || out.Port != "" {
		t.Errorf("called, it leaves with %+v", out)
	}
	c.Params["pass_through"] = true
	out := run(t, typ, resume(t, c, data, called))
	same(t, "the output with its input", out.Output, obj{"input": obj{"a": 1}, "resumed": obj{"approved": true}})
}

func TestWaitWebhookExpires(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "wait.wait")
	c := callFor(typ, obj{"mode": "webhook", "timeout_hours": 1.5})
	data := run(t, typ, c).Suspend.Data
	expired := obj{"type": "timeout", "mode": "webhook", "timeout_hours": 1.5}
	out := run(t, typ, resume(t, c, data, node.Resume{By: flow.ByTimeout}))
	same(t, "the output", out.Output, expired)
	if !out.Timeout || out.Port != flow.PortTimeout {
		t.Errorf("it leaves with %+v", out)
	}
	c.Params["pass_through"] = true
	out = run(t, typ, resume(t, c, data, node.Resume{By: flow.ByTimeout}))
	same(t, "the output with its input", out.Output, obj{"input": obj{"a": 1}, "resumed": expired})
	runFailsPlainly(t, typ, resume(t, c, "not an object", node.Resume{By: flow.ByTimeout}))
}
