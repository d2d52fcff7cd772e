package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"prana/engine/flow"
)

// Timers says how late timers are that are due at once.
type Timers struct {
	Count  int     `json:"count"`
	P50    float64 `json:"p50_ms"`
	LastMS float64 `json:"last_ms"` // how late the last one went on
}

var timers = measurement{
	name: "timers", measure: measureTimers, lines: timerLines,
	about: "timers that are due at the same millisecond: how late the last execution goes on",
}

const timerSource = `
id: %s
nodes:
  - { key: start, type: manual.trigger }
  - { key: ` + waitNode + `, type: wait.wait, params: { mode: schedule, schedule_at: $input.at } }
  - { key: ` + nextNode + `, type: data.set_data, params: { mapping_map: ` + left + ` } }
connections: [start -> ` + waitNode + `, ` + waitNode + ` -> ` + nextNode + `]
`

// timerProbes are made first, to learn how long all of them take.
const timerProbes = 200

func measureTimers(ctx context.Context, b *bench, r *Report) (err error) {
	due, err := b.setTimers(ctx)
	if err != nil {
		return err
	}
	a := &alarms{due: due, left: b.Timers, over: make(chan struct{})}
	p, err := b.launch(ctx, b.dbs[0], a.tell)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop(ctx, p)) }()
	if err := a.wait(ctx, p.Err()); err != nil {
		return err
	}
	r.Timers, err = a.report()
	return err
}

// setTimers makes executions that sleep until one moment, all of them before that comes: on a machine that has much else
// to do, with more time when the first did not do.
func (b *bench) setTimers(ctx context.Context) (due time.Time, err error) {
	for slack := time.Duration(2); slack <= 16; slack *= 2 {
		if err := b.fresh(ctx); err != nil {
			return due, err
		}
		due, err = b.trySetTimers(ctx, slack)
		if due.IsZero() || time.Until(due) > time.Second {
			return due, err
		}
	}
	return due, errors.Join(errors.New("the timers could not be set before they were due: the machine has too much else to do"), err)
}

// trySetTimers takes slack times as long as the first executions needed, and a little more.
func (b *bench) trySetTimers(ctx context.Context, slack time.Duration) (due time.Time, err error) {
	c, err := b.newCrowd(ctx, b.dbs[0], timerSource)
	if err != nil {
		return due, err
	}
	began := time.Now()
	c.input = func(int) json.RawMessage { return dueAt(began.Add(time.Hour)) }
	if _, err := c.fill(ctx, waitNode, timerProbes); err != nil {
		return due, err
	}
	each := time.Since(began) / timerProbes
	due = time.Now().Add(slack*each*time.Duration(b.Timers) + 2*time.Second).Truncate(time.Second)
	b.Say("timers: %s executions sleep until %s", count(b.Timers), due.Format(time.TimeOnly))
	c.input = func(int) json.RawMessage { return dueAt(due) }
	_, err = c.fill(ctx, waitNode, b.Timers)
	return due, err
}

func dueAt(t time.Time) json.RawMessage {
	return json.RawMessage(`{"at":"` + t.UTC().Format(time.RFC3339Nano) + `"}`)
}

// alarms takes the times at which executions go on.
type alarms struct {
	due  time.Time
	over chan struct{} // closed after the last

	mu    sync.Mutex
	left  int
	times []time.Duration // after they were due
}

func (a *alarms) tell(ctx context.Context, n flow.Notice, next flow.Next) {
	if n.Name == flow.NodeCompleted && n.Node == waitNode {
		a.rang(time.Since(a.due))
	}
	next(ctx, n)
}

func (a *alarms) rang(late time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times = append(a.times, late)
	if a.left--; a.left == 0 {
		close(a.over)
	}
}

func (a *alarms) wait(ctx context.Context, died <-chan error) error {
	late := time.NewTimer(time.Until(a.due) + 2*patience)
	defer late.Stop()
	select {
	case <-a.over:
		return nil
	case err := <-died:
		return fmt.Errorf("a part of the process died: %w", err)
	case <-late.C:
		a.mu.Lock()
		defer a.mu.Unlock()
		return fmt.Errorf("%d timers did not go off within %s after they were due", a.left, 2*patience)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *alarms) report() (Timers, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var first, last time.Duration
	for _, t := range a.times {
		first, last = min(first, t), max(last, t)
	}
	if first < 0 {
		return Timers{}, fmt.Errorf("a timer went off %s too early", -first)
	}
	p := percentilesOf(a.times)
	return Timers{Count: len(a.times), P50: in(time.Millisecond, p.p50), LastMS: in(time.Millisecond, last)}, nil
}

func timerLines(r Report) []Line {
	t := r.Timers
	return []Line{{Of: count(t.Count) + " due at once", Result: fmt.Sprintf("the last one %.0f ms late, p50 %.0f ms", t.LastMS, t.P50)}}
}
