package engine

import (
	"context"
	"errors"
	"slices"
	"sync"

	"prana/engine/flow"
)

// offering is an event on its way to its waits, in batches. Before a wait may take the event it has a place, which the store
// remembers: whoever goes on after this process died asks those who have one, and knows all that took it.
type offering struct {
	e  *Engine
	ev flow.Event

	mu    sync.Mutex
	taken map[flow.SuspensionID]bool
	full  []string   // groups that have no place left
	told  flow.Offer // what became of those to whom it was offered last; the store does not know it yet
}

func (o *offering) result() flow.PublishResult {
	r := flow.PublishResult{ID: o.ev.ID, Matched: len(o.taken), Executions: []string{}}
	for w := range o.taken {
		r.Executions = append(r.Executions, w.Execution)
	}
	slices.Sort(r.Executions)
	r.Executions = r.Executions[:min(len(r.Executions), flow.MaxNamed)]
	return r
}

// toWaiting offers the event to all waits that match it, in pages.
func (o *offering) toWaiting(ctx context.Context) error {
	for cursor := ""; ; {
		waits, next, err := o.e.store.Waiting(ctx, o.ev, o.full, cursor, waitersAtOnce)
		if err != nil {
			return err
		}
		over, err := o.toPage(ctx, waits)
		if cursor = next; err != nil || over || cursor == "" {
			return err
		}
	}
}

// toPage offers the event to waits, and once more to those who had no place when others gave theirs back. over: nobody
// may take it any more.
func (o *offering) toPage(ctx context.Context, waits []flow.Taker) (over bool, err error) {
	for len(waits) > 0 {
		offer := o.report()
		offer.To = waits
		got, err := o.e.store.OfferEvent(ctx, o.ev, offer)
		if err != nil || got.Over {
			return true, err
		}
		if err := each(publishers, slices.Concat(got.To, got.Held), o.to(ctx)); err != nil {
			return true, err
		}
		waits = slices.DeleteFunc(waits, func(t flow.Taker) bool { return slices.Contains(got.To, t.Wait) })
		if len(o.told.Gone) == 0 {
			break
		}
	}
	for _, t := range waits {
		if !slices.Contains(o.full, t.Group) {
			o.full = append(o.full, t.Group)
		}
	}
	return o.ev.Limit > 0 && len(waits) > 0, nil
}

// finish stores what came of the event. Waits that found it by themselves, and were faster, count as well, and so do those
// to whom somebody else gave it.
func (o *offering) finish(ctx context.Context) (flow.PublishResult, error) {
	for {
		r := o.result()
		open, took, err := o.e.store.FinishEvent(ctx, o.ev, o.report(), &r)
		if err != nil || len(open)+len(took) == 0 {
			return r, err
		}
		for _, w := range took {
			o.taken[w] = true
		}
		if err := each(publishers, open, o.to(ctx)); err != nil {
			return r, err
		}
		if len(o.told.Gone) > 0 && len(o.full) > 0 { // a place is free again that somebody was refused
			o.full = nil
			if err := o.toWaiting(ctx); err != nil {
				return r, err
			}
		}
	}
}

// report gives what became of those to whom the event was offered, once.
func (o *offering) report() flow.Offer {
	told := o.told
	o.told = flow.Offer{}
	told.Publisher = true
	return told
}

// to offers the event to one wait. An execution that cannot be read, or whose nodes
// this process does not have, must not keep the event from the others.
func (o *offering) to(ctx context.Context) func(flow.SuspensionID) error {
	return func(w flow.SuspensionID) error {
		ok, err := o.e.resolveByEvent(ctx, w, o.ev)
		if errors.Is(err, flow.ErrUnavailable) {
			return err
		}
		if err != nil {
			o.e.log.ErrorContext(ctx, "an event could not be given to a wait", "event", o.ev.ID, "suspension", w.String(), "error", err)
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		if !ok {
			o.told.Gone = append(o.told.Gone, w)
			return nil
		}
		o.told.Took = append(o.told.Took, w)
		o.taken[w] = true
		return nil
	}
}

// resolveByEvent ends one wait with an event. False: the wait was over, or does not want it, or its execution had the event before.
func (e *Engine) resolveByEvent(ctx context.Context, w flow.SuspensionID, ev flow.Event) (bool, error) {
	f, err := e.finds(ctx, w, ev)
	if err != nil || !f.wants {
		return f.took, err
	}
	return e.give(ctx, f, received(w, ev))
}

// received is the fact that an event came for a wait.
func received(w flow.SuspensionID, ev flow.Event) waitEnded {
	return waitEnded{wait: w, by: flow.ByEvent, event: ev.ID, data: ev.Data}
}

// found is a wait to which an event comes.
type found struct {
	p     *compiled
	x     *flow.Execution
	over  bool // it does not stand any more
	took  bool // it was this event that ended it, in a try whose answer was lost, or when it found the event itself
	wants bool // it stands, and does not decline the event
}

// finds looks at a wait to which an event comes.
func (e *Engine) finds(ctx context.Context, w flow.SuspensionID, ev flow.Event) (found, error) {
	x, err := e.store.Load(ctx, w.Execution, flow.Want{Steps: []flow.StepID{w.Step}})
	switch {
	case isNotFound(err):
		return found{over: true}, nil
	case err != nil:
		return found{}, err
	case !waits(x, w):
		return found{over: true, took: took(x, w, ev.ID)}, nil
	}
	p, err := e.planFor(ctx, x.Workflow, x.Version)
	if err != nil {
		return found{}, err
	}
	if s := x.Steps[w.Step]; s.Wait.Event == nil || s.Wait.Event.Match == "" {
		return found{p: p, x: x, wants: true}, nil
	}
	v, err := e.judgeEvent(ctx, p, w, ev)
	e.logDeclined(ctx, w, ev, v.err)
	return found{p: p, x: v.x, over: err == nil && v.x == nil, wants: v.wants}, err
}

// give ends a wait with an event.
func (e *Engine) give(ctx context.Context, f found, got waitEnded) (bool, error) {
	err := e.apply(ctx, got.wait.Execution, f.p, f.x, got)
	if errors.Is(err, flow.ErrConflict) {
		return e.tookMeanwhile(ctx, got.wait, got.event)
	}
	if errors.Is(err, flow.ErrTaken) {
		return false, nil
	}
	return err == nil, err
}

// waits tells whether a wait still stands.
func waits(x *flow.Execution, w flow.SuspensionID) bool {
	s := x.Steps[w.Step]
	return s != nil && s.WaitsAs(w.Turn) && !x.Status.Terminal()
}

// took tells whether it was this very event that ended the wait.
func took(x *flow.Execution, w flow.SuspensionID, event string) bool {
	s := x.Steps[w.Step]
	return s != nil && s.Resumed != nil && s.Resumed.Ended(w.Turn) && s.Resumed.By == flow.ByEvent && s.Resumed.Event == event
}

// tookMeanwhile tells the same of a wait that was ended by somebody faster.
func (e *Engine) tookMeanwhile(ctx context.Context, w flow.SuspensionID, event string) (bool, error) {
	x, err := e.store.Load(ctx, w.Execution, flow.Want{Steps: []flow.StepID{w.Step}})
	if isNotFound(err) {
		return false, nil
	}
	return err == nil && took(x, w, event), err
}
