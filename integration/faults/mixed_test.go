package faults

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"prana/integration/faults/fleet"
	"prana/integration/proc"
)

// TestMixedVersions rolls a fleet from the version before this one to this one and back, again and again, one process after the
// other, in the middle of everything: whichever version takes up what the other stored, all ends as it must.
//
// The version before is the product as it was, with today's fleet and nodes built against it: so both sides mean the same by a
// program, and differ in what is under test.
func TestMixedVersions(t *testing.T) {
	t.Parallel()
	p := begin(t)
	binary, commit := p.buildPrevious()
	p.say("the version before this one is that of commit %s", commit)
	f := p.fleet(fleet.Options{Partitions: 2, Older: true})
	f.Partner.Slow = 150 * time.Millisecond
	r := &roll{part: p, fleet: f, binary: binary, old: map[int]bool{}}
	for range 3 {
		r.add(false, true)
	}
	for range 2 {
		r.add(true, true)
	}
	rolls := p.size(2, 15)
	all := p.size(160, 1500)
	r.each = all / (rolls * 5)
	r.load = p.load(f, loadOptions{Executions: all, Hold: func(run int) bool { return int64(run) >= r.share.Load() }})
	for n := range rolls {
		r.all(n%2 == 1, n%3 == 1)
	}
	r.share.Store(int64(all))
	l := r.load
	l.await(2 * time.Minute)
	l.check()
	byOld, byNew, byBoth := r.shares(l)
	p.want("processes replaced by one of the other version", float64(r.replaced), "", "=", float64(rolls*5))
	p.want("of these killed", float64(r.killed), "", "≥", float64(rolls/2))
	p.want("calls by the version before", float64(byOld), "", "≥", float64(len(l.runs)/2))
	p.want("calls by this version", float64(byNew), "", "≥", float64(len(l.runs)/2))
	p.want("executions on which both versions worked", float64(byBoth), "", "≥", float64(len(l.runs)/5))
	p.wantSound(f)
}

// rollEvery is the time between two replacements, at least: the executions of each must have been started, too.
const rollEvery = 700 * time.Millisecond

// roll replaces the processes of a fleet. The load keeps step with it, however slow the machine: so there is work for either version.
type roll struct {
	*part
	fleet            *fleet.Fleet
	load             *load
	each             int          // executions that are started between two replacements
	share            atomic.Int64 // executions that may be started by now
	binary           string
	old              map[int]bool // process ids that were ever of the version before
	replaced, killed int
}

// add starts a process, of the version before or of this one.
func (r *roll) add(server, old bool) {
	r.Helper()
	version := func(s *fleet.Setup) {
		if old {
			s.Program = r.binary
		}
	}
	if !server {
		w, err := r.fleet.AddWorker(version)
		if err != nil {
			r.Fatal(err)
		}
		r.old[w.Pid] = old
		return
	}
	if err := r.fleet.AddServer(version); err != nil {
		r.Fatal(err)
	}
}

// all replaces every process, one after the other, by one of the version before, or of this one: in order, or every second one with
// SIGKILL.
func (r *roll) all(old, kill bool) {
	r.Helper()
	for i, w := range r.fleet.Workers() {
		r.replace(w, false, old, kill && i%2 == 0)
	}
	for i, s := range r.fleet.Servers() {
		r.replace(s, true, old, kill && i%2 == 0)
	}
}

func (r *roll) replace(victim *proc.Process, server, old, kill bool) {
	r.Helper()
	r.add(server, old)
	if kill {
		victim.Kill()
		r.killed++
	} else {
		victim.Stop()
	}
	r.replaced++
	r.work()
}

// work lets the executions of one replacement start, and waits until they did.
func (r *roll) work() {
	share := r.share.Add(int64(r.each))
	for rest(r.Context(), rollEvery) && r.load.started.Load() < share && !r.load.failed() {
	}
}

// shares counts calls of the partner by either version, and executions for which both called.
func (r *roll) shares(l *load) (byOld, byNew, byBoth int) {
	done := r.fleet.Partner.Effects()
	for _, run := range l.runs {
		var old, fresh bool
		for e := range run.want.Effects {
			for _, c := range done[e] {
				if r.old[c.Pid] {
					byOld, old = byOld+1, true
				} else {
					byNew, fresh = byNew+1, true
				}
			}
		}
		if old && fresh {
			byBoth++
		}
	}
	return byOld, byNew, byBoth
}

// TestUnknownNodes lets a worker that does not know most of the nodes of what runs take part in it: it hands back what it cannot
// run, and neither fails it nor counts it as deaths.
func TestUnknownNodes(t *testing.T) {
	t.Parallel()
	p := begin(t)
	f := p.fleet(fleet.Options{Servers: 1, Workers: 2})
	if _, err := f.AddWorker(func(s *fleet.Setup) { s.Plain = true }); err != nil {
		t.Fatal(err)
	}
	l := p.load(f, loadOptions{Executions: p.size(60, 300)})
	l.await(3 * time.Minute)
	l.check()
	back := 0
	for _, w := range f.Workers() {
		back += strings.Count(w.Log(), "could not be decided and is tried again")
	}
	p.want("steps handed back, as the ends of the logs tell", float64(back), "", "≥", 5)
	p.wantSound(f)
}
