package engine_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"prana/engine/enginetest"
	"prana/engine/flow"
)

// levels makes loops inside one another, each over two items.
func levels(n int) string {
	w := flow.Workflow{ID: "levels", Nodes: []flow.Node{{Key: "s", Type: "test.start"}, {Key: "leaf", Type: "test.echo", Params: map[string]any{"value": 1}}}}
	outer, port := "s", ""
	for i := range n {
		key := fmt.Sprintf("l%d", i)
		w.Nodes = append(w.Nodes, flow.Node{Key: key, Type: "test.each", Params: map[string]any{"items": []any{1, 2}, "parallel": 1 + i%2}})
		w.Connections = append(w.Connections, flow.Connection{From: outer, FromPort: port, To: key})
		if i > 0 {
			w.Connections = append(w.Connections, flow.Connection{From: key, FromPort: "done", To: outer})
		}
		outer, port = key, "loop"
	}
	w.Connections = append(w.Connections, flow.Connection{From: outer, FromPort: port, To: "leaf"}, flow.Connection{From: "leaf", To: outer})
	raw, err := flow.Encode(w)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// TestTenNestedLoops: 1,024 leaves, and as many lists inside one another as there are loops.
func TestTenNestedLoops(t *testing.T) {
	t.Parallel()
	const deep = 10
	env := enginetest.New(t, types()...)
	env.Deploy(levels(deep))
	id := env.Start("levels", nil)
	env.Run()
	env.WantStatus(id, flow.Completed)
	var want any = 1
	for range deep {
		want = []any{want, want}
	}
	env.WantOutput(id, want)
	if n := env.Runs(id, "leaf"); n != 1<<deep {
		t.Errorf("the innermost body ran %d times", n)
	}
	if n := env.Runs(id, "l9"); n != 3<<(deep-1) {
		t.Errorf("the innermost loop has %d runs", n)
	}
}

// TestManyItemsAtOnce: all items side by side, joined in the order of the items.
func TestManyItemsAtOnce(t *testing.T) {
	t.Parallel()
	const many = 100
	env := enginetest.New(t, types()...)
	env.Deploy(`{"id":"wide","nodes":[{"key":"s","type":"test.start"},{"key":"l","type":"test.each","params":{"items":"$input","parallel":1000}},
		{"key":"a","type":"test.echo"},{"key":"b","type":"test.echo","params":{"value":"{{ $nodes.a.output + 1 }}"}}],
		"connections":["s -> l","l.loop -> a","a -> b","b -> l"]}`)
	items, want := make([]any, many), make([]any, many)
	for i := range many {
		items[i], want[i] = i, i+1
	}
	id := env.Start("wide", items)
	env.Step()
	env.Step()
	var waiting struct{ Pending, Parts int }
	for _, r := range env.Execution(id).Nodes {
		if r.Node == "a" && r.Status == flow.StepPending {
			waiting.Pending++
		}
		if r.Node == "l" && r.Status == flow.StepCompleted {
			waiting.Parts++
		}
	}
	if waiting.Pending != many || waiting.Parts != many {
		t.Errorf("of %d items %d are out, and %d bodies wait for a worker", many, waiting.Parts, waiting.Pending)
	}
	env.Run()
	env.WantStatus(id, flow.Completed)
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	env.WantOutput(id, json.RawMessage(raw))
}

// TestResultsAreBounded: a loop whose results nobody could read at once fails when they become too large, with on_error as always.
func TestResultsAreBounded(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(`{"id":"fat","variables":{"big":"` + strings.Repeat("x", 120_000) + `"},"nodes":[{"key":"s","type":"test.start"},{"key":"l","type":"test.each","params":{"items":"$input"}},
		{"key":"b","type":"test.echo","params":{"value":"$vars.big"}}],"connections":["s -> l","l.loop -> b","b -> l"]}`)
	id := env.Start("fat", make([]any, 200))
	env.Run()
	env.WantStatus(id, flow.Failed)
	env.WantError(id, "results_too_large")
	if n := env.Runs(id, "b"); n != 140 { // 16 MiB hold 139 of them
		t.Errorf("the body ran %d times", n)
	}
}
