package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"prana/engine/flow"
	"prana/engine/plan"
)

// TestKnowledgeIsBounded: of an execution with very many parts nothing is kept, whatever the steps in them.
func TestKnowledgeIsBounded(t *testing.T) {
	t.Parallel()
	for parts, want := range map[int]int{maxKnownSteps: 1, maxKnownSteps + 1: 0} {
		f := &flow.Fan{Parts: map[flow.StepID]*flow.Part{}}
		for n := range parts {
			f.Parts[flow.StepID{Node: 1, Run: n + 1}] = &flow.Part{}
		}
		x := &flow.Execution{ID: "x", Fans: map[flow.StepID]*flow.Fan{{Node: 1}: f}}
		ch := &flow.Change{Execution: x.ID, Op: "1", Front: flow.Front{Status: flow.Running}, At: time.Now()}
		ch.Fans, ch.Parts = loadedFans(x)
		var k knowledge
		k.learn(move{&compiled{Plan: &plan.Plan{}}, x, ch}, true)
		if len(k.of) != want {
			t.Errorf("with %d parts %d executions are known, want %d", parts, len(k.of), want)
		}
	}
}

// TestKnownTime: the time that goes on from what is known is one that the store could tell, in whole milliseconds.
func TestKnownTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		told := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		k := &known{at: time.Now(), x: flow.Execution{Now: told}}
		time.Sleep(1500 * time.Microsecond)
		if got, want := k.around().Now, told.Add(time.Millisecond); !got.Equal(want) {
			t.Errorf("it is %s, want %s", got, want)
		}
	})
}
