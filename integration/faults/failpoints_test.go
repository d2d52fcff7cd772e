package faults

import (
	"slices"
	"strings"
	"testing"

	"prana/integration/faults/failpoints"
)

// others are scripts of the store that belong to what no scenario does, and tests of their own disturb: lists of a webhook's
// deliveries, consumers of streams, the bell that wakes workers, what a worker gives back that ends, and the beats by which a rewind is
// noticed.
var others = []string{"note", "remove", "nudge", "giveBack", "beat"}

// TestFailpoints has a command of a scenario fail, each in each scenario in every way, and pairs of commands. Whatever fails, the
// scenario comes to what is written beside it, nothing is left over, and no task that comes late does anything.
func TestFailpoints(t *testing.T) {
	p := begin(t)
	names, err := failpoints.ReadNames("../../suspend", "../../tasks")
	if err != nil {
		t.Fatal(err)
	}
	room, err := failpoints.NewRoom(t.Context(), names, 8)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := room.Close(); err != nil {
			t.Error(err)
		}
	}()
	all := p.rehearse(room)
	unsent := failpoints.Unsent(all, names, others)
	if p.want("scripts of the store that no scenario sends", float64(len(unsent)), "", "=", 0); len(unsent) > 0 {
		t.Logf("nobody sends %v", unsent)
	}
	p.breakOff("single faults", room, failpoints.Singles(all), 1, 30)
	p.breakOff("tasks that asynq brings again", room, failpoints.Returned(all), 2, 60)
	untold := failpoints.Followed(all, "an event before its wait", failpoints.Point{Command: "eventOffer", Nth: 2}, 20)
	p.breakOff("an event that is not told who took it", room, untold, 2, 60)
	n := p.size(250, 5000)
	did := p.breakOff("pairs of faults", room, failpoints.Pairs(all, n+n/2, p.dice(1)), 2, 60)
	p.want("pairs of which both were met", float64(did), "cases", "≥", float64(n))
}

// rehearse plays all scenarios while nothing fails, and notes their commands. The first time Redis learns the scripts.
func (p *part) rehearse(room *failpoints.Room) []failpoints.Rehearsed {
	p.Helper()
	scenarios := failpoints.Scenarios()
	cases := make([]failpoints.Case, len(scenarios))
	for i, s := range scenarios {
		cases[i].Scenario = s
	}
	points := map[*failpoints.Scenario][]failpoints.Point{}
	for range 2 {
		room.Play(p.Context(), cases, func(c failpoints.Case, o failpoints.Outcome) bool {
			points[c.Scenario] = o.Points
			for _, v := range o.Violations {
				p.Errorf("%s, while nothing fails: %s", c.Scenario.Name, v)
			}
			return false
		})
		if p.Failed() {
			p.FailNow()
		}
	}
	var all []failpoints.Rehearsed
	commands := 0
	for _, s := range scenarios {
		p.Logf("%3d commands: %s", len(points[s]), s.Name)
		all = append(all, failpoints.Rehearsed{Scenario: s, Points: points[s]})
		commands += len(points[s])
	}
	p.want("scenarios", float64(len(all)), "", "≥", 12)
	p.tell("commands of all scenarios", float64(commands), "")
	p.tell("commands of a scenario, in the middle", float64(middle(all)), "")
	return all
}

func middle(all []failpoints.Rehearsed) int {
	var counts []int
	for _, r := range all {
		counts = append(counts, len(r.Points))
	}
	slices.Sort(counts)
	return counts[len(counts)/2]
}

const (
	told   = 10  // violations that are told in full
	enough = 100 // violations after which no more are looked for
)

// breakOff plays cases of so many faults, and gives in how many all faults were met; the others do not count. longest bounds how many
// seconds may have to pass by the clock of Redis until everything is in order.
func (p *part) breakOff(what string, room *failpoints.Room, cases []failpoints.Case, faults int, longest float64) (met int) {
	p.Helper()
	bites, violations, rounds := map[failpoints.Kind]int{}, 0, 0
	room.Play(p.Context(), cases, func(c failpoints.Case, o failpoints.Outcome) bool {
		if o.Bitten == faults {
			met++
		}
		if o.Bitten == faults && !c.Scenario.Worker { // when that one has come to an end is a guess
			rounds = max(rounds, o.Rounds-c.Scenario.Rounds)
		}
		for _, f := range c.Faults[:o.Bitten] {
			bites[f.Kind]++
		}
		if len(o.Violations) == 0 {
			return false
		}
		if violations++; violations <= told {
			p.Errorf("%s, %v: %s", c.Scenario.Name, c.Faults, strings.Join(o.Violations, "\n"))
		}
		return violations >= enough
	})
	p.tell(what+", met", float64(met), "cases")
	p.tell(what+", not met since an earlier fault changed the way", float64(len(cases)-met), "cases")
	p.want(what+", violations", float64(violations), "", "=", 0)
	for _, k := range failpoints.Kinds {
		p.want(what+": "+string(k), float64(bites[k]), "bites", "≥", float64(len(cases)/len(failpoints.Kinds)/2))
	}
	p.want(what+", longest recovery", float64(rounds*10), "s", "≤", longest)
	return met
}
