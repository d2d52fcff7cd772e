package live_test

import (
	"encoding/json"
	"testing"
	"time"

	"prana/cmd/prana/cli/live"
	"prana/engine/flow"
)

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0s", 850 * time.Millisecond: "850ms", 3200 * time.Millisecond: "3.2s", 4 * time.Minute: "4m",
		250 * time.Second: "4m10s", 26 * time.Hour: "26h", 90 * time.Minute: "1h30m",
	} {
		if got := live.Span(d); got != want {
			t.Errorf("Span(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestWaiting(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	later := begin.Add(2 * time.Second)
	for _, c := range []struct{ kind, data, want string }{
		{flow.ExternalEvent, `{"event_type":"paid","event_filter":{"b":1,"a":"x"}}`, `waits for event paid {"a":"x","b":1}`},
		{flow.SubWorkflow, `{"workflow_id":"child","execution_mode":"sync"}`, "waits for workflow child (sync)"},
		{flow.Polling, `{"attempts":2}`, "poll 2 found no answer yet; asks again in 2.0s"},
		{flow.Delay, `{"duration_ms":2000}`, "sleeps 2.0s"},
		{flow.Retry, `{"attempt_number":1,"max_attempts":3,"original_error":{"code":"x","message":"503"}}`, "failed (503); retry 1 of 3 in 2.0s"},
		{flow.Concurrency, `{"key":"account/7","limit":2,"position":3}`, `waits for a place of "account/7"; was number 3 in the queue`},
		{"human", `"anything"`, "waits (human)"},
	} {
		s := flow.Suspension{Type: c.kind, Data: json.RawMessage(c.data), SuspendedAt: begin}
		if c.kind == flow.Polling || c.kind == flow.Delay || c.kind == flow.Retry {
			s.ResumeAt = &later
		}
		if got := live.Waiting(s); got != c.want {
			t.Errorf("%s: got %q, want %q", c.kind, got, c.want)
		}
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	first := &flow.View{
		Summary:     flow.Summary{Status: flow.Suspended},
		Nodes:       []flow.NodeRun{{Node: "start", Type: "manual.trigger", Status: flow.StepCompleted}, {Node: "nap", Status: flow.StepSuspended}},
		Suspensions: []flow.Suspension{{ID: "x:1.0:1", Node: "nap", Type: "custom"}},
	}
	last := &flow.View{
		Summary: flow.Summary{Status: flow.Failed, Error: &flow.Problem{Code: "c", Message: "m", Node: "nap"}},
		Nodes: []flow.NodeRun{
			{Node: "start", Type: "manual.trigger", Status: flow.StepCompleted},
			{Node: "nap", Status: flow.StepFailed, Attempt: 1, Error: &flow.Problem{Code: "c", Message: "m"}},
		},
	}
	check(t, live.Changes(nil, first), "nap: waits (custom)")
	check(t, live.Changes(first, first))
	check(t, live.Changes(first, last), "nap: failed at attempt 2: m", "failed: c at node nap: m")
}

func check(t *testing.T, got []live.Line, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range want {
		if got[i].String() != want[i] {
			t.Errorf("line %d: got %q, want %q", i, got[i], want[i])
		}
	}
}
