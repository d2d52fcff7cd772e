package engine_test

import (
	"testing"

	"prana/engine/enginetest"
)

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
