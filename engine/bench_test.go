package engine_test

import (
	"testing"

	"prana/engine/enginetest"
)

// BenchmarkStep measures what the engine itself adds to a step of a chain: the store is in memory.
func BenchmarkStep(b *testing.B) {
	env := enginetest.New(b, types()...)
	env.Deploy(`
id: chain
nodes:
  - {key: start, type: test.start}
  - {key: a, type: test.echo, params: {value: {done: true}}}
  - {key: b, type: test.echo, params: {value: {done: true}}}
  - {key: c, type: test.echo, params: {value: {done: true}}}
connections: [start -> a, a -> b, b -> c]
`)
	b.ReportAllocs()
	for b.Loop() {
		d, ok := env.Store().Pop(0)
		if !ok {
			b.StopTimer()
			env.Start("chain", nil)
			d, _ = env.Store().Pop(0)
			b.StartTimer()
		}
		if err := env.Engine().RunStep(b.Context(), d); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPublish measures what the engine itself adds to an event that ends one wait: the store is in memory.
func BenchmarkPublish(b *testing.B) {
	env := enginetest.New(b, types()...)
	env.Deploy(`
id: order
nodes:
  - {key: start, type: test.start}
  - {key: w, type: test.wait, params: {filter: {order: $input.order}}}
  - {key: end, type: test.echo}
connections: [start -> w, w -> end]
`)
	for n := range 100 { // others, which it is not for
		env.Start("order", map[string]any{"order": -1 - n})
	}
	env.Run()
	b.ReportAllocs()
	order := 0
	for b.Loop() {
		b.StopTimer()
		order++
		env.Start("order", map[string]any{"order": order})
		env.Run()
		b.StartTimer()
		if r := env.Publish("go", map[string]any{"order": order}); r.Matched != 1 {
			b.Fatalf("the event matched %d", r.Matched)
		}
	}
}
