package client

import (
	"context"
	"iter"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// Update is one thing that changed in an execution: a run of a node, or the execution itself.
type Update struct {
	Status flow.Status // of the execution, now
	// Run is the run of a node that began, waits, was resumed, is tried again or ended, as it stands now; nil = the execution
	// has another status.
	Run *flow.NodeRun
}

// Follow goes through what happened in the execution so far, and then through
// what happens, until it is terminal, or in quarantine, which only a person
// ends: the last update has that status. Who comes
// late, or goes on more slowly than the execution, finds several changes of one
// run as one. An error ends it; to follow again begins from the beginning.
//
// It looks at the execution whenever the stream of the server says that there is
// something new; where there is no stream to be had, again and again.
//
//	for u, err := range c.Follow(ctx, id) { … }
func (c *Client) Follow(ctx context.Context, id string) iter.Seq2[Update, error] {
	return func(yield func(Update, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		b := &bell{rung: c.Changes(ctx, id)}
		var now wire.History
		seen := map[run]stand{}
		for first := true; ; first = false {
			began, before := time.Now(), now.Status
			k := c.waiting(execution(id, "/history"), b.between(first, len(now.Items)), first)
			now = wire.History{}
			if _, err := c.do(ctx, k, &now); err != nil {
				yield(Update{}, err)
				return
			}
			for _, u := range updates(before, now, seen) {
				if !yield(u, nil) {
					return
				}
			}
			if now.Status.Over() {
				return
			}
			if err := b.wait(ctx, c.pause-time.Since(began)); err != nil {
				yield(Update{}, err)
				return
			}
		}
	}
}

// Changes gives a channel that has something whenever the execution may have changed: for the first time once nothing is
// missed any more. It is closed when there is no stream, or none any more, and after ctx ended: then ask again and again.
func (c *Client) Changes(ctx context.Context, id string) <-chan struct{} {
	rung := make(chan struct{}, 1)
	go func() {
		defer close(rung)
		for _, err := range c.Stream(ctx, StreamFilter{Execution: id}) {
			if err != nil {
				return
			}
			select {
			case rung <- struct{}{}:
			default: // it was not heard yet
			}
		}
	}()
	return rung
}

// bell rings when there is something to look at.
type bell struct {
	rung <-chan struct{} // nil = it never rings
	hung bool            // it rang: nothing is missed
}

// between is how long the server is to wait before it answers: not at all when a bell rings; otherwise longer when the
// answers are long, so that who follows costs it little.
func (b *bell) between(first bool, runs int) time.Duration {
	if first || b.hung {
		return 0
	}
	return min(time.Second+time.Duration(runs/1000)*time.Second, longWait)
}

// wait waits until it is time to look again, which is not before that.
func (b *bell) wait(ctx context.Context, least time.Duration) error {
	if !b.hung {
		return b.listen(ctx, least)
	}
	if err := rest(ctx, least); err != nil {
		return err
	}
	return b.listen(ctx, longWait)
}

// listen waits for the bell, at most that long.
func (b *bell) listen(ctx context.Context, most time.Duration) error {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case _, b.hung = <-b.rung:
		if !b.hung {
			b.rung = nil
			return ctx.Err()
		}
		return nil
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
