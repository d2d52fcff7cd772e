package faults

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"prana/integration/faults/race"
)

// lanes are databases in which races are run side by side.
const lanes = 4

// TestRaces lets those who may end the same wait or execution begin at once, again and again, and holds what each was told
// against a register with one winner. A race in which one of them hardly ever wins is none.
func TestRaces(t *testing.T) {
	p := begin(t)
	arena, err := race.NewArena(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := arena.Close(); err != nil {
			t.Error(err)
		}
	})
	all := race.All()
	each := (p.size(2_000, 100_000) + len(all) - 1) / len(all)
	var sum race.Result
	lost := 0
	for i, r := range all {
		got, n := p.race(arena, r, uint64(i), each)
		p.share(r, got)
		sum.Trials += got.Trials
		sum.Checked += got.Checked
		sum.Unsound = append(sum.Unsound, got.Unsound...)
		lost += n
	}
	for _, u := range sum.Unsound {
		p.Error(u)
	}
	p.want("trials", float64(sum.Trials), "", "≥", float64(p.size(2_000, 100_000)))
	p.want("histories that porcupine accepts", float64(sum.Checked), "", "=", float64(sum.Trials))
	p.want("violations", float64(len(sum.Unsound)), "", "=", 0)
	p.want("replies lost in the middle of a race", float64(lost), "", "≥", float64(p.size(20, 1_000)))
}

// race runs the trials of a race in all lanes.
func (p *part) race(arena *race.Arena, r race.Race, stream uint64, trials int) (sum race.Result, lost int) {
	p.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	for i := range lanes {
		all.Go(func() {
			lane, err := arena.Lane(i, p.dice(stream*lanes+uint64(i)))
			if err != nil {
				p.Error(err)
				return
			}
			got, err := race.NewRunner(r, lane).Run(p.Context(), (trials+lanes-1)/lanes)
			if err != nil {
				p.Error(err)
			}
			if err := lane.Close(); err != nil {
				p.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			sum.Add(got)
			lost += int(lane.Lost())
		})
	}
	all.Wait()
	return sum, lost
}

// share notes how often each side won, of each execution that was raced for.
func (p *part) share(r race.Race, got race.Result) {
	p.Helper()
	for i, winners := range r.Winners {
		name := r.Name
		if len(r.Winners) > 1 {
			name = fmt.Sprintf("%s: execution %d", r.Name, i+1)
		}
		for _, w := range winners {
			won := 0
			if i < len(got.Winners) {
				won = got.Winners[i][w]
			}
			what := fmt.Sprintf("race of %s: won by %s", name, strings.TrimSpace(w))
			p.want(what, 100*float64(won)/float64(max(1, got.Trials)), "%", "≥", 1)
		}
	}
}
