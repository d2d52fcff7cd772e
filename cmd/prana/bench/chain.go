package bench

import (
	"context"
	"fmt"
	"strings"
)

// chainSteps is the number of steps of a chain: a trigger, and no-ops behind it.
const chainSteps = 10

// left is what every step of a chain leaves, and what it is started with, whoever runs it.
const left = `{"done":true}`

// noops writes nodes that do nothing but leave their result, and their connections, one after the other from a node on.
func noops(from string, n int) (nodes, connections string) {
	var b strings.Builder
	links := make([]string, n)
	for i := range n {
		to := fmt.Sprintf("n%d", i+1)
		fmt.Fprintf(&b, "  - { key: %s, type: data.set_data, params: { mapping_map: %s } }\n", to, left)
		links[i] = from + " -> " + to
		from = to
	}
	return b.String(), strings.Join(links, ", ")
}

// chainSource is a workflow of chainSteps steps.
func chainSource() string {
	nodes, connections := noops("start", chainSteps-1)
	return "id: %s\nnodes:\n  - { key: start, type: manual.trigger }\n" + nodes + "connections: [" + connections + "]\n"
}

// chains is a load of n of them.
func (b *bench) chains(n int) load {
	return load{source: chainSource(), input: []byte(left), executions: n, steps: n * chainSteps, atOnce: b.App.Config.Worker.Concurrency}
}

// drains makes a side of a load.
func (b *bench) drains(l load) side {
	return func(ctx context.Context) (round, error) { return b.drain(ctx, l) }
}
