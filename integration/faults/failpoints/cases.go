package failpoints

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// Rehearsed is a scenario with the commands that it makes while nothing fails.
type Rehearsed struct {
	*Scenario
	Points []Point
}

// booting are the commands with which a process starts: they come first in every scenario.
const booting = 3

// Singles are the cases in which one command fails, each in every way. How a process starts is broken off in the first
// scenario only, since it is the same in all.
func Singles(all []Rehearsed) []Case {
	var cases []Case
	for i, r := range all {
		points := r.Points
		if i > 0 {
			points = points[booting:]
		}
		for _, at := range points {
			if r.Worker && !strings.HasPrefix(at.Command, "asynq") {
				continue // it fails in other scenarios
			}
			for _, k := range Kinds {
				cases = append(cases, Case{r.Scenario, []Fault{{Kind: k, At: at}}})
			}
		}
	}
	return cases
}

// Returned are the cases in which a step of the worker cannot be decided, so that asynq is to bring its task again, and a command
// by which it does so fails as well.
func Returned(all []Rehearsed) []Case {
	var cases []Case
	for _, r := range all {
		if !r.Worker {
			continue
		}
		for _, command := range []string{"asynq retry", asynqForward} {
			for _, k := range Kinds {
				cases = append(cases, Case{r.Scenario, []Fault{{Kind: Refused, At: Point{"load", 1}}, {Kind: k, At: Point{command, 1}}}})
			}
		}
	}
	return cases
}

// Followed are the cases in which a command of a scenario is refused, and one of the so many that follow fails, each in every way.
func Followed(all []Rehearsed, scenario string, at Point, within int) []Case {
	var cases []Case
	for _, r := range all {
		if r.Name != scenario {
			continue
		}
		for after := range within {
			for _, k := range Kinds {
				cases = append(cases, Case{r.Scenario, []Fault{{Kind: Refused, At: at}, {Kind: k, After: 1 + after}}})
			}
		}
	}
	return cases
}

// Pairs are n cases in which two commands fail: any, and another soon after, be it of what was asked for or of the recovery.
func Pairs(all []Rehearsed, n int, dice *rand.Rand) []Case {
	cases := make([]Case, n)
	for i := range cases {
		r := all[dice.IntN(len(all))]
		cases[i] = Case{r.Scenario, []Fault{
			{Kind: kind(dice), At: r.Points[dice.IntN(len(r.Points))]},
			{Kind: kind(dice), After: 1 + dice.IntN(1+dice.IntN(30))}, // rather sooner than later
		}}
	}
	return cases
}

func kind(dice *rand.Rand) Kind { return Kinds[dice.IntN(len(Kinds))] }

// Unsent are the scripts that none of the scenarios sends, beside those that need not be.
func Unsent(all []Rehearsed, names Names, except []string) []string {
	sent := slices.Clone(except)
	for _, r := range all {
		for _, p := range r.Points {
			sent = append(sent, p.Command)
		}
	}
	var unsent []string
	for _, name := range names {
		if !slices.Contains(sent, name) {
			unsent = append(unsent, name)
		}
	}
	slices.Sort(unsent)
	return unsent
}
