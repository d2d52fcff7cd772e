package plan

import "slices"

// set is a set of small numbers.
type set []uint64

func newSet(n int) set { return make(set, (n+63)/64) }

func (s set) has(i int) bool { return i >= 0 && i/64 < len(s) && s[i/64]&(1<<(i%64)) != 0 }

func (s set) add(i int) { s[i/64] |= 1 << (i % 64) }

// reaching gives the nodes from which the edge's source can be reached without
// passing through the edge's target or one of some others, by edges that count. Items leave once, as their region
// begins: nothing in it brings more.
func (p *Plan) reaching(e Edge, counts func(edge int) bool, but ...int) set {
	seen := newSet(len(p.Nodes))
	if p.emits(e.Index) {
		return seen
	}
	seen.add(e.From)
	todo := []int{e.From}
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if n == e.To || slices.Contains(but, n) {
			continue
		}
		for _, in := range p.Nodes[n].In {
			if from := p.Edges[in].From; !seen.has(from) && counts(in) && !p.emits(in) {
				seen.add(from)
				todo = append(todo, from)
			}
		}
	}
	return seen
}

// emits tells whether items leave over the edge. Each begins a region of its own, so
// that no path leads through it.
func (p *Plan) emits(edge int) bool {
	e := p.Edges[edge]
	loop := p.Nodes[e.From].Type.Body
	return loop != "" && loop == e.FromPort
}

// bodies finds what every item of a node with items runs through.
func (p *Plan) bodies() {
	for _, n := range p.Nodes {
		if n.Type.Body == "" {
			continue
		}
		body := newSet(len(p.Nodes))
		for _, e := range n.Out[n.Type.Body] {
			body.addAll(p.reachable(p.Edges[e].To, n.Index))
		}
		for _, m := range p.Nodes {
			if body.has(m.Index) {
				m.Within = append(m.Within, n.Index)
			}
		}
	}
}

func (s set) addAll(o set) {
	for i := range s {
		s[i] |= o[i]
	}
}

// index computes what is asked of the graph while it runs.
func (p *Plan) index() {
	p.nest()
	p.bodies()
	p.reaches = map[int]set{}
	for _, n := range p.Nodes {
		if n.Join.IsZero() {
			continue
		}
		for _, e := range n.In {
			p.reaches[e] = p.reaching(p.Edges[e], p.inRound(e))
		}
	}
}

// inRound tells over which edges something may still come to a join over the given one, in the same round of the join: what goes
// round a loop that the join is part of belongs to the next. Only where the given edge itself closes a loop, that loop is gone round.
func (p *Plan) inRound(edge int) func(edge int) bool {
	n := p.Nodes[p.Edges[edge].To]
	if !p.sameRound(edge, n) {
		return func(int) bool { return true }
	}
	return func(in int) bool { return p.sameRound(in, n) }
}

// sameRound tells whether what goes over the edge stays in the round of the join n: the edge closes no loop that n is part of.
func (p *Plan) sameRound(edge int, n *Node) bool {
	e := p.Edges[edge]
	if !e.Back {
		return true
	}
	ids := p.Nodes[e.To].Loop.IDs // the last is the loop that is entered by the node
	return !slices.Contains(n.Loop.IDs, ids[len(ids)-1])
}

// reachable gives the nodes that a path from the node leads to, itself included; but none
// that passes through one of the others.
func (p *Plan) reachable(from int, but ...int) set {
	seen := newSet(len(p.Nodes))
	if slices.Contains(but, from) {
		return seen
	}
	seen.add(from)
	todo := []int{from}
	for len(todo) > 0 {
		n := p.Nodes[todo[len(todo)-1]]
		todo = todo[:len(todo)-1]
		for _, edges := range n.Out {
			for _, e := range edges {
				if to := p.Edges[e].To; !seen.has(to) && !slices.Contains(but, to) {
					seen.add(to)
					todo = append(todo, to)
				}
			}
		}
	}
	return seen
}

// cycles gives the strongly connected components that contain a cycle, of the nodes
// within and of the edges that do not lead back.
func (p *Plan) cycles(within set) [][]int {
	t := tarjan{p: p, within: within, order: make([]int, len(p.Nodes)), low: make([]int, len(p.Nodes)), on: newSet(len(p.Nodes))}
	for n := range p.Nodes {
		if within.has(n) && t.order[n] == 0 {
			t.visit(n)
		}
	}
	return t.found
}

// tarjan finds strongly connected components. Its recursion is as deep as the
// longest path, which the limit on nodes bounds.
type tarjan struct {
	p          *Plan
	within     set
	count      int
	order, low []int
	stack      []int
	on         set // nodes on the stack
	found      [][]int
}

func (t *tarjan) visit(n int) {
	t.count++
	t.order[n], t.low[n] = t.count, t.count
	t.stack = append(t.stack, n)
	t.on.add(n)
	self := false
	for _, edges := range t.p.Nodes[n].Out {
		for _, e := range edges {
			to := t.p.Edges[e].To
			if t.p.Edges[e].Back || !t.within.has(to) {
				continue
			}
			self = self || to == n
			t.follow(n, to)
		}
	}
	if t.low[n] == t.order[n] {
		t.pop(n, self)
	}
}

func (t *tarjan) follow(n, to int) {
	switch {
	case t.order[to] == 0:
		t.visit(to)
		t.low[n] = min(t.low[n], t.low[to])
	case t.on.has(to):
		t.low[n] = min(t.low[n], t.order[to])
	}
}

func (t *tarjan) pop(root int, self bool) {
	var members []int
	for {
		n := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		t.on.remove(n)
		members = append(members, n)
		if n == root {
			break
		}
	}
	if len(members) > 1 || self {
		t.found = append(t.found, members)
	}
}

func (s set) remove(i int) { s[i/64] &^= 1 << (i % 64) }
