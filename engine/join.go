package engine

import (
	"maps"
	"slices"

	"prana/engine/flow"
)

// arrive brings a value over a connection. A node without a join runs at each
// arrival; a join notes the branch, by its connection, in the open round of its region.
func (t *transition) arrive(a flow.Arrival, part *flow.StepID) error {
	e := t.plan.Edges[a.Edge]
	n := t.plan.Nodes[e.To]
	if n.Type.Body != "" {
		if f, p := t.emitter(e.To, part); p != nil {
			return t.comeBack(a, f, p)
		}
		if a.Port == flow.PortBreak {
			return nil // there is no loop to end
		}
	}
	if n.Join.IsZero() {
		t.activate(e.To, []flow.Arrival{a}, part)
		return nil
	}
	at := spot{part, t.region(part)}
	if at.region.Joins == nil {
		at.region.Joins = map[int]*flow.Open{}
	}
	open := at.region.Joins[e.To]
	if open == nil {
		open = &flow.Open{}
		at.region.Joins[e.To] = open
	}
	open.Arrived = append(open.Arrived, a)
	return t.fireEarly(at, e.To, open)
}

func arrived(open *flow.Open, edge int) bool {
	return slices.ContainsFunc(open.Arrived, func(a flow.Arrival) bool { return a.Edge == edge })
}

// distinct gives the first arrival of each connection, and what is left for the next round.
func distinct(all []flow.Arrival) (round, rest []flow.Arrival) {
	seen := map[int]bool{}
	for _, a := range all {
		if seen[a.Edge] {
			rest = append(rest, a)
			continue
		}
		seen[a.Edge] = true
		round = append(round, a)
	}
	return round, rest
}

// fireEarly runs a join as soon as it has enough, without waiting for the others.
func (t *transition) fireEarly(at spot, n int, open *flow.Open) error {
	if open.Fired {
		return nil
	}
	if round, _ := distinct(open.Arrived); len(round) < t.needs(n) {
		return nil
	}
	return t.fire(at, n, open)
}

// needs is how many connections must arrive before a join fires at once.
func (t *transition) needs(n int) int {
	node := t.plan.Nodes[n]
	switch {
	case node.Join.Any:
		return 1
	case node.Join.N > 0:
		return min(node.Join.N, len(node.In))
	}
	return len(node.In)
}

// fire runs a join with the branches of its round. A round of any or N stays until nothing more of it can come, so that
// the rest is dropped; one of all is over: what comes later has been round the loop.
func (t *transition) fire(at spot, n int, open *flow.Open) error {
	round, _ := distinct(open.Arrived)
	open.Fired = true
	t.activate(n, round[:min(len(round), t.needs(n))], at.part)
	if t.plan.Nodes[n].Join.All {
		return t.nextRound(at, n, open)
	}
	return nil
}

// nextRound ends the round of a join that fired. What came twice belongs to the next.
func (t *transition) nextRound(at spot, n int, open *flow.Open) error {
	delete(at.region.Joins, n)
	_, rest := distinct(open.Arrived)
	if len(rest) == 0 {
		return nil
	}
	next := &flow.Open{Arrived: rest}
	at.region.Joins[n] = next
	return t.fireEarly(at, n, next)
}

// settleJoins fires every open join of a region that no live step can bring more to. When
// joins wait only for one another, the first declared goes first.
func (t *transition) settleJoins(at spot) error {
	ready := len(t.x.Ready)
	for {
		more, err := t.settleOne(at)
		if err != nil {
			return err
		}
		if !more {
			slices.Reverse(t.x.Ready[ready:]) // the last is next: the first declared
			return nil
		}
	}
}

func (t *transition) settleOne(at spot) (more bool, err error) {
	if t.broken != nil {
		return false, nil
	}
	open := slices.Sorted(maps.Keys(at.region.Joins))
	for _, n := range open {
		if t.blocked(at, n, true) {
			continue
		}
		return true, t.settleJoin(at, n)
	}
	for _, n := range open {
		if !at.region.Joins[n].Fired && !t.blocked(at, n, false) {
			return true, t.settleJoin(at, n)
		}
	}
	return false, nil
}

func (t *transition) settleJoin(at spot, n int) error {
	o := at.region.Joins[n]
	if o.Fired {
		return t.nextRound(at, n, o)
	}
	return t.fire(at, n, o)
}

// blocked tells whether something can still come over a connection that has not
// brought its branch yet: from a live step of the region, or (joins) from another join that will run.
// Once the join fired, what goes round a loop that it is part of belongs to the next round.
func (t *transition) blocked(at spot, n int, joins bool) bool {
	r, emitters := at.region, t.emitters(at.part)
	o := r.Joins[n]
	comes := t.plan.Reaches
	if o.Fired {
		comes = t.plan.Lags
	}
	for _, e := range t.plan.Nodes[n].In {
		if arrived(o, e) {
			continue
		}
		for m := range r.Live {
			if comes(e, m, emitters...) {
				return true
			}
		}
		for m, other := range r.Joins {
			if joins && m != n && runs(other) && comes(e, m, emitters...) {
				return true
			}
		}
	}
	return false
}

// runs tells whether a join will run (again): it has not fired, or has branches of the next round.
func runs(o *flow.Open) bool {
	_, rest := distinct(o.Arrived)
	return !o.Fired || len(rest) > 0
}
