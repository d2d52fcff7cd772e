package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

// TestWhatIsOverdueGoesFirst: waits that are over for long end before the executions whose waits ended go on; those that end in time go on at once.
func TestWhatIsOverdueGoesFirst(t *testing.T) {
	t.Parallel()
	const executions = 130 // more than a batch of the sweeper
	for late, want := range map[time.Duration]string{
		0:               strings.Repeat("sleep next ", executions),
		time.Second / 5: strings.Repeat("sleep next ", executions),
		time.Second:     strings.Repeat("sleep ", executions) + strings.Repeat("next ", executions),
	} {
		t.Run(late.String(), func(t *testing.T) {
			t.Parallel()
			var called []string
			told := func(c *node.Call) { called = append(called, c.Node) }
			env := enginetest.Open(t, enginetest.Options{Types: append(carryTypes(nil, told), sleepType(told))})
			env.Deploy("id: sleeps\nnodes: [{key: start, type: t.start}, {key: sleep, type: t.sleep}, {key: next, type: t.pass}]\nconnections: [start -> sleep, sleep -> next]")
			var ids []string
			for range executions {
				ids = append(ids, env.Start("sleeps", 1))
				env.Run()
			}
			called = nil
			env.Pass(time.Minute + late)
			env.Run()
			for _, id := range ids {
				env.WantStatus(id, flow.Completed)
			}
			if got := strings.Join(called, " ") + " "; got != want {
				t.Errorf("they went on as %s", runs(called))
			}
		})
	}
}

// sleepType is a node that sleeps for a minute; that it woke up is told.
func sleepType(told func(*node.Call)) node.Type {
	return node.Type{Name: "t.sleep", Run: func(_ context.Context, c *node.Call) (node.Outcome, error) {
		if c.Resume == nil {
			return node.Outcome{Suspend: &node.Suspend{Timer: true, In: time.Minute}}, nil
		}
		told(c)
		return node.Outcome{PassInput: true}, nil
	}}
}

// runs says what follows what.
func runs(called []string) []string { return slices.Compact(slices.Clone(called)) }
