package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/integration/faults/fleet"
	"prana/integration/faults/partner"
)

// timerFlows sleep for as long as they are told: by a delay, by a delay after which the partner is told, and by a wait for
// something that never comes.
var timerFlows = []string{`
id: timers_nap
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: $input.ms}}
connections: [start -> nap]
`, `
id: timers_told
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: $input.ms}}
  - {key: tell, type: faults.effect, params: {name: told, to: "{{ $nodes.start.output.id }}"}}
connections: [start -> nap, nap -> tell]
`, `
id: timers_late
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: wait.wait_for_event, params: {event_type: never, timeout_ms: $input.ms, on_timeout: late}}
  - {key: after, type: faults.pass, params: {name: after, to: "{{ $nodes.start.output.id }}"}}
connections: [start -> nap, nap.late -> after]
`}

// TestTimersAcrossACrashOfEverything kills all workers, all servers and Redis at once while timers sleep, a good part of which
// come due before anything is there again. Each is resolved once, none early, and none long after there was somebody to do it.
func TestTimersAcrossACrashOfEverything(t *testing.T) {
	p := begin(t) // alone: it measures
	f := p.fleet(fleet.Options{Workers: 2, Servers: 1, Partitions: 2})
	if err := f.Deploy(p.Context(), timerFlows...); err != nil {
		t.Fatal(err)
	}
	n, window, away := p.size(2000, 100_000), time.Duration(p.size(20, 180))*time.Second, time.Duration(p.size(4, 6))*time.Second
	began := time.Now()
	all := p.timers(f, n, func(i int, dice *rand.Rand) time.Time { // after all of them will have been set, at the speed so far
		set := time.Since(began) * time.Duration(n) / time.Duration(i+1) * 11 / 10
		return began.Add(set + 5*time.Second + time.Duration(dice.Int64N(int64(window))))
	})
	p.tell("timers were set within", time.Since(began).Seconds(), "s")
	rest(p.Context(), window/4)
	crashed, recovered := p.crash(f, time.Now().Add(away))
	last := slices.MaxFunc(all, func(a, b *timer) int { return a.due().Compare(b.due()) })
	p.awaitTimers(f, len(all), time.Until(last.due())+60*time.Second)
	p.checkTimers(f, all, crashed, recovered)
	p.want("timers that came due while nothing was there", float64(between(all, crashed, recovered)), "", "≥", float64(len(all)/50))
	p.burst(f, len(all))
	p.wantSound(f)
}

// crash kills everything, and starts it again at a time.
func (p *part) crash(f *fleet.Fleet, until time.Time) (crashed, recovered time.Time) {
	p.Helper()
	crashed = time.Now()
	f.Crash()
	rest(p.Context(), time.Until(until))
	if err := f.Recover(p.Context(), 2, 1); err != nil {
		p.Fatal(err)
	}
	recovered = time.Now()
	p.tell("nothing was there for", recovered.Sub(crashed).Seconds(), "s")
	return crashed, recovered
}

// burst has a crowd of timers come due while nothing is there.
func (p *part) burst(f *fleet.Fleet, before int) {
	p.Helper()
	n := p.size(500, 10_000)
	due := time.Now().Add(time.Duration(p.size(3, 25)) * time.Second)
	all := p.timers(f, n, func(int, *rand.Rand) time.Time { return due })
	crashed, recovered := p.crash(f, due.Add(time.Second))
	p.awaitTimers(f, before+n, 5*time.Minute)
	p.tell(fmt.Sprintf("a burst of %d overdue timers was resolved, after everything was there again, within", between(all, crashed, recovered)), time.Since(recovered).Seconds(), "s")
}

// timer is an execution that sleeps.
type timer struct {
	workflow, execution string
	name                string    // by which the partner knows it
	set                 time.Time // a little before it was, by our clock
	sleep               time.Duration
}

func (x *timer) due() time.Time { return x.set.Add(x.sleep) }

func between(all []*timer, from, to time.Time) (n int) {
	for _, x := range all {
		if x.due().After(from) && x.due().Before(to) {
			n++
		}
	}
	return n
}

// timers makes so many, each due when it is told.
func (p *part) timers(f *fleet.Fleet, n int, due func(i int, dice *rand.Rand) time.Time) []*timer {
	p.Helper()
	c, err := newCrowd(f)
	if err != nil {
		p.Fatal(err)
	}
	all := make([]*timer, n)
	err = together(n, func(i int) error {
		dice := p.dice(uint64(1_000_000 + i))
		x := &timer{workflow: []string{"timers_nap", "timers_late", "timers_told"}[min(2, dice.IntN(20)/9)], name: fmt.Sprintf("%s-%d-%d", p.Name(), n, i), set: time.Now()}
		x.sleep = max(time.Second, time.Until(due(i, dice)).Truncate(time.Millisecond))
		input, err := json.Marshal(map[string]any{"ms": x.sleep.Milliseconds(), "id": x.name})
		if err == nil {
			x.execution, err = c.start(p.Context(), x.workflow, input)
		}
		all[i] = x
		return err
	})
	c.engine.Wait()
	if err != nil {
		p.Fatal(err)
	}
	return all
}

// together does something for each number below n, a few at a time, and gives the first error.
func together(n int, do func(i int) error) error {
	const few = 16
	var (
		next  atomic.Int64
		wg    sync.WaitGroup
		once  sync.Once
		first error
	)
	for range few {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					once.Do(func() { first = err })
					return
				}
			}
		})
	}
	wg.Wait()
	return first
}

// awaitTimers waits until so many executions have completed.
func (p *part) awaitTimers(f *fleet.Fleet, n int, within time.Duration) {
	p.Helper()
	until := time.Now().Add(within)
	for {
		var completed int64
		for partition := range f.Setup.Partitions {
			completed += f.Raw.ZCard(p.Context(), fmt.Sprintf("{prana-%d}:st:completed", partition)).Val()
		}
		if int(completed) == n {
			return
		}
		if time.Now().After(until) || !rest(p.Context(), 50*time.Millisecond) {
			p.Fatalf("%d of %d timers were resolved within %s", completed, n, within)
		}
	}
}

// checkTimers holds each timer against its time: by what the store recorded, and by our own clock and the partner's, which is the same.
func (p *part) checkTimers(f *fleet.Fleet, all []*timer, crashed, recovered time.Time) {
	p.Helper()
	told := f.Partner.Effects()
	var mu sync.Mutex
	var unresolved, early, earlyTold int
	late := make([]time.Duration, 0, len(all))
	err := together(len(all), func(i int) error {
		x := all[i]
		v, err := f.App.Store().Load(context.WithoutCancel(p.Context()), x.execution, flow.Want{All: true})
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		r := resolved(v, x)
		if r == nil {
			unresolved++
			p.Logf("timer %s of %s: %s with %d steps", x.execution, x.workflow, v.Status, len(v.Steps))
			return nil
		}
		if r.At.Before(r.Since.Add(x.sleep)) || r.At.Before(x.due().Truncate(time.Millisecond)) {
			early++
		}
		if x.workflow == "timers_told" {
			calls := told[partner.Effect{Name: "told", To: x.name}]
			if len(calls) == 0 || len(calls.Keys()) != 1 {
				unresolved++
			} else if calls[0].At.Before(x.due()) {
				earlyTold++
			}
		}
		from := r.Since.Add(x.sleep)
		if from.After(crashed) && from.Before(recovered) {
			from = recovered
		}
		late = append(late, r.At.Sub(from))
		return nil
	})
	if err != nil {
		p.Fatal(err)
	}
	p.tell("timers", float64(len(all)), "")
	p.want("timers not resolved exactly once", float64(unresolved), "", "=", 0)
	p.want("timers early by Redis TIME", float64(early), "", "=", 0)
	p.want("timers early by the clock of the partner", float64(earlyTold), "", "=", 0)
	p.tell("late, after they were due or everything was there again: median", quantile(late, 0.5).Seconds(), "s")
	p.tell("late, p99", quantile(late, 0.99).Seconds(), "s")
	p.want("late, at most", slices.Max(late).Seconds(), "s", "≤", 30)
}

// resolved gives how the timer of an execution ended; nil if not exactly once, or if something else is not as it must be.
func resolved(v *flow.Execution, x *timer) *flow.Resumption {
	steps := map[string]int{"timers_nap": 2, "timers_told": 3, "timers_late": 3}[x.workflow]
	if v.Status != flow.Completed || len(v.Steps) != steps {
		return nil
	}
	var found *flow.Resumption
	for _, s := range v.Steps {
		if s.Status != flow.StepCompleted || s.ID.Run != 0 || found != nil && s.Resumed != nil {
			return nil
		}
		if s.Resumed != nil {
			found = s.Resumed
		}
	}
	if found == nil || found.By != flow.ByTimeout && found.By != flow.ByTimer {
		return nil
	}
	return found
}
