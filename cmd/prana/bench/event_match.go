package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"prana/engine/flow"
)

// EventMatch is the time that publishing takes for an event that ends the wait of one execution among many.
type EventMatch struct {
	Waiting int     `json:"waiting"` // executions that wait for the type of the event, at least
	Samples int     `json:"samples"` // each of which was taken by exactly the execution that it was for
	P50     float64 `json:"p50_us"`
	P99     float64 `json:"p99_us"`
}

var eventMatch = measurement{name: "event_match", measure: measureEventMatch, lines: eventMatchLines, about: "publishing an event that ends the wait of one execution among many, each of which waits for its own"}

// measureEventMatch takes a database for each size, so that the sizes can take turns.
func measureEventMatch(ctx context.Context, b *bench, r *Report) (err error) {
	var all []*series
	defer func() {
		for _, s := range all {
			err = errors.Join(err, stop(ctx, s.App))
		}
	}()
	crowds, err := b.crowds(ctx)
	if err != nil {
		return err
	}
	for i, waiters := range crowds {
		s, err := b.newSeries(ctx, b.dbs[i], waiters, publishOne)
		if err != nil {
			return err
		}
		all = append(all, s)
	}
	if err := b.sample(ctx, all...); err != nil {
		return err
	}
	for i, s := range all {
		p := percentilesOf(s.times)
		r.EventMatch = append(r.EventMatch, EventMatch{Waiting: b.Waiting[i], Samples: len(s.times), P50: in(time.Microsecond, p.p50), P99: in(time.Microsecond, p.p99)})
	}
	return nil
}

// crowds makes the executions of each size, and those that take the events besides; of these all it gives as many as
// are needed, at random.
func (b *bench) crowds(ctx context.Context) ([][]waiter, error) {
	var all [][]waiter
	for i, size := range b.Waiting {
		c, err := b.newCrowd(ctx, b.dbs[i], waitSource)
		if err != nil {
			return nil, err
		}
		began := time.Now()
		// The trigger is left out: events are found by waits, and this is half the time.
		made, err := c.fill(ctx, waitNode, size+warmUp+b.Samples)
		if err != nil {
			return nil, err
		}
		b.Say("event_match: %s executions made to wait in %s", count(len(made)), time.Since(began).Round(10*time.Millisecond))
		rand.Shuffle(len(made), func(i, k int) { made[i], made[k] = made[k], made[i] })
		all = append(all, made[size:])
	}
	return all, nil
}

// eventOf is the event that an execution waits for.
func eventOf(w waiter) flow.Event {
	return flow.Event{Type: eventType, Data: inputOf(w.order)}
}

// publishOne publishes the event of one execution, and sees to it that this one took it, and no other.
func publishOne(ctx context.Context, p *process, w waiter) (time.Duration, error) {
	began := time.Now()
	res, err := p.Engine().Publish(ctx, eventOf(w))
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	if res.Matched != 1 || !slices.Equal(res.Executions, []string{w.execution}) {
		return 0, fmt.Errorf("the event of execution %s matched %d: %v", w.execution, res.Matched, res.Executions)
	}
	return took, p.await(ctx, w.execution)
}

// eventMatchLines compare the last size with the first.
func eventMatchLines(r Report) []Line {
	var lines []Line
	most := 0.0
	for _, m := range r.EventMatch {
		most = max(most, m.P50)
	}
	for _, m := range r.EventMatch {
		lines = append(lines, Line{Of: count(m.Waiting) + " waiting", Result: fmt.Sprintf("p50 %.0f µs, p99 %.0f µs", m.P50, m.P99), Bar: m.P50 / most})
	}
	if len(lines) < 2 {
		return lines
	}
	first, last := r.EventMatch[0], r.EventMatch[len(lines)-1]
	return append(lines, Line{Result: fmt.Sprintf("p50 at %s is %.2f times that at %s", count(last.Waiting), last.P50/first.P50, count(first.Waiting))})
}
