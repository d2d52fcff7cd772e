package flow_test

import (
	"encoding/json"
	"testing"

	"prana/engine/flow"
)

// TestProblemsNameTheirCodeOnce, also those of executions that were ended before their time when the message began with it.
func TestProblemsNameTheirCodeOnce(t *testing.T) {
	t.Parallel()
	for stored, want := range map[string]string{
		`{"code":"terminated","message":"it hangs"}`:                        "terminated: it hangs",
		`{"code":"terminated","message":"terminated: it hangs"}`:            "terminated: it hangs",
		`{"code":"cancelled","message":"cancelled: no reason was given"}`:   "cancelled: no reason was given",
		`{"code":"timeout","node":"call","message":"nobody answers"}`:       "timeout at node call: nobody answers",
		`{"code":"cancelled","message":"the parent was cancelled: enough"}`: "cancelled: the parent was cancelled: enough",
	} {
		var p flow.Problem
		if err := json.Unmarshal([]byte(stored), &p); err != nil {
			t.Fatal(err)
		}
		if p.Error() != want {
			t.Errorf("%s is told as %q, want %q", stored, p.Error(), want)
		}
	}
}
