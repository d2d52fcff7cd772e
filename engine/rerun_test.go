package engine_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
)

const itemised = `
id: itemised
nodes:
  - {key: t, type: test.start}
  - {key: s, type: test.state, params: {set: {a: 1}}}
  - {key: c, type: test.child, params: {workflow: kid}}
  - {key: l, type: test.each, params: {items: [1, 2]}}
  - {key: b, type: test.echo}
  - {key: z, type: test.echo}
connections: [t -> s, s -> c, c -> l, l.loop -> b, b -> l, l.done -> z]
`

// TestPlanOfARerun: the plan says what is kept and what runs again, and starts nothing.
func TestPlanOfARerun(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy("id: kid\nnodes: [{key: t, type: test.start}]")
	env.Deploy(itemised)
	id := env.Start("itemised", map[string]any{"n": 1})
	env.Run()
	got, err := env.Engine().PlanRerun(t.Context(), flow.RerunRequest{Execution: id, From: "b", Input: []byte(`9`)})
	if err != nil {
		t.Fatal(err)
	}
	want := flow.RerunPlan{
		RerunOf: id, Workflow: "itemised", Version: env.Execution(id).Version, From: "l",
		Kept:  []flow.RerunNode{{Node: "t", Type: "test.start", Runs: 1}, {Node: "s", Type: "test.state", Runs: 1}, {Node: "c", Type: "test.child", Runs: 1}},
		Again: []flow.RerunNode{{Node: "l", Type: "test.each", Runs: 1}, {Node: "b", Type: "test.echo", Runs: 2}, {Node: "z", Type: "test.echo", Runs: 1}},
		Input: map[string]any{"main": 9},
	}
	warnings := strings.Join(got.Warnings, "\n")
	for _, about := range []string{"node b works on the items of node l", "z (test.echo)", "shared state", "1 child"} {
		if !strings.Contains(warnings, about) {
			t.Errorf("the plan warns\n%s\nand not of %q", warnings, about)
		}
	}
	got.Warnings = nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n %+v, want\n %+v", got, want)
	}
	if n := len(startedBy(env, "itemised")); n != 1 {
		t.Errorf("there are %d executions, want 1", n)
	}
}

// TestRerunOfAnotherVersion: what is kept must be the same in it.
func TestRerunOfAnotherVersion(t *testing.T) {
	t.Parallel()
	const v1 = "id: v\nnodes:\n- {key: t, type: test.start}\n- {key: a, type: test.echo, params: {value: 1}}\n- {key: k, type: test.echo}\nconnections: [t -> a, a -> k]"
	for name, c := range map[string]struct{ source, output string }{
		"what runs again differs": {strings.Replace(strings.Replace(v1, "{key: k, type: test.echo}", `{key: new, type: test.merge}`+"\n- "+`{key: k, type: test.echo, params: {value: "{{ $input + 1 }}"}}`, 1), "a -> k", "a -> k, k -> new", 1), `{"main":2}`},
		"what is kept differs":    {strings.Replace(v1, "value: 1", "value: 2", 1), ""},
		"what is kept is gone":    {strings.Replace(strings.Replace(v1, "key: a", "key: x", 1), "t -> a, a -> k", "t -> x, x -> k", 1), ""},
		"another way leads there": {strings.Replace(v1, "t -> a, a -> k", "t -> k, k -> a", 1), ""},
	} {
		env := enginetest.New(t, types()...)
		env.Deploy(v1)
		id := env.Start("v", nil)
		env.Run()
		env.Deploy(c.source)
		res, err := env.Engine().Rerun(t.Context(), flow.RerunRequest{Execution: id, From: "k", Version: flow.LatestVersion})
		if c.output == "" && name != "another way leads there" {
			if p := flow.AsProblem(err); p == nil || p.Code != flow.ErrConflict.Code {
				t.Errorf("%s: the answer is %v, want a conflict", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		env.Run()
		env.WantStatus(res.ExecutionID, flow.Completed)
		if c.output != "" {
			env.WantOutput(res.ExecutionID, json.RawMessage(c.output))
		}
	}
}

// TestRerunBounds: what would not fit into one commit is refused before anything is stored.
func TestRerunBounds(t *testing.T) {
	t.Parallel()
	env := enginetest.Open(t, enginetest.Options{Types: types(), Limits: engine.Limits{Items: 10_000}})
	env.Deploy("id: big\nnodes:\n- {key: t, type: test.start}\n- {key: l, type: test.each, params: {items: $input, parallel: 1000}}\n- {key: b, type: test.echo}\n- {key: k, type: test.echo}\nconnections: [t -> l, l.loop -> b, b -> l, l.done -> k]")
	id := env.Start("big", make([]int, 2501))
	env.Run()
	env.WantStatus(id, flow.Completed)
	_, err := env.Engine().Rerun(t.Context(), flow.RerunRequest{Execution: id, From: "k", ID: "once"})
	if p := flow.AsProblem(err); p == nil || p.Code != flow.ErrConflict.Code || !strings.Contains(p.Message, "5000 steps") {
		t.Errorf("the answer is %v", err)
	}
	if _, err := env.Engine().Rerun(t.Context(), flow.RerunRequest{Execution: id, ID: "once"}); err != nil {
		t.Errorf("the refused request took its id: %v", err)
	}
}

// TestRerunOfALiveExecution: its results are still growing.
func TestRerunOfALiveExecution(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(waiter)
	id := env.Start("waiter", nil)
	env.Run()
	_, err := env.Engine().Rerun(t.Context(), flow.RerunRequest{Execution: id, From: "w"})
	if p := flow.AsProblem(err); p == nil || p.Code != flow.ErrConflict.Code {
		t.Errorf("the answer is %v, want a conflict", err)
	}
	res, err := env.Engine().Rerun(t.Context(), flow.RerunRequest{Execution: id})
	if err != nil {
		t.Fatal(err)
	}
	env.Advance(48 * time.Hour)
	env.WantStatus(res.ExecutionID, flow.Completed)
	if v := env.Execution(res.ExecutionID); v.RerunOf != id {
		t.Errorf("it is a rerun of %q, want %q", v.RerunOf, id)
	}
}
