package faults

import (
	"fmt"
	"testing"
	"time"

	"prana/integration/faults/fleet"
	"prana/integration/faults/proxy"
	"prana/integration/proc"
)

// TestPartition cuts half of the workers off from Redis, but not from the partner: they break off what they cannot renew by their
// own clocks, before the others take it over, and what they bring afterwards is refused.
func TestPartition(t *testing.T) {
	t.Parallel()
	p := begin(t)
	var network *proxy.Proxy
	f := p.fleet(p.behind(&network, fleet.Options{Servers: 1, Partitions: 2, Slots: 64}))
	off := []*proc.Process{p.addMeasured(f), p.addMeasured(f)}
	beyond := func(s *fleet.Setup) { s.Redis = f.Redis.URL() }
	for range off {
		p.addMeasured(f, beyond)
	}
	lengths := []time.Duration{15 * time.Second}
	if p.size(0, 1) == 1 {
		lengths = append(lengths, time.Minute)
	}
	l := p.load(f, loadOptions{Executions: p.size(80, 600), Programs: p.size(20, 100), Over: time.Duration(p.size(20, 110)) * time.Second})
	for _, length := range lengths {
		p.partition(f, network, off, length)
	}
	l.await(2 * time.Minute)
	l.check()
	p.wantSound(f)
}

// partition is one of at least this length.
func (p *part) partition(f *fleet.Fleet, network *proxy.Proxy, off []*proc.Process, length time.Duration) {
	p.Helper()
	what := func(format string, args ...any) string {
		return fmt.Sprintf("partition of %s: ", length) + fmt.Sprintf(format, args...)
	}
	h := p.hold(f, "at"+length.String(), 32)
	rest(p.Context(), 3*time.Second)  // until the claims were renewed
	before := map[*proc.Process]int{} // of those that will bring a late result
	for _, w := range off {
		if h.bound(w) {
			before[w] = p.refused(w)
		}
	}
	caught := h.caughtIn(off...)
	network.Sever()
	began := time.Now()
	again := h.awaitTaken(caught, began)
	rest(p.Context(), time.Until(began.Add(length)))
	network.Mend()
	mended := time.Now()
	f.Partner.LetGo(h.group, 1)
	refused, biting := 0, 0
	for w, n := range before {
		n := p.awaitRefused(w, n, min(1, int(30*time.Second/length)))
		refused, biting = refused+n, biting+min(1, n)
	}
	accepted, wrong := h.end(caught)
	broken, overlapping := h.brokenOff(began, mended), h.overlapping()
	p.want(what("steps caught in workers that were cut off"), float64(len(caught)), "", "≥", 4)
	p.want(what("running steps that were not broken off, though they care"), float64(len(h.caring(caught))-len(broken)), "", "=", 0)
	p.want(what("they were broken off within"), quantile(broken, 1).Seconds(), "s", "≤", 12)
	p.want(what("of them, begun by another before that"), float64(overlapping), "", "=", 0)
	p.want(what("others began them again within"), quantile(again, 1).Seconds(), "s", "≤", 30)
	p.want(what("late results accepted"), float64(accepted), "", "=", 0)
	p.want(what("executions in their hands with a wrong end, or a wrong effect"), float64(wrong), "", "=", 0)
	p.tell(what("late results refused"), float64(refused), "")
	if length < 30*time.Second { // after that, asynq has given the tasks up as well, and the result is not even brought
		p.want(what("workers whose late results were refused"), float64(biting), "", "=", float64(len(before)))
		p.want(what("workers that brought late results"), float64(len(before)), "", "≥", 1)
	}
}
