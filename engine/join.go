package engine

import (
	"maps"
	"slices"

	"prana/engine/flow"
)

// arrive brings a value over a connection. A node without a join runs at each
// arrival; a join notes the branch, by its connection, in the open round.
func (t *transition) arrive(edge int, ref flow.Ref) {
	e := t.plan.Edges[edge]
	a := flow.Arrival{Edge: edge, Port: e.ToPort, Ref: ref}
	n := t.plan.Nodes[e.To]
	if n.Join.IsZero() {
		t.activate(e.To, []flow.Arrival{a})
		return
	}
	if t.x.Joins == nil {
		t.x.Joins = map[int]*flow.Open{}
	}
	open := t.x.Joins[e.To]
	if open == nil || open.Fired && arrived(open, edge) {
		open = &flow.Open{}
		t.x.Joins[e.To] = open
	}
	open.Arrived = append(open.Arrived, a)
	t.fireEarly(e.To, open)
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
func (t *transition) fireEarly(n int, open *flow.Open) {
	if open.Fired {
		return
	}
	round, _ := distinct(open.Arrived)
	if need := t.needs(n); len(round) >= need {
		t.fire(n, open)
	}
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

// fire runs a join with the branches of its round. What came twice opens the next
// round. A round of any or N that more can still come to stays, so that the rest is
// dropped; one of all is over: what comes later has been round the loop.
func (t *transition) fire(n int, open *flow.Open) {
	round, rest := distinct(open.Arrived)
	open.Fired = true
	t.activate(n, round)
	if t.plan.Nodes[n].Join.All || !t.blocked(n, true) {
		delete(t.x.Joins, n)
	}
	for _, a := range rest {
		t.arrive(a.Edge, a.Ref)
	}
}

// settleJoins fires every open join that no live step can bring more to. When
// joins wait only for one another, the first declared goes first.
func (t *transition) settleJoins() {
	for t.settleOne() {
		continue
	}
}

func (t *transition) settleOne() bool {
	open := slices.Sorted(maps.Keys(t.x.Joins))
	for _, n := range open {
		if t.blocked(n, true) {
			continue
		}
		return t.settleJoin(n)
	}
	for _, n := range open {
		if !t.x.Joins[n].Fired && !t.blocked(n, false) {
			return t.settleJoin(n)
		}
	}
	return false
}

func (t *transition) settleJoin(n int) bool {
	if o := t.x.Joins[n]; o.Fired {
		delete(t.x.Joins, n)
	} else {
		t.fire(n, o)
	}
	return true
}

// blocked tells whether something can still come over a connection that has not
// brought its branch yet: from a live step, or (joins) from another join that will run.
// What the join itself sends round once it fired belongs to the next round.
func (t *transition) blocked(n int, joins bool) bool {
	o := t.x.Joins[n]
	for _, e := range t.plan.Nodes[n].In {
		if arrived(o, e) {
			continue
		}
		for m := range t.x.Live {
			if again := m == n && o.Fired; !again && t.plan.Reaches(e, m) {
				return true
			}
		}
		for m, other := range t.x.Joins {
			if joins && m != n && !other.Fired && t.plan.Reaches(e, m) {
				return true
			}
		}
	}
	return false
}
