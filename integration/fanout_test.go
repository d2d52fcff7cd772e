package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
)

// TestWideFanOutJoinsOnceWithAllItsBranches has two workers end 300 branches at
// once: more than one commit enqueues, and all of them meet in one node.
func TestWideFanOutJoinsOnceWithAllItsBranches(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{}) // of its own: what goes on is ahead of what begins, so it would hold up the others
	const width = 300
	var nodes, connections strings.Builder
	for i := range width {
		fmt.Fprintf(&nodes, "  - {key: b%d, type: core.log, params: {message: x}}\n", i)
		fmt.Fprintf(&connections, "  - start -> b%d\n  - b%d -> all\n", i, i)
	}
	s.deploy(t, "id: fan_out\nnodes:\n  - {key: start, type: manual.trigger}\n"+nodes.String()+
		"  - {key: all, type: test.effect, params: {name: joined}, settings: {join: all}}\nconnections:\n"+connections.String())
	ids := s.startMany(t, 4, "fan_out", gate(""))
	began := time.Now()
	for _, v := range s.awaitAll(t, ids, flow.Completed, time.Minute) {
		if len(v.Nodes) != width+2 {
			t.Errorf("%s has %d activations; want %d", v.ID, len(v.Nodes), width+2)
		}
	}
	t.Logf("4 times %d branches joined within %s", width, time.Since(began).Round(time.Millisecond))
	s.wantOnce(t, "/effect/joined", 4)
}
