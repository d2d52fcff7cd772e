package engine_test

import (
	"maps"
	"slices"

	"prana/engine/flow"
)

// arrive brings a value to where a connection leads.
func (n *naive) arrive(edge int, value any, in *region) {
	e := n.c.edges[edge]
	a := arrival{edge, e.toPort, value}
	for r := in; r.of != nil; r = r.of.in {
		if r.of.node == e.to {
			n.comeBack(r, a)
			return
		}
	}
	if n.c.nodes[e.to].kind == emits && e.toPort == "break" {
		return // there is no loop to end
	}
	if n.c.nodes[e.to].join == "" {
		n.activate(e.to, in, a)
		return
	}
	if in.rounds == nil {
		in.rounds = map[int]*round{}
	}
	r := in.rounds[e.to]
	if r == nil {
		r = &round{}
		in.rounds[e.to] = r
	}
	r.arrived = append(r.arrived, a)
	if first, _ := r.split(); !r.fired && len(first) >= n.enough(e.to) {
		n.fire(in, e.to, r)
	}
}

// activate runs a node, unless its loop went round too often.
func (n *naive) activate(node int, in *region, arrived ...arrival) {
	if slices.ContainsFunc(arrived, func(a arrival) bool { return n.back[a.edge] }) {
		if limit := n.c.nodes[node].limit; limit > 0 && n.rounds[node] >= limit {
			n.broken = "infinite_loop_protection"
			return
		}
		n.rounds[node]++
	}
	a := n.add(node, in, arrived...)
	if !a.turn {
		n.ready = append(n.ready, a)
	}
}

func (r *round) has(edge int) bool {
	return slices.ContainsFunc(r.arrived, func(a arrival) bool { return a.edge == edge })
}

// split gives the first that came over each connection, and the others.
func (r *round) split() (first, others []arrival) {
	for i, a := range r.arrived {
		if slices.ContainsFunc(r.arrived[:i], func(b arrival) bool { return a.edge == b.edge }) {
			others = append(others, a)
		} else {
			first = append(first, a)
		}
	}
	return first, others
}

// enough is how many connections make a join run at once.
func (n *naive) enough(node int) int {
	switch n.c.nodes[node].join {
	case "any":
		return 1
	case "2":
		return 2
	}
	return len(n.c.into(node))
}

// fire runs a join with its round. One of all is over then; of the others, what comes later is dropped.
func (n *naive) fire(in *region, node int, r *round) {
	first, _ := r.split()
	r.fired = true
	n.activate(node, in, first[:min(len(first), n.enough(node))]...)
	if n.c.nodes[node].join == "all" {
		n.nextRound(in, node, r)
	}
}

// nextRound begins with what came twice.
func (n *naive) nextRound(in *region, node int, r *round) {
	delete(in.rounds, node)
	_, others := r.split()
	for _, a := range others {
		n.arrive(a.edge, a.value, in)
	}
}

// settle has happen all that follows by itself: joins that nothing more can reach, items that are over, the end.
func (n *naive) settle() {
	for !n.over && n.broken == "" && (n.joinOne() || n.broken == "" && n.partsOver()) {
	}
	switch {
	case n.over:
	case n.broken != "":
		n.stop(n.broken)
	case len(n.live) == 0:
		n.finish()
	default:
		n.next()
	}
}

// next gives the next in turn its turn, when nothing else moves.
func (n *naive) next() {
	for _, a := range n.live {
		if a.state == "asleep" || a.state == "pending" && a.turn {
			return
		}
	}
	a := n.ready[len(n.ready)-1]
	n.ready = n.ready[:len(n.ready)-1]
	a.turn = true
}

// joinOne settles the joins of a region.
func (n *naive) joinOne() (some bool) {
	for _, in := range n.regions() {
		before := len(n.ready)
		for n.broken == "" && n.joinIn(in) {
			some = true
		}
		slices.Reverse(n.ready[before:]) // of those that run now the first declared is next
	}
	return some
}

// joinIn settles one join that nothing more can come to; if there is none, one that only joins keep waiting.
func (n *naive) joinIn(in *region) bool {
	open := slices.Sorted(maps.Keys(in.rounds))
	for _, joins := range []bool{true, false} {
		for _, node := range open {
			r := in.rounds[node]
			if n.awaited(in, node, joins) || r.fired && !joins {
				continue
			}
			if r.fired {
				n.nextRound(in, node, r)
			} else {
				n.fire(in, node, r)
			}
			return true
		}
	}
	return false
}

// regions lists the whole and every item under way.
func (n *naive) regions() []*region {
	all := []*region{n.root}
	for _, a := range n.owners() {
		all = append(all, a.parts...)
	}
	return all
}

// owners lists what has parts, in the order of nodes and runs.
func (n *naive) owners() (all []*activity) {
	for _, a := range n.live {
		if a.state == "open" {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b *activity) int { return 1000*(a.node-b.node) + a.run - b.run })
	return all
}

// awaited tells whether something of its round can still come to an open join over a connection that brought nothing yet.
func (n *naive) awaited(in *region, node int, joins bool) bool {
	r := in.rounds[node]
	for _, edge := range n.c.into(node) {
		if r.has(edge) || r.fired && n.closes(edge, node) {
			continue
		}
		for _, a := range n.live {
			if a.in == in && n.leads(in, a.node, edge) {
				return true
			}
		}
		for m, other := range in.rounds {
			_, more := other.split()
			if joins && m != node && (!other.fired || len(more) > 0) && n.leads(in, m, edge) {
				return true
			}
		}
	}
	return false
}

// closes tells whether a connection leads back to the head of a loop that the node is part of: what goes over it begins
// the node's next round.
func (n *naive) closes(edge, node int) bool { return slices.Contains(n.rings[edge], node) }

// leads tells whether what a node leaves can come to a connection, in a region and a round: not through the node at its end, for
// that comes later; not with an item, for that has a region of its own; not through a node whose item the region is; and not
// round a loop that the node at its end is part of, unless the connection itself closes one.
func (n *naive) leads(in *region, from, edge int) bool {
	join := n.c.edges[edge].to
	round := n.closes(edge, join)
	seen, todo := map[int]bool{}, []int{from}
	for len(todo) > 0 {
		m := todo[0]
		todo = todo[1:]
		for i, e := range n.c.edges {
			if e.from != m || n.c.nodes[m].kind == emits && e.fromPort == "loop" {
				continue
			}
			if i == edge {
				return true
			}
			if !seen[e.to] && e.to != join && !in.within(e.to) && (round || !n.closes(i, join)) {
				seen[e.to] = true
				todo = append(todo, e.to)
			}
		}
	}
	return false
}

// within tells whether the region is that of an item of the node.
func (in *region) within(node int) bool {
	for r := in; r.of != nil; r = r.of.in {
		if r.of.node == node {
			return true
		}
	}
	return false
}

// backwards finds the connections by which loops go round: what can reach itself is a loop, and
// what comes first of it on the way from the start is its head; the connections to the head lead
// back. Without them, loops inside are found in the same way. The second answer is what goes round together over each of them.
func (c *chart) backwards() (map[int]bool, map[int][]int) {
	back, rings, order := map[int]bool{}, map[int][]int{}, []int{}
	var walk func(m int)
	walk = func(m int) {
		order = append(order, m)
		for _, e := range c.edges {
			if e.from == m && !slices.Contains(order, e.to) {
				walk(e.to)
			}
		}
	}
	walk(0)
	for more := true; more; {
		more = false
		loops := c.loops(back)
		for _, m := range order {
			loop := loops[m]
			if loop == nil || order[slices.IndexFunc(order, func(o int) bool { return slices.Contains(loop, o) })] != m {
				continue
			}
			for i, e := range c.edges {
				if e.to == m && slices.Contains(loop, e.from) {
					back[i], rings[i], more = true, loop, true
				}
			}
		}
	}
	return back, rings
}

// loops gives, for each node that can reach itself, all that it goes round with.
func (c *chart) loops(but map[int]bool) map[int][]int {
	reach := map[[2]int]bool{}
	for range c.nodes {
		for i, e := range c.edges {
			if but[i] {
				continue
			}
			reach[[2]int{e.from, e.to}] = true
			for m := range c.nodes {
				if reach[[2]int{e.to, m}] {
					reach[[2]int{e.from, m}] = true
				}
			}
		}
	}
	loops := map[int][]int{}
	for a := range c.nodes {
		for b := range c.nodes {
			if reach[[2]int{a, b}] && reach[[2]int{b, a}] {
				loops[a] = append(loops[a], b)
			}
		}
	}
	return loops
}

// sequential tells whether one branch runs at a time.
func (c *chart) sequential() bool { return c.mode == flow.Sequential }
