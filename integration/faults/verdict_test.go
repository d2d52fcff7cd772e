package faults

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/integration/faults/partner"
	"prana/integration/faults/programs"
)

// verdict counts what is not as it must be.
type verdict struct {
	lost, wrong, doubled int
	repeats              []repeat
}

// repeat is a call of the partner that came again, with the same attempt.
type repeat struct {
	effect       partner.Effect
	first, again partner.Call
}

// check compares every execution and every effect with what the interpreter says.
func (l *load) check() verdict {
	l.Helper()
	v := l.checkRuns()
	l.checkEffects(&v)
	l.want("executions lost", float64(v.lost), "", "=", 0)
	l.want("executions with a wrong end, or a wrong effect", float64(v.wrong), "", "=", 0)
	l.want("steps committed twice, and effects under two keys", float64(v.doubled), "", "=", 0)
	l.tell("calls repeated, under the same key", float64(len(v.repeats)), "")
	return v
}

// ends says what all executions must leave, children included, by the text that each is started with.
func (l *load) ends() map[string]programs.End {
	all := map[string]programs.End{}
	for _, r := range l.runs {
		maps.Copy(all, r.want.Ends)
	}
	return all
}

// stored lists all executions of the load's programs that are in the store. A test may run others beside them.
func (l *load) stored() (ids []string) {
	l.Helper()
	var own []string
	for _, g := range l.programs {
		own = append(own, g.Workflows()...)
	}
	filter := flow.ExecutionFilter{Limit: 1000}
	for {
		page, err := l.fleet.App.Store().Executions(l.Context(), filter)
		if err != nil {
			l.Fatal(err)
		}
		for _, s := range page.Items {
			if slices.Contains(own, s.Workflow) {
				ids = append(ids, s.ID)
			}
		}
		if filter.Cursor = page.Cursor; filter.Cursor == "" {
			return ids
		}
	}
}

// checkRuns holds every execution in the store against what the interpreter says, and looks for those that are not there.
func (l *load) checkRuns() (v verdict) {
	l.Helper()
	ends, stored, found := l.ends(), l.stored(), map[string]string{}
	for _, id := range stored {
		start := l.checkRun(id, ends, &v)
		if found[start] != "" {
			v.doubled++
			l.complain("executions %s and %s have the same start %q", found[start], id, start)
		}
		found[start] = id
	}
	for start, end := range ends {
		if found[start] == "" {
			v.lost++
			l.complain("an execution of %s is lost that is started with %q", end.Workflow, start)
		}
	}
	for _, r := range l.runs {
		if id := found[r.start]; id != "" && id != r.id {
			v.lost++
			l.complain("execution %s of %s is lost, and %s is in its place", r.id, r.start, id)
		}
	}
	l.want("executions in the store, children included", float64(len(stored)), "", "=", float64(len(ends)))
	return v
}

// checkRun compares an execution with what it must leave, and gives the text that it was started with.
func (l *load) checkRun(id string, ends map[string]programs.End, v *verdict) (start string) {
	l.Helper()
	view, err := l.fleet.Engine.Describe(l.Context(), id)
	if err != nil {
		l.Fatal(err)
	}
	start = startOf(view)
	end, ok := ends[start]
	switch {
	case !ok || end.Workflow != view.Workflow:
		v.wrong++
		l.complain("execution %s of %s was started with %s, which no program asks for", id, view.Workflow, view.Input)
	case view.Status != flow.Completed || string(view.Output) != fmt.Sprintf("%q", end.Output):
		v.wrong++
		l.complain("execution %s of %s is %s (%v) and left %s; want %q", id, end.Workflow, view.Status, view.Error, view.Output, end.Output)
	case len(view.Nodes) != end.Steps:
		v.doubled++
		l.complain("execution %s of %s has %d runs of nodes; want %d", id, end.Workflow, len(view.Nodes), end.Steps)
	}
	return start
}

func startOf(v *flow.View) string {
	var input struct{ ID string }
	_ = json.Unmarshal(v.Input, &input) // what cannot be read was started with nothing that anybody asks for
	return input.ID
}

func (l *load) checkEffects(v *verdict) {
	l.Helper()
	done := l.fleet.Partner.Effects()
	for _, r := range l.runs {
		for e, calls := range r.want.Effects {
			l.checkEffect(e, done[e], calls, v)
			delete(done, e)
		}
	}
	for _, e := range slices.SortedFunc(maps.Keys(done), func(a, b partner.Effect) int { return len(a.To) - len(b.To) }) {
		v.wrong++
		l.complain("effect %v was done, which no program asks for", e)
	}
}

func (l *load) checkEffect(e partner.Effect, d partner.Done, calls int, v *verdict) {
	l.Helper()
	switch {
	case len(d) == 0:
		v.wrong++
		l.complain("effect %v was not done", e)
	case len(d.Keys()) > 1 && !l.options.Rewinds:
		v.doubled++
		l.complain("effect %v was done under %d keys", e, len(d.Keys()))
	case !inOrder(d, calls, l.options.Rewinds || l.options.Stops):
		v.wrong++
		l.complain("effect %v was not asked for in %d attempts, one after the other: %v", e, calls, d)
	}
	v.repeats = append(v.repeats, repeats(e, d)...)
}

// inOrder tells whether there were so many attempts, from 0, and none before the one before it was seen; nor after the next one
// was, unless they may go back.
func inOrder(d partner.Done, attempts int, back bool) bool {
	next := 0
	for _, c := range d {
		switch {
		case c.Attempt == next:
			next++
		case c.Attempt > next, c.Attempt < next-1 && !back:
			return false
		}
	}
	return next == attempts
}

func repeats(e partner.Effect, d partner.Done) (all []repeat) {
	before := map[int]partner.Call{} // by attempt
	for _, c := range d {
		if b, ok := before[c.Attempt]; ok {
			all = append(all, repeat{e, b, c})
		}
		before[c.Attempt] = c
	}
	return all
}

// complain logs the first few things of a kind that are wrong; the figures count all.
func (l *load) complain(format string, args ...any) {
	l.Helper()
	if l.complaints.Add(1) <= 20 {
		l.Errorf(format, args...)
	}
}

// TestInOrder holds the judge of attempts against calls of which it is known how they came about.
func TestInOrder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		attempts    []int // as the partner saw them; three are due
		sound, back bool  // and if they may go back
	}{
		"one after the other":            {[]int{0, 1, 2}, true, true},
		"repeated":                       {[]int{0, 0, 1, 2, 2, 2}, true, true},
		"one went back":                  {[]int{0, 1, 0, 2}, false, true},
		"all over again":                 {[]int{0, 1, 2, 0, 1, 2}, false, true},
		"one is left out":                {[]int{0, 2}, false, false},
		"the first is left out":          {[]int{1, 2}, false, false},
		"the last is missing":            {[]int{0, 1, 1}, false, false},
		"one too many":                   {[]int{0, 1, 2, 3}, false, false},
		"one came before the one before": {[]int{0, 2, 1}, false, false},
	} {
		var d partner.Done
		for _, a := range c.attempts {
			d = append(d, partner.Call{Attempt: a})
		}
		if sound, back := inOrder(d, 3, false), inOrder(d, 3, true); sound != c.sound || back != c.back {
			t.Errorf("%s: %v, and %v when they may go back; want %v and %v", name, sound, back, c.sound, c.back)
		}
	}
}

// TestRecoveries: only a kill in the middle of a call excuses its repetition.
func TestRecoveries(t *testing.T) {
	t.Parallel()
	began := time.Now()
	at := func(s float64) time.Time { return began.Add(time.Duration(s * float64(time.Second))) }
	k := &killed{at: map[int]time.Time{1: at(1)}}
	for name, c := range map[string]struct {
		pid          int
		first, again float64
		excused      bool
	}{
		"killed in the middle":          {1, 0.9, 12, true},
		"begun by another before":       {1, 0.9, 0.95, false},
		"killed long after it was over": {1, -20, 12, false},
		"the caller lived":              {2, 0.9, 12, false},
	} {
		again, others := k.recoveries([]repeat{{first: partner.Call{Pid: c.pid, At: at(c.first)}, again: partner.Call{Pid: 3, At: at(c.again)}}})
		if excused := len(again) == 1 && len(others) == 0; excused != c.excused {
			t.Errorf("%s: %v %v", name, again, others)
		}
	}
}
