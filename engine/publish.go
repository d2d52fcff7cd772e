package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"prana/engine/flow"
)

// Bounds of publishing.
const (
	// DefaultTTL is how long an event is kept for a wait that comes later.
	DefaultTTL    = time.Hour
	maxEventType  = 128
	maxEventID    = 256
	waitersAtOnce = 100
	publishers    = 16
)

// Publish offers an event to every wait that matches it. The same id counts
// once: a repetition is answered like the first. An event that ends no wait is
// kept for its time to live, for a wait that registers later.
func (e *Engine) Publish(ctx context.Context, ev flow.Event) (flow.PublishResult, error) {
	if err := e.checkEvent(&ev); err != nil {
		return flow.PublishResult{}, err
	}
	known, err := e.store.RecordEvent(ctx, ev)
	if err != nil {
		return flow.PublishResult{}, fmt.Errorf("publishing event %s: %w", ev.ID, err)
	}
	if known != nil {
		known.Repeated = true
		return *known, nil
	}
	ctx = context.WithoutCancel(ctx) // half of the waits must not be left out because the caller went away
	o := &offering{e: e, ev: ev, left: int64(ev.Limit), taken: map[flow.SuspensionID]bool{}}
	if err := o.toPartitions(ctx); err != nil {
		return o.result(), fmt.Errorf("publishing event %s: %w", ev.ID, err)
	}
	r, err := o.finish(ctx)
	if err != nil {
		return r, fmt.Errorf("finishing event %s: %w", ev.ID, err)
	}
	return r, nil
}

func (e *Engine) checkEvent(ev *flow.Event) error {
	switch {
	case ev.Type == "" || utf8.RuneCountInString(ev.Type) > maxEventType:
		return flow.Problemf(flow.ErrInvalid.Code, "an event needs a type of 1 to %d characters", maxEventType)
	case utf8.RuneCountInString(ev.ID) > maxEventID:
		return flow.Problemf(flow.ErrInvalid.Code, "the id of an event has at most %d characters", maxEventID)
	}
	if p := tooLarge("the event", ev.Data, e.limits.Payload); p != nil {
		return p
	}
	if _, err := flow.Decode(ev.Data); err != nil {
		return flow.Problemf(flow.ErrInvalid.Code, "the data of the event is not JSON: %v", err)
	}
	ev.Data = orNull(ev.Data)
	if ev.ID == "" {
		ev.ID = flow.NewToken() + flow.NewToken()
	}
	if ev.TTL == 0 {
		ev.TTL = DefaultTTL
	}
	return nil
}

// offering is an event on its way to its waits.
type offering struct {
	e    *Engine
	ev   flow.Event
	left int64 // of a limit

	mu    sync.Mutex
	taken map[flow.SuspensionID]bool
	// marked: the rendezvous knows a taker, so that whoever looks at the event, or publishes it once more, does not keep
	// it for others. noted is the last wait that was noted as such, and may not have taken it.
	marked bool
	noted  string
}

func (o *offering) full() bool { return o.ev.Limit > 0 && atomic.LoadInt64(&o.left) <= 0 }

func (o *offering) result() flow.PublishResult {
	r := flow.PublishResult{ID: o.ev.ID, Matched: len(o.taken), Executions: []string{}}
	for w := range o.taken {
		r.Executions = append(r.Executions, w.Execution)
	}
	slices.Sort(r.Executions)
	return r
}

// toPartitions asks one partition after the other, and each in pages.
func (o *offering) toPartitions(ctx context.Context) error {
	for part := range o.e.cfg.Partitions {
		for cursor := ""; ; {
			waits, next, err := o.e.store.Waiting(ctx, part, o.ev, cursor, waitersAtOnce)
			if err != nil {
				return err
			}
			if err := o.toAll(ctx, waits); err != nil {
				return err
			}
			if cursor = next; cursor == "" || o.full() {
				break
			}
		}
	}
	return nil
}

// finish stores what came of the event. Waits that found it by themselves, and were faster, count as well.
func (o *offering) finish(ctx context.Context) (flow.PublishResult, error) {
	for {
		r := o.result()
		takers, err := o.e.store.FinishEvent(ctx, o.ev, &r)
		if err != nil || len(takers) == 0 {
			return r, err
		}
		for _, w := range takers {
			if err := o.to(ctx, w); err != nil {
				return r, err
			}
		}
	}
}

// toAll offers the event to waits: one by one until one has taken it, then several
// at once unless their number is limited.
func (o *offering) toAll(ctx context.Context, waits []flow.SuspensionID) error {
	for ; len(waits) > 0 && !o.marked; waits = waits[1:] {
		if err := o.toFirst(ctx, waits[0]); err != nil {
			return err
		}
	}
	width := publishers
	if o.ev.Limit > 0 {
		width = 1
	}
	return each(width, waits, func(w flow.SuspensionID) error {
		if o.full() {
			return nil
		}
		return o.to(ctx, w)
	})
}

// toFirst notes the wait as the taker before it takes the event: a publisher that
// dies in between is repeated, and finds nobody left to take it.
func (o *offering) toFirst(ctx context.Context, w flow.SuspensionID) error {
	won, err := o.e.store.TakeEvent(ctx, flow.KeptEvent{Event: o.ev}, w, o.noted)
	if err != nil {
		return err
	}
	if !won && o.ev.Limit == 1 {
		return nil // it is somebody else's
	}
	if won {
		o.noted = w.String()
	}
	err = o.to(ctx, w)
	o.marked = !won || len(o.taken) > 0
	return err
}

// to offers the event to one wait. An execution that cannot be read, or whose nodes
// this process does not have, must not keep the event from the others.
func (o *offering) to(ctx context.Context, w flow.SuspensionID) error {
	ok, err := o.e.resolveByEvent(ctx, w, o.ev)
	if err != nil && !errors.Is(err, flow.ErrUnavailable) {
		o.e.log.ErrorContext(ctx, "an event could not be given to a wait", "event", o.ev.ID, "suspension", w.String(), "error", err)
		return nil
	}
	if err != nil || !ok {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.taken[w] {
		o.taken[w] = true
		atomic.AddInt64(&o.left, -1)
	}
	return nil
}

// resolveByEvent ends one wait with an event. False: the wait was over, or its node had the event before.
func (e *Engine) resolveByEvent(ctx context.Context, w flow.SuspensionID, ev flow.Event) (bool, error) {
	x, err := e.store.Load(ctx, w.Execution, flow.Want{Steps: []flow.StepID{w.Step}})
	if isNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if took(x, w, ev) {
		return true, nil // in a try whose answer was lost, or by finding the event itself
	}
	p, err := e.planFor(ctx, x.Workflow, x.Version)
	if err != nil {
		return false, err
	}
	err = e.apply(ctx, w.Execution, p, x, waitEnded{wait: w, by: flow.ByEvent, event: ev.ID, data: ev.Data})
	if errors.Is(err, flow.ErrConflict) {
		return e.tookMeanwhile(ctx, w, ev)
	}
	if errors.Is(err, flow.ErrTaken) {
		return false, nil
	}
	return err == nil, err
}

// took tells whether it was this very event that ended the wait.
func took(x *flow.Execution, w flow.SuspensionID, ev flow.Event) bool {
	s := x.Steps[w.Step]
	return s != nil && s.Resumed != nil && s.Resumed.Ended(w.Turn) && s.Resumed.Event == ev.ID
}

// tookMeanwhile tells the same of a wait that was ended by somebody faster.
func (e *Engine) tookMeanwhile(ctx context.Context, w flow.SuspensionID, ev flow.Event) (bool, error) {
	x, err := e.store.Load(ctx, w.Execution, flow.Want{Steps: []flow.StepID{w.Step}})
	if isNotFound(err) {
		return false, nil
	}
	return err == nil && took(x, w, ev), err
}

// look finds kept events for a wait that is registered now, and gives it the
// oldest that it may take. Until this is done the wait stands as due.
func (e *Engine) look(ctx context.Context, id flow.SuspensionID, w flow.Wait) {
	err := e.lookOnce(ctx, id, w)
	if err != nil {
		e.log.WarnContext(ctx, "looking for kept events failed; the sweeper does it again", "execution", id.Execution, "step", id.Step.String(), "error", err)
	}
}

func (e *Engine) lookOnce(ctx context.Context, id flow.SuspensionID, w flow.Wait) error {
	for seen, limit := 0, waitersAtOnce; ; limit *= 2 {
		kept, err := e.store.KeptEvents(ctx, *w.Event, limit)
		if err != nil {
			return err
		}
		for _, k := range kept[min(seen, len(kept)):] {
			done, err := e.takeKept(ctx, id, k)
			if err != nil || done {
				return err
			}
		}
		if seen = len(kept); seen < limit {
			return e.settleWait(ctx, id)
		}
	}
}

// settleWait gives a wait that was looked after its real time in the due index.
func (e *Engine) settleWait(ctx context.Context, id flow.SuspensionID) error {
	x, err := e.store.Load(ctx, id.Execution, flow.Want{Steps: []flow.StepID{id.Step}})
	if err != nil {
		return err
	}
	s := x.Steps[id.Step]
	if s == nil || s.Status != flow.StepSuspended || s.Turn != id.Turn {
		return nil
	}
	entry := flow.DueEntry{Execution: id.Execution, Kind: flow.DueStep, Step: id.Step, Token: s.Token}
	err = e.store.Settle(ctx, entry, untilDue(x, s), "")
	part, _ := flow.PartitionOf(id.Execution)
	e.nudgeSweep(part)
	return err
}

// untilDue is the time until a wait is due; negative when time never ends it.
func untilDue(x *flow.Execution, s *flow.Step) time.Duration {
	if s.Wait == nil || s.Wait.Due.IsZero() {
		return -1
	}
	return max(0, s.Wait.Due.Sub(x.Now))
}

// takeKept lets a wait take a kept event, if nobody else did.
func (e *Engine) takeKept(ctx context.Context, id flow.SuspensionID, k flow.KeptEvent) (bool, error) {
	from, shared := "", k.Limit == 0 && (k.Keep || k.Open)
	if k.Taker != "" && k.Taker != id.String() && !shared {
		fate, err := e.takerFate(ctx, k)
		if err != nil || fate == takerHad {
			return false, err
		}
		if fate == takerWaits {
			return false, errUndecided
		}
		from = k.Taker
	}
	if k.Taker != id.String() && (k.Open || !k.Keep || k.Limit > 0) {
		won, err := e.store.TakeEvent(ctx, k, id, from)
		if err != nil || !won && !shared {
			return false, err
		}
	}
	ok, err := e.resolveByEvent(ctx, id, k.Event)
	if err != nil {
		return false, err
	}
	if ok && !k.Keep && !k.Open {
		err = e.store.DropEvent(ctx, k)
	}
	return ok, err
}

// errUndecided: an event is promised to a wait that has not taken it yet. Whoever
// looks for it looks again a little later.
var errUndecided = errors.New("a kept event is promised to another wait that has not taken it yet")

// What became of the taker of an event.
type takerFate int

const (
	takerHad   takerFate = iota // it took the event
	takerWaits                  // it may still take it
	takerGone                   // it ended otherwise: the event is free
)

// takerFate finds out what became of the taker of an event. One that cannot be read
// counts as having had it: the event then reaches nobody, rather than two.
func (e *Engine) takerFate(ctx context.Context, k flow.KeptEvent) (takerFate, error) {
	taker, err := flow.ParseSuspensionID(k.Taker)
	if err != nil {
		return takerGone, nil //nolint:nilerr // nothing of that name can take it
	}
	x, err := e.store.Load(ctx, taker.Execution, flow.Want{Steps: []flow.StepID{taker.Step}})
	switch {
	case isNotFound(err):
		return takerGone, nil
	case errors.Is(err, flow.ErrUnavailable):
		return takerWaits, err
	case err != nil:
		e.log.ErrorContext(ctx, "the taker of a kept event cannot be read", "event", k.ID, "suspension", k.Taker, "error", err)
		return takerHad, nil
	}
	return fateOf(x.Steps[taker.Step], taker.Turn, k.ID), nil
}

// fateOf judges by the taker's step. One that waited again since does not say, and
// counts as having had the event.
func fateOf(s *flow.Step, turn int, event string) takerFate {
	switch {
	case s == nil:
		return takerGone
	case s.WaitsAs(turn):
		return takerWaits
	case s.Turn > turn, s.Resumed != nil && s.Resumed.Ended(turn) && s.Resumed.Event == event:
		return takerHad
	}
	return takerGone
}

// each calls f for every item, width of them at once, and gives the first error.
func each[T any](width int, items []T, f func(T) error) error {
	var wg sync.WaitGroup
	errs := make(chan error, len(items))
	slots := make(chan struct{}, width)
	for _, it := range items {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs <- f(it)
		})
	}
	wg.Wait()
	close(errs)
	var first error
	for err := range errs {
		if first == nil {
			first = err
		}
	}
	return first
}
