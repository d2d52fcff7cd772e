package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"prana/engine"
	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/plan"
	"prana/integration/faults/fleet"
	"prana/integration/faults/partner"
	"prana/suspend"
)

// timedFlow waits for a delay, and for the end of a wait for an event that nobody publishes; the partner sees when each is over.
const timedFlow = `
id: timed
nodes:
  - {key: start, type: manual.trigger}
  - {key: a, type: faults.hold, params: {name: "{{ $nodes.start.output.name }}.a", holds: 0}}
  - {key: nap, type: time.delay, params: {duration_ms: "{{ $nodes.start.output.nap }}"}}
  - {key: b, type: faults.hold, params: {name: "{{ $nodes.start.output.name }}.b", holds: 0}}
  - {key: wait, type: wait.wait_for_event, params: {event_type: never, timeout_ms: "{{ $nodes.start.output.timeout }}", on_timeout: late}}
  - {key: c, type: faults.hold, params: {name: "{{ $nodes.start.output.name }}.c", holds: 0}}
connections: [start -> a, a -> nap, nap -> b, b -> wait, wait.late -> c]
`

// timedRuns is executions that wait for time.
type timedRuns struct {
	*part
	batch   string // all of their names begin so
	engine  *engine.Engine
	store   *suspend.Store
	partner *partner.Partner
	runs    []timed

	setBack   time.Time // what Redis' clock showed when it was set back; zero = it was not
	setBackBy time.Duration
}

// timed is one of them.
type timed struct {
	name, id string
	planned  map[string]time.Duration // by what ends it
}

func (p *part) timedRuns(batch string, e *engine.Engine, s *suspend.Store, of *partner.Partner) *timedRuns {
	p.Helper()
	w, _, found := definition.Check("timed.yaml", []byte(timedFlow), fleet.Setup{}.Registry(), plan.Options{})
	if plan.HasErrors(found) {
		p.Fatal(found)
	}
	if _, _, err := e.Deploy(p.Context(), w); err != nil {
		p.Fatal(err)
	}
	return &timedRuns{part: p, batch: batch, engine: e, store: s, partner: of}
}

// begin starts n of them, whose waits take up to the longest time each.
func (t *timedRuns) begin(n int, longest time.Duration) {
	t.Helper()
	dice := t.dice(uint64(len(t.runs)) + 77)
	for range n {
		r := timed{name: fmt.Sprint(t.batch, len(t.runs)), planned: map[string]time.Duration{}}
		for _, by := range []string{flow.ByTimer, flow.ByTimeout} {
			r.planned[by] = time.Duration(1+dice.Int64N(longest.Milliseconds())) * time.Millisecond
		}
		input, err := json.Marshal(map[string]any{"name": r.name, "nap": r.planned[flow.ByTimer].Milliseconds(), "timeout": r.planned[flow.ByTimeout].Milliseconds()})
		if err != nil {
			t.Fatal(err)
		}
		res, err := t.engine.Start(t.Context(), flow.StartRequest{Workflow: "timed", ID: r.name, Input: input})
		if err != nil {
			t.Fatal(err)
		}
		r.id = res.ExecutionID
		t.runs = append(t.runs, r)
	}
}

// await waits for the ends of those that have begun.
func (t *timedRuns) await(within time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	lost := 0
	for _, r := range t.runs {
		if v, err := t.engine.Await(ctx, r.id); err != nil || v.Status != flow.Completed || len(v.Nodes) != 6 {
			lost++
			t.Errorf("%s has not ended as it must: %+v (%v)", r.id, v, err)
		}
	}
	t.want("executions whose timers were lost, or ended twice", float64(lost), "", "=", 0)
}

// straddles tells whether a timer was found due before the clock was set back, and its end stored only afterwards: its stamp is early by
// about as much. That it was not early the partner says.
func (t *timedRuns) straddles(due time.Time, over time.Duration) bool {
	return due.Before(t.setBack) && -over > t.setBackBy/2
}

// lateness gives how late each timer was by Redis' clock, and holds that none was early.
func (t *timedRuns) lateness() (late []time.Duration) {
	t.Helper()
	early := 0
	for _, r := range t.runs {
		x, err := t.store.Load(t.Context(), r.id, flow.Want{All: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range x.Steps {
			if s.Resumed == nil {
				continue
			}
			over := s.Resumed.At.Sub(s.Resumed.Since) - r.planned[s.Resumed.By]
			if late = append(late, over); over < 0 && !t.straddles(s.Resumed.Since.Add(r.planned[s.Resumed.By]), over) {
				early++
				t.Errorf("the end of %s by %s was %s early", r.id, s.Resumed.By, -over)
			}
		}
	}
	t.want("timers", float64(len(late)), "", "=", float64(2*len(t.runs)))
	t.want("timers that were early by Redis' clock", float64(early), "", "=", 0)
	return late
}

// seen gives by how much each timer was late as the partner saw it, from the first call before it to the first after it.
func (t *timedRuns) seen() (late []time.Duration) {
	first := map[string]time.Time{}
	for _, c := range t.partner.Held() {
		if strings.HasPrefix(c.Name, t.batch) && first[c.Name].IsZero() {
			first[c.Name] = c.Came
		}
	}
	for _, r := range t.runs {
		late = append(late, first[r.name+".b"].Sub(first[r.name+".a"])-r.planned[flow.ByTimer], first[r.name+".c"].Sub(first[r.name+".b"])-r.planned[flow.ByTimeout])
	}
	return late
}
