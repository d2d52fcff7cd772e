package engine

import (
	"maps"
	"slices"

	"prana/engine/flow"
)

// arrive brings a value over a connection. A node without a join runs at each
// arrival; a join notes the branch, by its connection, in the open round of its region.
func (t *transition) arrive(edge int, ref flow.Ref, part *flow.StepID) error {
	e := t.plan.Edges[edge]
	a := flow.Arrival{Edge: edge, Port: e.ToPort, Ref: ref}
	n := t.plan.Nodes[e.To]
	if n.Type.Loop != "" {
		if f, p := t.emitter(e.To, part); p != nil {
			return t.comeBack(a, f, p)
		}
	}
	if n.Join.IsZero() {
		t.activate(e.To, []flow.Arrival{a}, part)
		return nil
	}
	at := place{part, t.region(part)}
	if at.region.Joins == nil {
		at.region.Joins = map[int]*flow.Open{}
	}
	open := at.region.Joins[e.To]
	if open == nil || open.Fired && arrived(open, edge) {
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
func (t *transition) fireEarly(at place, n int, open *flow.Open) error {
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

// fire runs a join with the branches of its round. What came twice opens the next
// round. A round of any or N stays until nothing more can come to it, so that the rest is
// dropped; one of all is over: what comes later has been round the loop.
func (t *transition) fire(at place, n int, open *flow.Open) error {
	round, rest := distinct(open.Arrived)
	open.Fired = true
	t.activate(n, round, at.part)
	if t.plan.Nodes[n].Join.All {
		delete(at.region.Joins, n)
	}
	for _, a := range rest {
		if err := t.arrive(a.Edge, a.Ref, at.part); err != nil {
			return err
		}
	}
	return nil
}

// settleJoins fires every open join of a region that no live step can bring more to. When
// joins wait only for one another, the first declared goes first.
func (t *transition) settleJoins(at place) error {
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

func (t *transition) settleOne(at place) (more bool, err error) {
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

func (t *transition) settleJoin(at place, n int) error {
	o := at.region.Joins[n]
	if o.Fired {
		delete(at.region.Joins, n)
		return nil
	}
	return t.fire(at, n, o)
}

// blocked tells whether something can still come over a connection that has not
// brought its branch yet: from a live step of the region, or (joins) from another join that will run.
// What the join itself sends round once it fired belongs to the next round.
func (t *transition) blocked(at place, n int, joins bool) bool {
	r, emitters := at.region, t.emitters(at.part)
	o := r.Joins[n]
	for _, e := range t.plan.Nodes[n].In {
		if arrived(o, e) {
			continue
		}
		for m := range r.Live {
			if again := m == n && o.Fired; !again && t.plan.Reaches(e, m, emitters...) {
				return true
			}
		}
		for m, other := range r.Joins {
			if joins && m != n && !other.Fired && t.plan.Reaches(e, m, emitters...) {
				return true
			}
		}
	}
	return false
}
