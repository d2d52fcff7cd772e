package tasks

import (
	"testing"

	"github.com/hibiken/asynq"

	"prana/engine/flow"
)

// chained is the dispatch of a step in the middle of a chain.
var chained = flow.Dispatch{
	Kind: flow.KindStep, Execution: flow.NewExecutionID(0), Step: flow.StepID{Node: 7}, Token: flow.NewToken(), Workflow: "bench@5bc6b75c887975e8", First: true,
}

// BenchmarkEncode measures the making of a task, of which each step costs one.
func BenchmarkEncode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Encoder{}).Encode(chained); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadStep measures the reading of one.
func BenchmarkReadStep(b *testing.B) {
	payload := writeStep(chained)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadStep(asynq.NewTask(TypeStep, payload)); err != nil {
			b.Fatal(err)
		}
	}
}
