package live_test

import (
	"testing"

	"prana/cmd/prana/cli/live"
	"prana/engine/flow"
)

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
