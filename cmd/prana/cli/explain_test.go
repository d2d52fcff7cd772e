package cli

import (
	"testing"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// TestExplainLooksAtTheQueue: of a step that is to be run, the queue of its own partition tells what keeps it.
func TestExplainLooksAtTheQueue(t *testing.T) {
	t.Parallel()
	const id = "1AAAAAAAAAAAAAAAAAAAAAA"
	other, own := 0, 1
	v := flow.View{Summary: flow.Summary{ID: id, Workflow: "order", Status: flow.Running}}
	v.Nodes = []flow.NodeRun{{Node: "call", Queue: "slow", Status: flow.StepPending, CreatedAt: time.Now()}}
	answers := map[string]any{
		"GET /v1/executions/" + id: v,
		"GET /v1/workers":          flow.Page[wire.Worker]{Items: []wire.Worker{}},
		"GET /v1/queues": flow.Page[wire.Queue]{Items: []wire.Queue{
			{Queue: "prana-0.slow", Name: "slow", Partition: &other, Workers: 1}, {Queue: "prana-1.slow", Name: "slow", Partition: &own},
		}},
	}
	f := newFake(t, answers)
	prana(t, f.url, "explain", id).wants(t, 0, "It is to run call, and no worker serves queue slow", "")
	if last := f.seen[len(f.seen)-1]; last.query.Get("name") != "slow" {
		t.Errorf("asked for queues %v", last.query)
	}

	without := newFake(t, map[string]any{"GET /v1/executions/" + id: v, "GET /v1/workers": flow.Problemf("no_route", "there is no such route")})
	prana(t, without.url, "explain", id).wants(t, 0, "It works on call, which a worker runs, or will", "who serves the queues could not be found out")
}
