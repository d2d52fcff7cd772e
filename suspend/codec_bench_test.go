package suspend

import (
	"testing"
	"time"

	"prana/engine/flow"
)

// BenchmarkCodec measures the stored forms of what a step of a chain reads and writes: the front, the step that ended,
// and the next one.
func BenchmarkCodec(b *testing.B) {
	front := flow.Front{Status: flow.Running, Region: flow.Region{Live: map[int]flow.Live{7: {Pending: 1}}}, Seq: 9, Transitions: 7}
	id := flow.StepID{Node: 6}
	ended := &flow.Step{
		ID: id, Status: flow.StepCompleted, Token: "5zq7N5JqSyh", Port: flow.PortMain, CreatedAt: time.UnixMilli(1767348245000), Ran: time.Millisecond,
		Inputs: []flow.Arrival{{Edge: 5, Port: flow.PortMain, Ref: "o5.0"}},
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := encodeFront(&front); err != nil {
				b.Fatal(err)
			}
			if _, err := encodeStep(ended, "6VwretUkFHr", NewestFormat); err != nil {
				b.Fatal(err)
			}
		}
	})
	storedFront, err := encodeFront(&front)
	if err != nil {
		b.Fatal(err)
	}
	storedStep, err := encodeStep(ended, "6VwretUkFHr", NewestFormat)
	if err != nil {
		b.Fatal(err)
	}
	storedHead, err := encodeHead(&flow.Head{Workflow: "bench", Version: "5bc6b75c887975e8"})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := decodeFront(string(storedFront)); err != nil {
				b.Fatal(err)
			}
			if _, err := decodeStep(id, "1767348245000|"+string(storedStep)); err != nil {
				b.Fatal(err)
			}
			if _, err := decodeHead("1767348245000|" + string(storedHead)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
