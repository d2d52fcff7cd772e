package faults

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"prana/integration/faults/fleet"
	"prana/integration/proc"
)

// TestKilled kills workers and servers, one after the other and in the middle of everything, while hundreds of executions run;
// each is replaced at once. It runs alone, since it measures how soon a killed step runs again.
func TestKilled(t *testing.T) {
	p := begin(t)
	kills := p.size(30, 1000)
	f := p.fleet(fleet.Options{Workers: 4, Servers: 2, Partitions: 2})
	f.Partner.Slow = 150 * time.Millisecond
	var due atomic.Int64
	executions := p.size(300, 10_000)
	l := p.load(f, loadOptions{
		Executions: executions, Programs: p.size(40, 200), Over: time.Duration(kills) * killEvery,
		Hold: func(run int) bool { return int64(run)*int64(kills+1) > (due.Load()+1)*int64(executions) }, // so that some are left for each kill
	})
	k := p.killMany(f, l, kills, &due)
	l.await(2 * time.Minute)
	p.want("processes killed", float64(len(k.at)), "", "=", float64(kills))
	p.want("of these while executions were under way", float64(k.living), "", "=", float64(kills))
	p.want("all had ended after the last kill within", time.Since(k.last).Seconds(), "s", "≤", 60)
	again, others := k.recoveries(l.check().repeats)
	p.want("calls repeated whose caller had not been killed in the middle of them", float64(len(others)), "", "=", 0)
	for _, r := range others {
		p.Logf("repeated: %+v, whose caller was killed at %s", r, k.at[r.first.Pid])
	}
	p.want("steps killed in the middle of their effect", float64(len(again)), "", "≥", float64(kills/5))
	p.want("a killed step ran again within, p99", quantile(again, 0.99).Seconds(), "s", "≤", 30)
	p.tell("a killed step ran again within, median", quantile(again, 0.5).Seconds(), "s")
	p.wantSound(f)
}

// killEvery is the time between two kills, on average.
const killEvery = 450 * time.Millisecond

// killed is what came of killing processes.
type killed struct {
	at     map[int]time.Time // by process id: the last moment at which it lived for certain
	last   time.Time
	living int // while something was under way
}

// killMany kills that many processes, each while something is under way. due counts the kills, from when each is waited for.
func (p *part) killMany(f *fleet.Fleet, l *load, n int, due *atomic.Int64) *killed {
	p.Helper()
	dice, k := p.dice(1), &killed{at: map[int]time.Time{}}
	for len(k.at) < n && rest(p.Context(), time.Duration(dice.Int64N(int64(2*killEvery)))) {
		due.Add(1)
		victim, replace := pick(dice, f)
		k.living += l.awaitLife()
		k.kill(victim)
		if err := replace(); err != nil {
			p.Fatal(err)
		}
		if len(k.at)%100 == 0 {
			p.Logf("%d killed, %d of %d executions started", len(k.at), l.started.Load(), len(l.runs))
		}
	}
	return k
}

func (k *killed) kill(victim *proc.Process) {
	k.last = time.Now()
	k.at[victim.Pid] = k.last
	victim.Kill()
}

// pick chooses a process, four times out of five a worker.
func pick(dice *rand.Rand, f *fleet.Fleet) (victim *proc.Process, replace func() error) {
	if dice.IntN(5) == 0 {
		all := f.Servers()
		return all[dice.IntN(len(all))], func() error { return f.AddServer() }
	}
	all := f.Workers()
	return all[dice.IntN(len(all))], func() error {
		_, err := f.AddWorker()
		return err
	}
}

// callAtMost is longer than a call of the partner takes, until its answer is stored.
const callAtMost = 5 * time.Second

// recoveries gives how long after the kill of their callers calls came again, and those that came again although their callers were
// not killed in the middle of them.
func (k *killed) recoveries(of []repeat) (again []time.Duration, others []repeat) {
	for _, r := range of {
		at, ok := k.at[r.first.Pid]
		if !ok || at.Sub(r.first.At) > callAtMost || r.again.At.Before(at) {
			others = append(others, r)
			continue
		}
		again = append(again, r.again.At.Sub(at))
	}
	return again, others
}

// quantile gives the q-th part of the durations, in their order.
func quantile(of []time.Duration, q float64) time.Duration {
	if len(of) == 0 {
		return 0
	}
	slices.Sort(of)
	return of[max(0, int(math.Ceil(q*float64(len(of))))-1)]
}
