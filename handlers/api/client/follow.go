package client

import (
	"context"
	"iter"

	"prana/engine/flow"
)

// Update is one thing that changed in an execution: a run of a node, or the execution itself.
type Update struct {
	Status flow.Status // of the execution, now
	// Run is the run of a node that began, waits, was resumed, is tried again or ended, as it stands now; nil = the execution
	// has another status.
	Run *flow.NodeRun
}

// Follow goes through what happened in the execution so far, and then through
// what happens, until it is terminal: the last update has that status. Who comes
// late, or goes on more slowly than the execution, finds several changes of one
// run as one. An error ends it; to follow again begins from the beginning.
//
//	for u, err := range c.Follow(ctx, id) { … }
func (c *Client) Follow(ctx context.Context, id string) iter.Seq2[Update, error] {
	return c.polled(ctx, id)
}
