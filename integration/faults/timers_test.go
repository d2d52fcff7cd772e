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
	took := time.Since(began)
	p.tell("timers were set within", took.Seconds(), "s")
	rest(p.Context(), window/4)
	crashed, recovered := p.crash(f, time.Now().Add(away))
	last := slices.MaxFunc(all, func(a, b *timer) int { return a.due().Compare(b.due()) })
	p.awaitTimers(f, len(all), time.Until(last.due())+60*time.Second)
	p.checkTimers(f, "timers", all, crashed, recovered)
	p.want("timers that came due while nothing was there", float64(between(all, crashed, recovered)), "", "≥", float64(len(all)/50))
	p.burst(f, len(all), took/time.Duration(n))
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

// burst has a crowd of timers, each of which is set within a time, come due at once while nothing is there.
func (p *part) burst(f *fleet.Fleet, before int, each time.Duration) {
	p.Helper()
	n := p.size(500, 10_000)
	due := time.Now().Add(3*time.Second + 2*time.Duration(n)*each)
	all := p.timers(f, n, func(int, *rand.Rand) time.Time { return due })
	crashed, recovered := p.crash(f, due.Add(time.Second))
	p.awaitTimers(f, before+n, 5*time.Minute)
	p.tell("a burst of overdue timers was resolved, after everything was there again, within", time.Since(recovered).Seconds(), "s")
	p.checkTimers(f, "timers of the burst", all, crashed, recovered)
	p.want("timers of the burst that came due while nothing was there", float64(between(all, crashed, recovered)), "", "=", float64(n))
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
		completed, err := f.Listed(p.Context(), "wfst:*:completed")
		if err != nil {
			p.Fatal(err)
		}
		if int(completed) == n {
			return
		}
		if time.Now().After(until) || !rest(p.Context(), 50*time.Millisecond) {
			p.Fatalf("%d of %d timers were resolved within %s", completed, n, within)
		}
	}
}

// lateness is what a look at timers found: by what the store recorded, which is Redis TIME, and by the clock of the partner, which
// is ours.
type lateness struct {
	mu                           sync.Mutex
	crashed, recovered           time.Time
	unresolved, early, earlyTold int
	late, lateTold               []time.Duration
}

// checkTimers holds each timer against its time.
func (p *part) checkTimers(f *fleet.Fleet, what string, all []*timer, crashed, recovered time.Time) {
	p.Helper()
	l := &lateness{crashed: crashed, recovered: recovered}
	told := f.Partner.Effects()
	err := together(len(all), func(i int) error {
		x := all[i]
		v, err := f.App.Store().Load(context.WithoutCancel(p.Context()), x.execution, flow.Want{All: true})
		if err == nil && !l.add(x, resolved(v, x), told[partner.Effect{Name: "told", To: x.name}]) {
			p.Logf("timer %s of %s: %s with %d steps", x.execution, x.workflow, v.Status, len(v.Steps))
		}
		return err
	})
	if err != nil {
		p.Fatal(err)
	}
	p.tell(what, float64(len(all)), "")
	p.want(what+" not resolved exactly once", float64(l.unresolved), "", "=", 0)
	p.want(what+" early by Redis TIME", float64(l.early), "", "=", 0)
	p.want(what+" early by the clock of the partner", float64(l.earlyTold), "", "=", 0)
	p.wantSoon(what+" late by Redis TIME, after they were due or everything was there again", l.late)
	p.want(what+" of which the partner was told", float64(len(l.lateTold)), "", "≥", float64(len(all)/50))
	p.wantSoon(what+" late by the clock of the partner", l.lateTold)
}

// wantSoon wants nothing to have come long after it could.
func (p *part) wantSoon(what string, late []time.Duration) {
	p.Helper()
	p.tell(what+": median", quantile(late, 0.5).Seconds(), "s")
	p.tell(what+": p99", quantile(late, 0.99).Seconds(), "s")
	p.want(what+": at most", quantile(late, 1).Seconds(), "s", "≤", 30)
}

// add judges a timer by how it ended and by the calls that told the partner of it; false if it was not resolved exactly once.
func (l *lateness) add(x *timer, r *flow.Resumption, told partner.Done) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r == nil || x.workflow == "timers_told" && len(told.Keys()) != 1 {
		l.unresolved++
		return false
	}
	due := r.Since.Add(x.sleep)
	if r.At.Before(due) || r.At.Before(x.due().Truncate(time.Millisecond)) {
		l.early++
	}
	l.late = append(l.late, l.after(due, r.At))
	if x.workflow == "timers_told" {
		l.tell(x, told[0].At)
	}
	return true
}

// tell judges when the partner was told of a timer.
func (l *lateness) tell(x *timer, at time.Time) {
	if at.Before(x.due()) {
		l.earlyTold++
	}
	l.lateTold = append(l.lateTold, l.after(x.due(), at))
}

// after gives how late something was that was due at a time: what came due while nothing was there, from the recovery on.
func (l *lateness) after(due, at time.Time) time.Duration {
	if due.After(l.crashed) && due.Before(l.recovered) {
		due = l.recovered
	}
	return at.Sub(due)
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
