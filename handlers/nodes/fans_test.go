package nodes

import (
	"testing"
	"time"

	"prana/engine/enginetest"
	"prana/engine/flow"
)

const doubling = `
id: doubling
nodes:
  - {key: start, type: manual.trigger}
  - {key: odd, type: logic.switch, params: {cases: [{condition: "{{ $input.n < 0 }}", port: bad}], default_port: good}}
  - {key: fine, type: data.set_data, params: {mapping_map: "{{ $input.n * 2 }}"}}
  - {key: broken, type: http.request, params: {url: "http://127.0.0.1:1/"}, settings: {timeout_ms: 50}}
connections: [start -> odd, odd.good -> fine, odd.bad -> broken]
`

func TestBatchOfChildren(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"sync", "async"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			env := enginetest.New(t, Builtin(Options{})...)
			env.Deploy(doubling)
			env.Deploy(`
id: batch
nodes:
  - {key: start, type: manual.trigger}
  - {key: all, type: workflow.execute_workflow, params: {workflow_id: doubling, batch_mode: single, execution_mode: ` + mode + `, failure_strategy: continue}}
connections: [start -> all]
output: "{{ map($nodes.all.output, [#.status, #.output, #.error != nil]) }}"
`)
			id := env.Start("batch", []any{map[string]any{"n": 1}, map[string]any{"n": -1}, map[string]any{"n": 3}})
			env.Run()
			env.WantStatus(id, flow.Completed)
			env.WantOutput(id, []any{[]any{"completed", 2, false}, []any{"failed", nil, true}, []any{"completed", 6, false}})
			if n := len(env.Children(id)); n != 3 {
				t.Errorf("it has %d children", n)
			}
		})
	}
}

func TestBatchIsSpread(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, Builtin(Options{})...)
	env.Deploy(doubling)
	env.Deploy(`
id: batch
nodes:
  - {key: start, type: manual.trigger}
  - {key: all, type: workflow.execute_workflow, params: {workflow_id: doubling, batch_mode: single, execution_mode: fire_and_forget, distribution_window_ms: 10000}}
connections: [start -> all]
`)
	id := env.Start("batch", []any{map[string]any{"n": 1}, map[string]any{"n": 2}})
	env.Run()
	env.WantStatus(id, flow.Completed)
	children := env.Children(id)
	if len(children) != 2 {
		t.Fatalf("it has %d children", len(children))
	}
	env.WantStatus(children[0], flow.Completed)
	env.WantStatus(children[1], flow.Pending)
	env.Advance(5 * time.Second)
	env.WantStatus(children[1], flow.Completed)
	env.WantOutput(children[1], 4)
}

func TestWaitForSeveralThings(t *testing.T) {
	t.Parallel()
	const definition = `
id: several
nodes:
  - {key: start, type: manual.trigger}
  - key: w
    type: wait.wait_for
    params:
      need: "{{ $input.need }}"
      for:
        - {name: yes, event_type: answer, event_filter: {id: $input.id}}
        - {name: late, duration_ms: 60000}
        - {name: twice, workflow_id: slow}
connections: [start -> w]
`
	const slow = `
id: slow
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: 30000}}
connections: [start -> nap]
output: rested
`
	open := func(t *testing.T, need string) (*enginetest.Env, string) {
		t.Helper()
		env := enginetest.New(t, Builtin(Options{})...)
		env.Deploy(slow)
		env.Deploy(definition)
		id := env.Start("several", map[string]any{"need": need, "id": 7})
		env.Run()
		return env, id
	}
	came := func(env *enginetest.Env, id string) any {
		out, err := flow.Decode(env.Execution(id).Output)
		if err != nil {
			t.Fatal(err)
		}
		m, _ := out.(map[string]any)
		return m["came"]
	}
	t.Run("any", func(t *testing.T) {
		t.Parallel()
		env, id := open(t, "any")
		env.Publish("answer", map[string]any{"id": 7, "ok": true})
		env.Run()
		env.WantStatus(id, flow.Completed)
		env.WantOutput(id, map[string]any{"came": []any{"yes"}, "data": map[string]any{"yes": map[string]any{"id": 7, "ok": true}}})
		env.Run()
		env.Advance(5 * time.Second)
		env.WantStatus(env.Children(id)[0], flow.Cancelled)
	})
	t.Run("two", func(t *testing.T) {
		t.Parallel()
		env, id := open(t, "2")
		env.Advance(30 * time.Second)
		env.WantStatus(id, flow.Suspended)
		env.Advance(30 * time.Second)
		env.WantStatus(id, flow.Completed)
		if got := came(env, id); len(got.([]any)) != 2 {
			t.Errorf("there came %v", got)
		}
	})
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		env, id := open(t, "all")
		env.Advance(time.Minute)
		env.WantStatus(id, flow.Suspended)
		env.Publish("answer", map[string]any{"id": 7})
		env.Run()
		env.WantStatus(id, flow.Completed)
		if got := came(env, id); len(got.([]any)) != 3 {
			t.Errorf("there came %v", got)
		}
	})
}
