package suspend_test

import (
	"strings"
	"testing"

	"prana/engine/flow"
)

// TestOneOfTheDueCannotBeRead: its record is its own error, whether it stands in an execution of its own or beside others.
func TestOneOfTheDueCannotBeRead(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	one, two := z.birth("one", stepOf(1, flow.StepPending), stepOf(2, flow.StepPending)), z.birth("two", stepOf(1, flow.StepPending))
	z.commit(one)
	z.commit(two)
	bad := "{prana-0}:x:" + one.Execution
	z.must(z.redis.HSet(t.Context(), bad, "a1.000", "no record").Err())
	var due []flow.DueEntry
	for _, ch := range []*flow.Change{one, two} {
		for _, s := range ch.Steps {
			due = append(due, flow.DueEntry{Execution: ch.Execution, Kind: flow.DueStep, Step: s.ID})
		}
	}
	found, err := z.store.LoadDue(t.Context(), due)
	z.must(err)
	if found[0].Err == nil || !strings.Contains(found[0].Err.Error(), one.Execution) || found[0].Execution != nil {
		t.Errorf("found %+v", found[0])
	}
	for i, f := range found[1:] {
		if f.Err != nil || f.Execution == nil || f.Execution.Steps[due[i+1].Step] == nil {
			t.Errorf("of step %s of %s was found %+v", due[i+1].Step, due[i+1].Execution, f)
		}
	}
}
