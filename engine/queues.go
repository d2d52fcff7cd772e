package engine

import (
	"context"

	"prana/engine/flow"
)

// byQueue parts tasks that the commit enqueued itself from those that it could not.
func byQueue(all []flow.Dispatch) (own int, named []flow.Dispatch) {
	for _, d := range all {
		switch {
		case d.Queue != "":
			named = append(named, d)
		case d.In <= 0:
			own++
		}
	}
	return own, named
}

// enqueueSoon enqueues tasks of named queues beside the caller, once the commit that asks for them is stored.
// Whatever keeps it from that, their steps come up in the due index as those do that lost their tasks.
func (e *Engine) enqueueSoon(ctx context.Context, named []flow.Dispatch) {
	if len(named) == 0 {
		return
	}
	e.background(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flow.FreshDue)
		defer cancel()
		if err := e.enqueue(ctx, named); err != nil {
			e.log.WarnContext(ctx, "tasks were not enqueued; the sweeper does it", "execution", named[0].Execution, "queue", named[0].Queue, "error", err)
		}
	})
}

// enqueue writes tasks, and wakes who serves their queues here.
func (e *Engine) enqueue(ctx context.Context, ds []flow.Dispatch) error {
	if err := e.store.Enqueue(ctx, ds...); err != nil {
		return err
	}
	type place struct {
		part  int
		queue string
	}
	woken := map[place]bool{}
	for _, d := range ds {
		part, _ := flow.PartitionOf(d.Execution)
		if at := (place{part, d.Queue}); !woken[at] {
			woken[at] = true
			e.cfg.Woken(part, d.Queue)
		}
	}
	return nil
}

// addQueues makes the queues known that a definition names.
func (e *Engine) addQueues(ctx context.Context, p *compiled) error {
	for _, n := range p.Nodes {
		if err := e.addQueue(ctx, n.Settings.Queue); err != nil {
			return err
		}
	}
	return nil
}

// addQueue makes a queue known before anything is enqueued on it.
func (e *Engine) addQueue(ctx context.Context, name string) error {
	switch {
	case name == "" || name == flow.DefaultQueue:
		return nil
	case !flow.ValidQueue(name):
		p := flow.Problemf("invalid_queue", "no queue can be called %q: %s", flow.Cut(name, 64), flow.QueueRule)
		p.Permanent = true
		return p
	}
	return e.store.AddQueue(ctx, name)
}

// announce makes a queue known again in which a task waits too long: the slot of the names may have lost it.
func (e *Engine) announce(ctx context.Context, name string) {
	if err := e.addQueue(ctx, name); err != nil {
		e.log.WarnContext(ctx, "a queue was not made known; workers that serve all queues may not find it", "queue", name, "error", err)
	}
}
