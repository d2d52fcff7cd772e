package faults

import (
	"testing"
	"time"

	"prana/integration/faults/failpoints"
)

func TestDraft(t *testing.T) {
	names, err := failpoints.ReadNames("../../suspend", "../../tasks")
	if err != nil {
		t.Fatal(err)
	}
	room, err := failpoints.NewRoom(t.Context(), names, 8)
	if err != nil {
		t.Fatal(err)
	}
	defer room.Close()
	var cases []failpoints.Case
	for _, s := range failpoints.Scenarios() {
		cases = append(cases, failpoints.Case{Scenario: s})
	}
	room.Play(t.Context(), cases, func(failpoints.Case, failpoints.Outcome) {})
	var singles []failpoints.Case
	room.Play(t.Context(), cases, func(c failpoints.Case, o failpoints.Outcome) {
		for _, v := range o.Violations {
			t.Errorf("%s: %s", c.Scenario.Name, v)
		}
		for _, p := range o.Points {
			for _, k := range failpoints.Kinds {
				singles = append(singles, failpoints.Case{Scenario: c.Scenario, Faults: []failpoints.Fault{{Kind: k, At: p}}})
			}
		}
	})
	t.Log(len(singles))
	began := time.Now()
	bad, missed, rounds := 0, 0, 0
	room.Play(t.Context(), singles, func(c failpoints.Case, o failpoints.Outcome) {
		if o.Bitten == 0 {
			missed++
		}
		rounds = max(rounds, o.Rounds-c.Scenario.Rounds)
		if len(o.Violations) > 0 {
			if bad++; bad < 3000 {
				t.Errorf("%s, %s: %s", c.Scenario.Name, c.Faults[0], o.Violations)
			}
		}
	})
	t.Log(bad, missed, rounds, time.Since(began))
}
