package failpoints

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Scenario is something that people do with the product.
type Scenario struct {
	Name    string
	Sources []string // definitions that are there before
	Play    func(s *Stage)
	// Want is what it comes to, a line each, as people would say it: for each execution WORKFLOW/START-ID STATUS OUTPUT and its
	// nodes with what is unusual about them, then effects by node with the number of their keys, kept events, and what was told.
	Want string
	// Durable has durable middleware be told everything.
	Durable bool
	// Worker has the tasks be taken by the product's own worker, on asynq, instead of the stage.
	Worker bool
	// Rounds of ten seconds that must pass although nothing fails: something dies by itself.
	Rounds int
}

// Outcome is what came of a play.
type Outcome struct {
	Points     []Point // commands of the processes, in order
	Bitten     int     // faults
	Rounds     int     // of ten seconds that had to pass
	Violations []string
}

// play plays a scenario with faults.
func (s *Stage) play(ctx context.Context, sc *Scenario, faults []Fault) (o Outcome) {
	defer func() {
		s.line.end()
		s.retire()
		o.Points, o.Bitten, o.Rounds = s.line.passed, s.line.bites(), s.rounds
		r := recover()
		if v, ok := r.(violation); ok {
			o.Violations = append(o.Violations, string(v), s.state())
		} else if r != nil {
			panic(r)
		}
	}()
	s.empty(ctx, sc, slices.Clone(faults))
	s.deploy(sc.Sources...)
	sc.Play(s)
	s.settle()
	s.line.end()
	s.retire()
	if len(faults) == 0 && !sc.Worker && s.rounds != sc.Rounds {
		s.fail("%d rounds passed although nothing failed", s.rounds)
	}
	want := lines(years(sc.Want))
	if got := s.end(); !slices.Equal(got, want) {
		o.Violations = append(o.Violations, fmt.Sprintf("it came to\n\t%s\nand not to\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t")))
	}
	o.Violations = append(o.Violations, s.world.wrong...)
	o.Violations = append(o.Violations, s.leftovers()...)
	o.Violations = append(o.Violations, s.staleHints()...)
	return o
}

// state tells how things stand when a play does not go on.
func (s *Stage) state() (text string) {
	defer func() {
		if r := recover(); r != nil {
			text += fmt.Sprint(r)
		}
	}()
	text = "it stands at\n\t" + strings.Join(s.end(), "\n\t")
	for _, z := range s.raw.ZRangeWithScores(s.ctx, dueIndex, 0, -1).Val() {
		text += fmt.Sprintf("\n\tdue %v %.0f", z.Member, z.Score)
	}
	return text
}

// years fills in which years there are.
func years(text string) string {
	now := time.Now().UTC().Year()
	return strings.NewReplacer("THISYEAR", strconv.Itoa(now), "LASTYEAR", strconv.Itoa(now-1)).Replace(text)
}

func lines(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}
