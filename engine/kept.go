package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"prana/engine/flow"
)

// look finds kept events for a wait that is registered now, and gives it the
// oldest that it may take. Until this is done the wait stands as due.
func (e *Engine) look(ctx context.Context, id flow.SuspensionID, w flow.Wait) {
	err := e.lookOnce(ctx, id, w)
	if err != nil {
		e.log.WarnContext(ctx, "looking for kept events failed; the sweeper does it again", "execution", id.Execution, "step", id.Step.String(), "error", err)
	}
}

func (e *Engine) lookOnce(ctx context.Context, id flow.SuspensionID, w flow.Wait) error {
	taker := flow.Taker{Wait: id, Group: w.Event.Group()}
	var undecided error // of an event that is promised to another; those that came after it are free
	for cursor := ""; ; {
		kept, next, err := e.store.KeptEvents(ctx, *w.Event, cursor, waitersAtOnce)
		if err == nil {
			kept, err = e.wanted(ctx, id, w.Event, kept)
		}
		if err != nil {
			return err
		}
		for _, k := range kept {
			done, err := e.takeKept(ctx, taker, k)
			if errors.Is(err, errUndecided) {
				undecided = err
				continue
			}
			if err != nil || done {
				return err
			}
		}
		if cursor = next; cursor == "" && undecided != nil {
			return undecided
		}
		if cursor == "" {
			return e.settleWait(ctx, id)
		}
	}
}

// settleWait gives a wait that was looked after its real time in the due index.
func (e *Engine) settleWait(ctx context.Context, id flow.SuspensionID) error {
	x, err := e.store.Load(ctx, id.Execution, flow.Want{Steps: []flow.StepID{id.Step}})
	if err != nil || !waits(x, id) {
		return err
	}
	s := x.Steps[id.Step]
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

// takeKept lets a wait take a kept event, if it wants it and has a place among those who may. True: there is nothing more to look for.
func (e *Engine) takeKept(ctx context.Context, t flow.Taker, k flow.KeptEvent) (bool, error) {
	f, err := e.finds(ctx, t.Wait, k.Event)
	if err != nil || !f.wants {
		return f.over, err
	}
	if leavesIt(t, k) {
		return e.give(ctx, f, received(t.Wait, k.Event))
	}
	if ok, err := e.place(ctx, t, k); err != nil || !ok {
		return false, err
	}
	fact := received(t.Wait, k.Event)
	fact.kept = &k.Event
	ok, err := e.give(ctx, f, fact)
	if err != nil || ok {
		return ok, err
	}
	_, err = e.store.OfferEvent(ctx, k.Event, flow.Offer{Gone: []flow.SuspensionID{t.Wait}})
	return false, err
}

// taking is what an event is told of which a wait took a place, and by which the store finds it.
type taking struct {
	Event string    `json:"event"`
	Wait  string    `json:"wait"`
	Keep  bool      `json:"keep,omitempty"`
	Limit int       `json:"limit,omitempty"`
	At    time.Time `json:"at"`
}

// owesTaking has the commit owe it to a kept event to tell that the wait took it: the event lies in another slot, and is offered to
// others until it knows.
func (t *transition) owesTaking(w flow.SuspensionID, ev *flow.Event) error {
	if ev == nil {
		return nil
	}
	raw, err := flow.Encode(taking{Event: ev.ID, Wait: w.String(), Keep: ev.Keep, Limit: ev.Limit, At: ev.At.UTC()})
	if err != nil {
		return fmt.Errorf("noting that event %s was taken: %w", ev.ID, err)
	}
	t.send(flow.SendTaking, ev.Type, raw)
	return nil
}

// sendTaking tells a kept event that a wait took it. One that is not remembered any more needs no telling.
func (e *Engine) sendTaking(ctx context.Context, o flow.Outgoing) error {
	var k taking
	if err := json.Unmarshal(o.Data, &k); err != nil {
		return fmt.Errorf("reading who took an event: %w", err)
	}
	wait, err := flow.ParseSuspensionID(k.Wait)
	if err != nil {
		return fmt.Errorf("reading who took event %s: %w", k.Event, err)
	}
	ev := flow.Event{ID: k.Event, Type: o.To, Keep: k.Keep, Limit: k.Limit, At: k.At}
	_, err = e.store.OfferEvent(ctx, ev, flow.Offer{Took: []flow.SuspensionID{wait}})
	return err
}

// leavesIt tells whether the wait may take the event without a place: nobody counts who took it.
func leavesIt(t flow.Taker, k flow.KeptEvent) bool {
	return !k.Open && k.Limit == 0 && flow.Places(t.Group) == 0 && (k.Keep || t.Group != "")
}

// errUndecided: an event is promised to a wait that has not taken it yet. Whoever
// looks for it looks again a little later.
var errUndecided = errors.New("a kept event is promised to another wait that has not taken it yet")

// place gets a wait a place among those who may take an event. Where others have all of them, it finds out whether they took it.
func (e *Engine) place(ctx context.Context, t flow.Taker, k flow.KeptEvent) (bool, error) {
	got, err := e.store.OfferEvent(ctx, k.Event, flow.Offer{To: []flow.Taker{t}})
	if err != nil || got.Over || len(got.To) > 0 {
		return len(got.To) > 0, err
	}
	again := flow.Offer{To: []flow.Taker{t}}
	wait := false
	for _, w := range got.Held {
		fate, err := e.fateOf(ctx, w, k.ID)
		if err != nil {
			return false, err
		}
		switch {
		case fate == takerHad:
			again.Took = append(again.Took, w)
		case fate == takerGone, w.Execution == t.Wait.Execution && w.Step == t.Wait.Step: // it waits under the name that it has now
			again.Gone = append(again.Gone, w)
		default:
			wait = true
		}
	}
	if got, err = e.store.OfferEvent(ctx, k.Event, again); err == nil && wait && len(got.To) == 0 && !got.Over {
		err = errUndecided
	}
	return len(got.To) > 0, err
}

// What became of a wait to which an event was offered.
type takerFate int

const (
	takerHad   takerFate = iota // it took the event
	takerWaits                  // it may still take it
	takerGone                   // it ended otherwise: its place is free
)

// fateOf finds out what became of a wait to which an event was offered. One that cannot be read
// counts as having had it: the event then reaches nobody, rather than two.
func (e *Engine) fateOf(ctx context.Context, w flow.SuspensionID, event string) (takerFate, error) {
	x, err := e.store.Load(ctx, w.Execution, flow.Want{Steps: []flow.StepID{w.Step}})
	switch {
	case isNotFound(err):
		return takerGone, nil
	case errors.Is(err, flow.ErrUnavailable):
		return takerWaits, err
	case err != nil:
		e.log.ErrorContext(ctx, "a wait to which an event was offered cannot be read", "event", event, "suspension", w.String(), "error", err)
		return takerHad, nil
	}
	return fate(x.Steps[w.Step], w.Turn, event), nil
}

// fate judges by the step. One that waited for something else since does not say, and
// counts as having had the event.
func fate(s *flow.Step, turn int, event string) takerFate {
	switch {
	case s == nil:
		return takerGone
	case s.WaitsAs(turn):
		return takerWaits
	case s.Resumed != nil && s.Resumed.Ended(turn):
		if s.Resumed.By == flow.ByEvent && s.Resumed.Event == event {
			return takerHad
		}
		return takerGone
	case s.Turn > turn:
		return takerHad
	}
	return takerGone
}
