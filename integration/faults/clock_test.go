package faults

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"prana/cmd/prana/app"
	"prana/integration/faults/fleet"
	"prana/integration/faults/partner"
	"prana/integration/proc"
)

// TestWrongClocks runs workers and servers whose clocks are a minute ahead, a minute behind, and both at once, and kills workers.
// Their program is built for it, which takes minutes.
func TestWrongClocks(t *testing.T) {
	if *tier == "quick" {
		t.Skip("its program takes minutes to build: TestOtherClock says a part of it sooner")
	}
	program, err := fleet.BuildSkewed(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const minute = time.Minute
	for name, ahead := range map[string][2]time.Duration{"ahead": {minute, minute}, "behind": {-minute, -minute}, "both": {minute, -minute}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin(t).wrongClocks(program, ahead)
		})
	}
}

func (p *part) wrongClocks(program string, ahead [2]time.Duration) {
	p.Helper()
	f := p.fleet(fleet.Options{Partitions: 2})
	f.Setup.Program, f.Setup.Ahead = program, ahead[0]
	if err := f.AddServer(); err != nil {
		p.Fatal(err)
	}
	alive := [4]*proc.Process{}
	renew := func(i int) {
		alive[i] = p.addMeasured(f, func(s *fleet.Setup) { s.Ahead = ahead[i%2] })
	}
	for i := range alive {
		renew(i)
	}
	p.want("workers whose clock is wrong by a minute", float64(p.wrongByAMinute(alive[:])), "", "=", float64(len(alive)))
	t := p.timedRuns("timed", f.Engine, f.App.Store(), f.Partner)
	l := p.load(f, loadOptions{Executions: 300, Over: 30 * time.Second})
	t.begin(500, 40*time.Second)
	dice := p.dice(3)
	kills := 12
	for range kills {
		rest(p.Context(), time.Duration(1+dice.IntN(4))*time.Second)
		i := dice.IntN(len(alive))
		alive[i].Kill()
		renew(i)
	}
	p.tell("workers killed meanwhile", float64(kills), "")
	t.await(3 * time.Minute)
	late := t.lateness()
	p.tell("late by, median", quantile(late, 0.5).Seconds(), "s")
	p.want("late by, at most", quantile(late, 1).Seconds(), "s", "≤", 30)
	p.want("early by, as the partner saw it, at most", max(0, -quantile(t.seen(), 0).Seconds()), "s", "=", 0)
	l.await(2 * time.Minute)
	l.check()
	p.wantSound(f)
}

// wrongByAMinute counts the processes that take it to be a minute earlier or later than it is.
func (p *part) wrongByAMinute(all []*proc.Process) (wrong int) {
	p.Helper()
	for _, w := range all {
		now, err := fleet.Clock(p.Context(), w)
		if err != nil {
			p.Fatal(err)
		}
		if off := time.Until(now).Abs(); off > 50*time.Second && off < 70*time.Second {
			wrong++
		}
	}
	return wrong
}

// shifted is a Redis in memory whose clock can be set.
type shifted struct {
	*miniredis.Miniredis
	mu   sync.Mutex
	off  time.Duration
	last time.Time     // when it was set
	step time.Duration // the longest that it stood still
	stop chan struct{}
	done sync.WaitGroup
}

// shiftedRedis starts one that is ahead of everybody else.
func (p *part) shiftedRedis(ahead time.Duration) *shifted {
	p.Helper()
	r := &shifted{Miniredis: miniredis.NewMiniRedis(), off: ahead, stop: make(chan struct{})}
	r.ClockTTL(true)
	r.tick()
	if err := r.Start(); err != nil {
		p.Fatal(err)
	}
	r.done.Go(func() {
		every := time.NewTicker(time.Millisecond)
		defer every.Stop()
		for {
			select {
			case <-every.C:
				r.tick()
			case <-r.stop:
				return
			}
		}
	})
	p.Cleanup(func() {
		close(r.stop)
		r.done.Wait()
		r.Close()
	})
	return r
}

func (r *shifted) tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if !r.last.IsZero() {
		r.step = max(r.step, now.Sub(r.last))
	}
	r.last = now
	r.SetTime(now.Add(r.off))
}

// longestStep is the longest that the clock stood still, on a busy machine. It is as exact as that.
func (r *shifted) longestStep() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.step
}

// jump sets the clock forward, or back, and gives what it showed before.
func (r *shifted) jump(by time.Duration) (before time.Time) {
	r.mu.Lock()
	before = r.last.Add(r.off)
	r.off += by
	r.mu.Unlock()
	r.tick()
	return before
}

// working runs two workers on a Redis, inside of this process.
func (p *part) working(url string) (*app.App, *partner.Partner) {
	p.Helper()
	outside := partner.New()
	p.Cleanup(outside.Close)
	var workers []*app.App
	for range 2 {
		o := fleet.Setup{Redis: url, Partner: outside.URL}.Options()
		o.Worker = true
		a, err := app.Start(p.Context(), o)
		if err != nil {
			p.Fatal(err)
		}
		workers = append(workers, a)
		p.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			if err := a.Shutdown(ctx); err != nil {
				p.Error(err)
			}
		})
	}
	return workers[0], outside
}

// TestOtherClock runs workers whose clocks are a minute ahead of Redis', or behind it.
func TestOtherClock(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"ahead": -time.Minute, "behind": time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := begin(t)
			r := p.shiftedRedis(ahead)
			a, outside := p.working("redis://" + r.Addr())
			runs := p.timedRuns("timed", a.Engine(), a.Store(), outside)
			runs.begin(p.size(100, 1000), 5*time.Second)
			runs.await(time.Minute)
			p.want("late by, at most", quantile(runs.lateness(), 1).Seconds(), "s", "≤", 30)
			p.want("early by, as the partner saw it, at most", max(0, -quantile(runs.seen(), 0).Seconds()), "s", "≤", r.longestStep().Seconds())
		})
	}
}

// TestClockOfRedisJumps sets Redis' clock forward or back while timers sleep: they are early or late by as much, and none is lost.
func TestClockOfRedisJumps(t *testing.T) {
	const jump = 30.0
	t.Run("forward", func(t *testing.T) {
		t.Parallel()
		p := begin(t)
		_, seen := p.jumped(jump * time.Second)
		p.want("early by, as the partner saw it, at most", -quantile(seen, 0).Seconds(), "s", "≤", jump)
		p.want("the earliest, so that it was felt", -quantile(seen, 0).Seconds(), "s", "≥", 2)
	})
	t.Run("back", func(t *testing.T) {
		t.Parallel()
		p := begin(t)
		r, seen := p.jumped(-jump * time.Second)
		p.want("late by, as the partner saw it, at most", quantile(seen, 1).Seconds(), "s", "≤", jump+30)
		p.want("the latest, so that it was felt", quantile(seen, 1).Seconds(), "s", "≥", jump-2)
		p.want("early by, as the partner saw it, at most", max(0, -quantile(seen, 0).Seconds()), "s", "≤", r.longestStep().Seconds())
	})
}

// jumped sets Redis' clock while timers sleep, and gives how late they were as the partner saw it.
func (p *part) jumped(by time.Duration) (*shifted, []time.Duration) {
	p.Helper()
	r := p.shiftedRedis(0)
	a, outside := p.working("redis://" + r.Addr())
	runs := p.timedRuns("timed", a.Engine(), a.Store(), outside)
	runs.begin(p.size(50, 500), 6*time.Second)
	rest(p.Context(), time.Second)
	if before := r.jump(by); by < 0 {
		runs.setBack, runs.setBackBy = before.Add(r.longestStep()), -by
	}
	runs.await(2 * time.Minute)
	runs.lateness()
	return r, runs.seen()
}
