package faults

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"prana/integration/faults/fleet"
	"prana/integration/proc"
)

// TestPausedWorkers stops workers in the middle of steps, several at a time, until others have taken the steps over, and lets them
// go on: what they bring is refused.
func TestPausedWorkers(t *testing.T) {
	t.Parallel()
	p := begin(t)
	const together = 3
	rounds := p.size(1, 7)
	f := p.fleet(fleet.Options{Servers: 1, Partitions: 2, Slots: 64})
	for range together + 2 {
		p.addMeasured(f)
	}
	l := p.load(f, loadOptions{Executions: p.size(80, 1000), Programs: p.size(20, 100), Over: time.Duration(rounds) * 25 * time.Second, Stops: true})
	var all paused
	for round := range rounds {
		all.add(p.pauseSome(f, fmt.Sprint("round", round), together))
	}
	l.await(2 * time.Minute)
	p.want("workers paused until others had taken their steps over", float64(all.workers), "", "≥", float64(p.size(3, 20)))
	p.want("of these, such that brought a late result", float64(all.biting), "", "=", float64(all.workers))
	p.want("late results accepted", float64(all.accepted), "", "=", 0)
	p.want("executions with a wrong end, or a wrong effect, that were in their hands", float64(all.wrong), "", "=", 0)
	p.tell("late results refused", float64(all.refused), "")
	p.want("a step of a paused worker ran again within, at most", quantile(all.again, 1).Seconds(), "s", "≤", 30)
	l.check()
	p.wantSound(f)
}

// addMeasured adds a worker whose metrics can be read.
func (p *part) addMeasured(f *fleet.Fleet, change ...func(*fleet.Setup)) *proc.Process {
	p.Helper()
	w, err := f.AddWorker(append(change, func(s *fleet.Setup) { s.Metrics = true })...)
	if err != nil {
		p.Fatal(err)
	}
	return w
}

// paused is what came of pauses.
type paused struct {
	workers, biting, refused, accepted, wrong int
	again                                     []time.Duration
}

func (a *paused) add(b paused) {
	a.workers += b.workers
	a.biting += b.biting
	a.refused += b.refused
	a.accepted += b.accepted
	a.wrong += b.wrong
	a.again = append(a.again, b.again...)
}

// pauseSome pauses some workers that are in the middle of steps.
func (p *part) pauseSome(f *fleet.Fleet, group string, n int) (r paused) {
	p.Helper()
	h := p.hold(f, group, 8*len(f.Workers()))
	dice := p.dice(uint64(len(group)) << 8)
	zombies := slices.DeleteFunc(f.Workers(), func(w *proc.Process) bool { return !h.bound(w) })
	dice.Shuffle(len(zombies), func(a, b int) { zombies[a], zombies[b] = zombies[b], zombies[a] })
	zombies = zombies[:min(n, len(zombies))]
	before := map[*proc.Process]int{}
	for _, z := range zombies {
		before[z] = p.refused(z)
		p.signal(z, syscall.SIGSTOP)
	}
	stopped := time.Now()
	caught := h.caughtIn(zombies...)
	r.again = h.awaitTaken(caught, stopped)
	rest(p.Context(), time.Until(stopped.Add(pauseOf(dice))))
	f.Partner.LetGo(group, 1) // the answers lie in their sockets when they wake
	for _, z := range zombies {
		p.signal(z, syscall.SIGCONT)
	}
	for _, z := range zombies {
		n := p.awaitRefused(z, before[z], 1)
		r.workers, r.refused, r.biting = r.workers+1, r.refused+n, r.biting+min(1, n)
	}
	r.accepted, r.wrong = h.end(caught)
	return r
}

// pauseOf draws how long to pause: mostly until others have the steps, sometimes until asynq, too, has given the worker up.
func pauseOf(dice *rand.Rand) time.Duration {
	least := 15
	if dice.IntN(5) == 0 {
		least = 32
	}
	return time.Duration(least+dice.IntN(10)) * time.Second
}

func (p *part) signal(w *proc.Process, s syscall.Signal) {
	p.Helper()
	if err := w.Signal(s); err != nil {
		p.Fatal(err)
	}
}

// TestPausedRedis stops Redis for longer than claims last: workers break off what they cannot renew, and afterwards all goes on.
func TestPausedRedis(t *testing.T) {
	t.Parallel()
	p := begin(t)
	f := p.fleet(fleet.Options{Workers: 3, Servers: 1, Partitions: 2})
	l := p.load(f, loadOptions{Executions: p.size(60, 500), Programs: p.size(20, 100), Over: 25 * time.Second})
	h := p.hold(f, "redis", 16)
	rest(p.Context(), 3*time.Second) // until their claims were renewed
	caught := h.caughtIn(f.Workers()...)
	if err := syscall.Kill(f.Redis.Pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	stopped := time.Now()
	rest(p.Context(), 20*time.Second)
	living, err := f.Workers(), syscall.Kill(f.Redis.Pid(), syscall.SIGCONT)
	if err != nil {
		t.Fatal(err)
	}
	went := time.Now()
	broken := h.brokenOff(stopped, went)
	p.want("running steps that were not broken off while Redis was paused, though they care", float64(len(h.caring(caught))-len(broken)), "", "=", 0)
	p.want("they were broken off within", quantile(broken, 1).Seconds(), "s", "≤", 12)
	p.want("workers that lived on", float64(len(living)), "", "=", 3)
	p.want("a step that was broken off ran again after the pause within", quantile(h.awaitTaken(h.caring(caught), went), 1).Seconds(), "s", "≤", 30)
	_, wrong := h.end(nil)
	p.want("of the executions that were in the middle of a step, with a wrong end or effect", float64(wrong), "", "=", 0)
	l.await(2 * time.Minute)
	l.check()
	p.wantSound(f)
}
