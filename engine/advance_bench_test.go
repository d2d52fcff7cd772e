package engine

import (
	"context"
	"encoding/json"
	"testing"

	"prana/engine/flow"
	"prana/engine/node"
)

// BenchmarkAdvance measures what is decided when a step in the middle of a chain has ended, and nothing else.
func BenchmarkAdvance(b *testing.B) {
	idle := func(context.Context, *node.Call) (node.Outcome, error) { return node.Outcome{}, nil }
	e := &Engine{cfg: Config{Registry: node.NewRegistry(
		node.Type{Name: "test.start", Trigger: true, Run: idle}, node.Type{Name: "test.echo", Run: idle},
	)}}
	p, err := e.compile(&flow.Workflow{
		ID:          "chain",
		Nodes:       []flow.Node{{Key: "start", Type: "test.start"}, {Key: "a", Type: "test.echo"}, {Key: "b", Type: "test.echo"}},
		Connections: []flow.Connection{{From: "start", FromPort: "main", To: "a", ToPort: "main"}, {From: "a", FromPort: "main", To: "b", ToPort: "main"}},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		x := chained()
		f := stepEnded{step: flow.StepID{Node: 1}, token: "t", out: outcome{port: flow.PortMain, value: flow.Value{Raw: []byte(`{"done":true}`)}}}
		b.StartTimer()
		ch, errs, err := advance(p, x, []Fact{f}, limits{}, nil)
		if err != nil || errs[0] != nil || len(ch.Dispatch) != 1 {
			b.Fatal(err, errs, ch)
		}
	}
}

// chained is an execution of the chain whose second step runs.
func chained() *flow.Execution {
	id := flow.StepID{Node: 1}
	return &flow.Execution{
		ID: "01WWv33J21A0OmuChfpnYbw", Rev: "r", Head: flow.Head{Workflow: "chain"},
		Front:  flow.Front{Status: flow.Running, Region: flow.Region{Live: map[int]flow.Live{1: {Pending: 1}}}, Seq: 2, Transitions: 1},
		Steps:  map[flow.StepID]*flow.Step{id: {ID: id, Status: flow.StepPending, Token: "t", Inputs: []flow.Arrival{{Port: flow.PortMain, Ref: "o0.0"}}}},
		Nodes:  map[int]flow.NodeState{1: {Runs: 1, Last: -1}},
		Values: map[flow.Ref]json.RawMessage{},
	}
}
