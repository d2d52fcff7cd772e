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
	var done atomic.Int64
	executions := p.size(300, 10_000)
	l := p.load(f, loadOptions{
		Executions: executions, Programs: p.size(40, 200), Over: time.Duration(kills) * killEvery,
		Hold: func(run int) bool { return int64(run)*int64(kills) > (done.Load()+1)*int64(executions) }, // so that something is under way at each kill
	})
	killed := p.killMany(f, l, kills, &done)
	living, err := l.living()
	if err != nil {
		t.Fatal(err)
	}
	last := time.Now()
	l.await(2 * time.Minute)
	p.want("processes killed", float64(len(killed)), "", "≥", float64(kills))
	p.want("of these while executions were under way, the last one included", float64(min(1, len(living))), "", "=", 1)
	p.want("all had ended after the last kill within", time.Since(last).Seconds(), "s", "≤", 60)
	l.check()
	again := recoveries(l, killed)
	p.want("steps killed in the middle of their effect", float64(len(again)), "", "≥", float64(kills/5))
	p.want("a killed step ran again within, p99", quantile(again, 0.99).Seconds(), "s", "≤", 30)
	p.tell("a killed step ran again within, median", quantile(again, 0.5).Seconds(), "s")
	p.wantSound(f)
}

// killEvery is the time between two kills, on average.
const killEvery = 450 * time.Millisecond

// killMany kills that many processes, and gives when, by process id. done counts them.
func (p *part) killMany(f *fleet.Fleet, l *load, kills int, done *atomic.Int64) map[int]time.Time {
	p.Helper()
	dice := p.dice(1)
	killed := map[int]time.Time{}
	for len(killed) < kills && rest(p.Context(), time.Duration(dice.Int64N(int64(2*killEvery)))) {
		victim, replace := pick(dice, f)
		victim.Kill()
		killed[victim.Pid] = time.Now()
		done.Add(1)
		if err := replace(); err != nil {
			p.Fatal(err)
		}
		if len(killed)%100 == 0 {
			p.Logf("%d killed, %d of %d executions started", len(killed), l.started.Load(), len(l.runs))
		}
	}
	return killed
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

// recoveries gives, for each call of the partner whose caller was killed and which came again, how long after the kill it did.
func recoveries(l *load, killed map[int]time.Time) (all []time.Duration) {
	for _, calls := range l.fleet.Partner.Effects() {
		for i, c := range calls[:len(calls)-1] {
			at, dead := killed[c.Pid]
			if dead && calls[i+1].Attempt == c.Attempt {
				all = append(all, max(0, calls[i+1].At.Sub(at)))
			}
		}
	}
	return all
}

// quantile gives the q-th part of the durations, in their order.
func quantile(of []time.Duration, q float64) time.Duration {
	if len(of) == 0 {
		return 0
	}
	slices.Sort(of)
	return of[max(0, int(math.Ceil(q*float64(len(of))))-1)]
}
