package engine_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
)

// nested takes items of items through nodes that sleep, fail once, and read whatever a branch may read.
const nested = `
id: nested
nodes:
  - {key: s, type: test.start}
  - {key: m, type: test.echo, params: {value: "{{ $trigger.items }}"}}
  - {key: o, type: test.each, params: {items: $input, parallel: 3}}
  - {key: p, type: test.echo, params: {value: "{{ $loop.item.name + $trigger.say }}"}}
  - {key: i, type: test.each, params: {items: "{{ $loop.item.of }}", parallel: 2}}
  - {key: z, type: test.sleep, params: {ms: "{{ $loop.item * $trigger.times }}"}}
  - {key: f, type: test.fail, params: {times: "{{ $loop.item % 2 }}"}, settings: {retry_on_failed: true, max_retries: 2, retry_delay_ms: 10}}
  - {key: b, type: test.echo, params: {value: "{{ $nodes.p.output + $loop.parent.item.name + $trigger.say + string($loop.item) }}"}}
connections: [s -> m, m -> o, o.loop -> p, p -> i, i.loop -> f, f -> z, z -> b, b -> i, i.done -> o]
`

// TestBranchesAnywhere: branches of branches come to the same, whichever process takes which task, in whatever order, some of them twice.
func TestBranchesAnywhere(t *testing.T) {
	t.Parallel()
	var items, want []any
	for n := range 4 {
		name, of, all := fmt.Sprint("n", n), []any{}, []any{}
		for k := range 4 {
			of, all = append(of, 3*n+k), append(all, fmt.Sprint(name, "!", name, "!", 3*n+k))
		}
		items, want = append(items, map[string]any{"name": name, "of": of}), append(want, all)
	}
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			env := enginetest.New(t, types()...)
			env.Deploy(nested)
			id := env.Start("nested", map[string]any{"items": items, "say": "!", "times": 1})
			processes := []*engine.Engine{env.Engine(), env.Process(), env.Process()}
			for range 10_000 {
				if env.Execution(id).Status.Terminal() {
					break
				}
				if !anywhere(t, env, processes, random) {
					env.Pass(5 * time.Millisecond)
					env.Sweep()
				}
			}
			env.WantStatus(id, flow.Completed)
			env.WantOutput(id, want)
		})
	}
}

// anywhere has some tasks run at once; false when there are none.
func anywhere(t *testing.T, env *enginetest.Env, processes []*engine.Engine, random *rand.Rand) bool {
	t.Helper()
	var wg sync.WaitGroup
	some := false
	for range 1 + random.IntN(4) {
		d, ok := env.Store().Take(0, random.IntN(3))
		if !ok {
			continue
		}
		some = true
		for range 1 + random.IntN(5)/4 {
			p := processes[random.IntN(len(processes))]
			wg.Go(func() {
				if err := p.RunStep(t.Context(), d); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	return some
}
