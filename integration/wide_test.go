package integration

import (
	"testing"
	"time"

	"prana/engine/flow"
)

// TestThousandWayFanOutAndJoin: as many items side by side in one execution as a loop allows, each with two branches that
// meet, and all of them joined in the order of the items.
func TestThousandWayFanOutAndJoin(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, `
id: wide
nodes:
  - {key: start, type: manual.trigger}
  - {key: each, type: core.for_each, params: {collection: "{{ 1..1000 }}", parallel: 1000}}
  - {key: twice, type: data.set_data, params: {mapping_map: "{{ $input * 2 }}"}}
  - {key: both, type: data.merge, params: {strategy: append}}
connections: [start -> each, each.loop -> twice, each.loop -> both.input_a, twice -> both.input_b, both -> each]
`)
	v := s.await(t, s.start(t, "wide", nil), flow.Completed, time.Minute)
	out, err := flow.Decode(v.Output)
	if err != nil {
		t.Fatal(err)
	}
	list, _ := out.([]any)
	if len(list) != 1000 {
		t.Fatalf("%d items came back", len(list))
	}
	for i, e := range list {
		if pair, ok := e.([]any); !ok || len(pair) != 2 || pair[0] != i+1 || pair[1] != 2*(i+1) {
			t.Fatalf("item %d came back as %v", i, e)
		}
	}
}
