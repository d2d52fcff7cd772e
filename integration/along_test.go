package integration

import (
	"reflect"
	"strconv"
	"testing"
	"time"

	"prana/engine/flow"
)

// TestStepsWhoseTasksCameAlong: many executions are due at once, so that each commit that ends one brings the next. Whatever their steps read, be it in
// the execution that came along or not, they read what is stored.
func TestStepsWhoseTasksCameAlong(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, `
id: along
output: {last: $nodes.last.output, a: $nodes.a.output, b: $nodes.b.output, c: $nodes.c.output}
nodes:
  - {key: start, type: manual.trigger}
  - {key: pick, type: logic.if_condition, params: {condition: $input.i % 2 == 0}}
  - {key: note, type: workflow.set_state, params: {i: "{{ $trigger.i }}", at: $trigger.at}}
  - {key: nap, type: wait.wait, params: {mode: schedule, schedule_at: $execution.state.at}}
  - {key: each, type: core.for_each, params: {collection: "{{ [$trigger.i, $trigger.i + 1] }}", parallel: 2}}
  - {key: rest, type: time.delay, params: {duration_ms: "{{ 5 * len($nodes.pick.port) }}"}}
  - {key: one, type: data.set_data, params: {mapping_map: {twice: "{{ 2 * $loop.item }}"}}}
  - {key: last, type: data.set_data, params: {mapping_map: {state: $execution.state.i, port: $nodes.pick.port, in: $trigger.i, all: $input}}}
  - {key: a, type: data.set_data, params: {mapping_map: {state: $execution.state.i}}}
  - {key: b, type: data.set_data, params: {mapping_map: {port: $nodes.pick.port}}}
  - {key: c, type: data.set_data, params: {mapping_map: {in: $trigger.i}}}
connections: [nap -> a, nap -> b, nap -> c, start -> pick, pick.true -> note, pick.false -> note, note -> nap, nap -> each, each.loop -> rest, rest -> one, one -> each, each.done -> last]
`)
	at := time.Now().Add(3 * time.Second).UTC().Format(time.RFC3339Nano)
	const n = 150
	ids := s.startMany(t, n, "along", func(i int) any { return map[string]any{"i": i, "at": at} })
	for i, v := range s.awaitAll(t, ids, flow.Completed, time.Minute) {
		port := strconv.FormatBool(i%2 == 0)
		want := map[string]any{
			"last": map[string]any{
				"state": float64(i), "port": port, "in": float64(i),
				"all": []any{map[string]any{"twice": float64(2 * i)}, map[string]any{"twice": float64(2*i + 2)}},
			},
			"a": map[string]any{"state": float64(i)}, "b": map[string]any{"port": port}, "c": map[string]any{"in": float64(i)},
		}
		if got := output(t, v); !reflect.DeepEqual(got, want) {
			t.Errorf("the output is %v, want %v", got, want)
		}
	}
}
