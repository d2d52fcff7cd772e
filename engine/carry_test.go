package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

// looping is a workflow that goes round as often as its node again says.
const looping = `
id: %s
nodes: [{key: start, type: t.start}, {key: g, type: t.again%s}, {key: p, type: t.pass}]
connections: [start -> g, g.again -> p, p -> g]
`

// carryTypes are a trigger, a node that passes on, and one that decides; each run is told.
func carryTypes(again node.Func, told func(*node.Call)) []node.Type {
	pass := func(_ context.Context, c *node.Call) (node.Outcome, error) {
		told(c)
		return node.Outcome{PassInput: true}, nil
	}
	return []node.Type{
		{Name: "t.start", Trigger: true, Run: pass},
		{Name: "t.pass", Run: pass},
		{Name: "t.again", Outputs: []string{"again", "done"}, Fields: []node.Field{{Name: "x", Kind: node.Any}}, Run: func(ctx context.Context, c *node.Call) (node.Outcome, error) {
			told(c)
			return again(ctx, c)
		}},
	}
}

// TestCarriedStepsKnowTheirContext: what the runs of a node share grows no further than one value may, whether a step was loaded or
// carried on, and nothing of it is lost.
func TestCarriedStepsKnowTheirContext(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int]flow.Status{1 << 20: flow.Completed, 100 << 10: flow.Failed} {
		grow := func(_ context.Context, c *node.Call) (node.Outcome, error) {
			port := "again"
			if c.Run == 5 {
				port = "done"
			}
			return node.Outcome{Port: port, PassInput: true, Context: map[string]any{fmt.Sprint("k", c.Run): strings.Repeat("x", 40<<10)}}, nil
		}
		env := enginetest.Open(t, enginetest.Options{Types: carryTypes(grow, func(*node.Call) {}), Limits: engine.Limits{Payload: limit}})
		env.Deploy(fmt.Sprintf(looping, "grows", ""))
		id := env.Start("grows", 1)
		env.Run()
		if got := env.Execution(id).Status; got != want {
			t.Errorf("with a limit of %d bytes it ended as %s, want %s", limit, got, want)
		}
		if want == flow.Completed {
			if n := strings.Count(string(env.NodeRun(id, "g", 5).Context), `"k`); n != 6 {
				t.Errorf("%d keys are left of 6", n)
			}
		}
	}
}

// TestCancelReachesCarriedSteps: once a cancel was acknowledged, nothing that follows is called.
func TestCancelReachesCarriedSteps(t *testing.T) {
	t.Parallel()
	var called []string
	env := enginetest.Open(t, enginetest.Options{Types: carryTypes(nil, func(c *node.Call) { called = append(called, c.Node) })})
	env.Deploy("id: chain\nnodes: [{key: start, type: t.start}, {key: a, type: t.pass}, {key: b, type: t.pass}]\nconnections: [start -> a, a -> b]")
	id := env.Start("chain", 1)
	env.Step()
	env.Step()
	env.Cancel(id, "enough")
	env.Run()
	if want := []string{"start", "a"}; !slices.Equal(called, want) {
		t.Errorf("called were %q, want %q", called, want)
	}
}

// TestLoopsGiveWay: an execution that goes on and on lets others have their turn, whatever its steps read.
func TestLoopsGiveWay(t *testing.T) {
	t.Parallel()
	for _, reads := range []string{"1", "{{ $input }}", "{{ $execution.state.n }}", "{{ $nodes.g.context.n }}", "{{ $trigger }}"} {
		t.Run(reads, func(t *testing.T) {
			t.Parallel()
			steps, before := 0, -1
			told := func(c *node.Call) {
				switch {
				case c.Workflow == "long":
					steps++
				case before < 0:
					before = steps
				}
			}
			again := func(_ context.Context, c *node.Call) (node.Outcome, error) {
				if c.Workflow == "short" || c.Run == 500 {
					return node.Outcome{Port: "done", PassInput: true}, nil
				}
				return node.Outcome{Port: "again", PassInput: true}, nil
			}
			env := enginetest.Open(t, enginetest.Options{Types: carryTypes(again, told)})
			for _, id := range []string{"long", "short"} {
				env.Deploy(fmt.Sprintf(looping, id, `, params: {x: "`+reads+`"}`))
			}
			env.Start("long", 1)
			env.Start("short", 1)
			env.Run()
			if before < 0 || before > 110 {
				t.Errorf("the other execution began after %d steps of %d", before, steps)
			}
		})
	}
}
