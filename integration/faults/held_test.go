package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"prana/engine/flow"
	"prana/integration/faults/fleet"
	"prana/integration/faults/partner"
	"prana/integration/proc"
)

// heldFlow is caught in the middle of a step, in a call of the partner. What it leaves names the call whose answer counted.
const heldFlow = `
id: held
nodes:
  - {key: start, type: manual.trigger}
  - {key: before, type: faults.hold, params: {name: "{{ $nodes.start.output.name }}.before", holds: 0}}
  - {key: hold, type: faults.hold, params: {name: "{{ $nodes.start.output.name }}", holds: "{{ $nodes.start.output.holds }}", stubborn: "{{ $nodes.start.output.stubborn }}"}}
  - {key: nap, type: time.delay, params: {duration_ms: "{{ $nodes.start.output.nap }}"}}
  - {key: after, type: faults.hold, params: {name: "{{ $nodes.hold.output }}.after", holds: 0}}
connections: [start -> before, before -> hold, hold -> nap, nap -> after]
output: $nodes.hold.output
`

// held is executions that are caught in the middle of a step. By their number, the step cares for the end of its context or does
// not; who takes over is answered at once or caught as well; and what follows is over soon or sleeps.
type held struct {
	*part
	fleet *fleet.Fleet
	group string
	ids   map[string]string // name -> execution

	stubborn map[string]bool // by name: the step does not care for the end of its context
}

// hold starts executions, and waits until all of them are caught.
func (p *part) hold(f *fleet.Fleet, group string, n int) *held {
	p.Helper()
	if err := f.Deploy(p.Context(), heldFlow); err != nil {
		p.Fatal(err)
	}
	h := &held{part: p, fleet: f, group: group, ids: map[string]string{}, stubborn: map[string]bool{}}
	for i := range n {
		name := fmt.Sprintf("%s-%d", group, i)
		h.stubborn[name] = i%2 == 0
		input, err := json.Marshal(map[string]any{"name": name, "stubborn": h.stubborn[name], "holds": 1 + i/2%2, "nap": 1 + 8_000*(i/4%2)})
		if err != nil {
			p.Fatal(err)
		}
		r, err := f.Engine.Start(p.Context(), flow.StartRequest{Workflow: "held", ID: name, Input: input})
		if err != nil {
			p.Fatal(err)
		}
		h.ids[name] = r.ExecutionID
	}
	if !h.awaitCalls(2*time.Minute, func(all []partner.Held) bool { return len(all) >= n }) {
		p.Fatalf("only %d of %d executions are caught", len(h.calls()), n)
	}
	return h
}

// calls gives the calls of these executions.
func (h *held) calls() []partner.Held { return h.own(h.fleet.Partner.Held()) }

func (h *held) own(all []partner.Held) (own []partner.Held) {
	for _, c := range all {
		if h.ids[c.Name] != "" {
			own = append(own, c)
		}
	}
	return own
}

func (h *held) awaitCalls(within time.Duration, enough func([]partner.Held) bool) bool {
	return h.fleet.Partner.AwaitHeld(within, func(all []partner.Held) bool { return enough(h.own(all)) })
}

// caughtIn gives the first calls that the processes wait for, by name.
func (h *held) caughtIn(in ...*proc.Process) map[string]partner.Held {
	caught := map[string]partner.Held{}
	for _, c := range h.calls() {
		for _, p := range in {
			if c.Pid == p.Pid && c.Number == 1 && c.Left.IsZero() {
				caught[c.Name] = c
			}
		}
	}
	return caught
}

// awaitTaken waits until others have begun the caught steps again, and gives how long after a time each of them did.
func (h *held) awaitTaken(caught map[string]partner.Held, since time.Time) (again []time.Duration) {
	h.Helper()
	count := func(all []partner.Held) (n int) {
		for _, c := range all {
			if _, ok := caught[c.Name]; ok && c.Number == 2 {
				n++
			}
		}
		return n
	}
	if !h.awaitCalls(time.Minute, func(all []partner.Held) bool { return count(all) == len(caught) }) {
		h.Errorf("only %d of %d steps were taken over within a minute", count(h.calls()), len(caught))
	}
	for _, c := range h.calls() {
		if _, ok := caught[c.Name]; ok && c.Number == 2 {
			again = append(again, c.Came.Sub(since))
		}
	}
	return again
}

// caring gives the caught steps that care for the end of their context.
func (h *held) caring(caught map[string]partner.Held) map[string]partner.Held {
	caring := maps.Clone(caught)
	maps.DeleteFunc(caring, func(name string, _ partner.Held) bool { return h.stubborn[name] })
	return caring
}

// bound tells whether a process will bring a result whatever becomes of the step: it is caught in one that is stubborn.
func (h *held) bound(w *proc.Process) bool {
	caught := h.caughtIn(w)
	return len(caught) > len(h.caring(caught))
}

// brokenOff gives how long after a time the first calls were broken off that were before another time.
func (h *held) brokenOff(from, to time.Time) (all []time.Duration) {
	for _, c := range h.calls() {
		if c.Number == 1 && c.Broken && c.Left.Before(to) {
			all = append(all, c.Left.Sub(from))
		}
	}
	return all
}

// overlapping counts the steps that care, and that another began while the first was still at it.
func (h *held) overlapping() (n int) {
	first := map[string]partner.Held{}
	for _, c := range h.calls() {
		switch {
		case c.Number == 1:
			first[c.Name] = c
		case c.Number == 2 && !h.stubborn[c.Name] && c.Came.Before(first[c.Name].Left):
			n++
		}
	}
	return n
}

// end lets all of them go, waits for their ends, and counts those that a caught call ended, although another had taken over; and
// those that did anything else than one answer leads to.
func (h *held) end(caught map[string]partner.Held) (accepted, wrong int) {
	h.Helper()
	h.fleet.Partner.LetGo(h.group, 1)
	h.fleet.Partner.LetGo(h.group, 2)
	ctx, cancel := context.WithTimeout(h.Context(), 3*time.Minute)
	defer cancel()
	for name, id := range h.ids {
		v, err := h.fleet.Engine.Await(ctx, id)
		if err != nil {
			v, derr := h.fleet.Engine.Describe(h.Context(), id)
			h.Fatalf("%s has not ended (%v): %+v (%v)", name, err, v, derr)
		}
		var output string
		_ = json.Unmarshal(v.Output, &output) // what is no text is wrong below
		if c, ok := caught[name]; ok && output == c.Answer() {
			accepted++
			h.Errorf("%s left what a process brought that had lost the step: %s", id, output)
		}
		if !h.sound(name, output) || v.Status != flow.Completed || len(v.Nodes) != 5 {
			wrong++
			h.Errorf("%s of %s is %s, left %q and did %v", id, name, v.Status, output, h.done(name))
		}
	}
	return accepted, wrong
}

// sound tells whether what was done before and after is what leads to the output, each under one key.
func (h *held) sound(name, output string) bool {
	done := h.done(name)
	return len(done) == 2 && len(done[name+".before"]) == 1 && len(done[output+".after"]) == 1
}

// done gives what an execution asked for before it was caught and after it, by name and key.
func (h *held) done(name string) map[string]map[string]int {
	all := map[string]map[string]int{}
	for _, c := range h.fleet.Partner.Held() {
		if c.Name != name+".before" && !(strings.HasPrefix(c.Name, name+"#") && strings.HasSuffix(c.Name, ".after")) {
			continue
		}
		if all[c.Name] == nil {
			all[c.Name] = map[string]int{}
		}
		all[c.Name][c.Key]++
	}
	return all
}

// refused reads how many late results a worker had refused.
func (p *part) refused(w *proc.Process) int {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), 10*time.Second)
	defer cancel()
	n, err := fleet.Metric(ctx, w, "prana_commit_fenced_total")
	if err != nil {
		p.Fatal(err)
	}
	return int(n)
}

// awaitRefused waits until late results of a worker were refused, so many more than before, and gives how many.
func (p *part) awaitRefused(w *proc.Process, before, least int) int {
	p.Helper()
	for end := time.Now().Add(30 * time.Second); ; {
		n := p.refused(w) - before
		if n >= least || time.Now().After(end) || !rest(p.Context(), 100*time.Millisecond) {
			return n
		}
	}
}
