package plan

import (
	"fmt"
	"slices"
)

// nest finds the loops of the graph and how they are nested: each strongly connected part is a loop, its first node
// from the start is the one by which it is entered, and the edges to that node lead back; without these, the loops inside
// are found in the same way (F. Bourdoncle, Efficient chaotic iteration strategies with widenings, 1993).
func (p *Plan) nest() {
	for _, n := range p.Nodes {
		n.Loop = Loop{Role: LoopNone, IDs: []string{}}
	}
	all := newSet(len(p.Nodes))
	for n := range p.Nodes {
		all.add(n)
	}
	found := 0
	p.loops = p.cycles(all)
	p.nestWithin(p.loops, p.depthFirst(), &found)
}

func (p *Plan) nestWithin(loops [][]int, order []int, found *int) {
	for _, members := range loops {
		*found++
		loop := newSet(len(p.Nodes))
		for _, n := range members {
			loop.add(n)
		}
		p.mark(loop, slices.MinFunc(members, func(a, b int) int { return order[a] - order[b] }), fmt.Sprintf("loop_%d", *found))
		p.nestWithin(p.cycles(loop), order, found)
	}
}

// mark notes what a loop means to its members.
func (p *Plan) mark(loop set, head int, id string) {
	for _, n := range p.Nodes {
		if loop.has(n.Index) {
			n.Loop = Loop{Level: n.Loop.Level + 1, Role: LoopMember, IDs: append(n.Loop.IDs, id)}
		}
	}
	for _, e := range p.Nodes[head].In {
		if from := p.Edges[e].From; loop.has(from) {
			p.Edges[e].Back = true
			p.Nodes[from].Loop.Role = LoopEnd
		}
	}
	p.Nodes[head].Loop.Role = LoopStart
}

// depthFirst numbers the nodes in the order in which they are come by from the start; what no path leads to comes last.
func (p *Plan) depthFirst() []int {
	order := make([]int, len(p.Nodes))
	count := 0
	var visit func(n int)
	visit = func(n int) {
		count++
		order[n] = count
		for _, e := range p.Nodes[n].leaving() {
			if to := p.Edges[e].To; order[to] == 0 {
				visit(to)
			}
		}
	}
	if p.Start >= 0 {
		visit(p.Start)
	}
	for n := range p.Nodes {
		if order[n] == 0 {
			visit(n)
		}
	}
	return order
}

// leaving gives all connections that begin at the node, in the order of declaration.
func (n *Node) leaving() []int {
	var all []int
	for _, edges := range n.Out {
		all = append(all, edges...)
	}
	slices.Sort(all)
	return all
}
