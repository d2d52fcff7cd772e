package plan

import "slices"

// neverBefore tells whether a node cannot have run yet when another one runs:
// every path to it leads through that one, which runs once.
func (c *compiler) neverBefore(n, reader *Node) bool {
	if !c.alive().has(n.Index) || !c.once(reader.Index) {
		return false
	}
	return n == reader || !c.without(reader.Index).has(n.Index)
}

// without gives the nodes that a path from the start leads to without passing
// through the node, or before it is over: what it emits runs while it waits.
func (c *compiler) without(n int) set {
	return remembered(&c.avoiding, n, func() set {
		return c.plan.spread(func(e Edge) bool { return e.From != n || c.plan.Nodes[n].sendsOn(e.FromPort) })
	})
}

// alive gives the nodes that a path from the start leads to.
func (c *compiler) alive() set { return c.without(noNode) }

// spread gives the nodes that paths from the start lead to, over the edges that are open.
func (p *Plan) spread(open func(Edge) bool) set {
	seen := newSet(len(p.Nodes))
	if p.Start < 0 {
		return seen
	}
	seen.add(p.Start)
	for todo := []int{p.Start}; len(todo) > 0; {
		n := p.Nodes[todo[len(todo)-1]]
		todo = todo[:len(todo)-1]
		for _, edges := range n.Out {
			for _, e := range edges {
				if to := p.Edges[e].To; open(p.Edges[e]) && !seen.has(to) {
					seen.add(to)
					todo = append(todo, to)
				}
			}
		}
	}
	return seen
}

// once tells whether a node runs at most once: neither it nor anything before
// it is in a loop, iterates, emits, or runs at each of several arrivals.
func (c *compiler) once(n int) bool {
	if c.single == nil {
		c.single = map[int]bool{}
	}
	if known, ok := c.single[n]; ok {
		return known
	}
	c.single[n] = false // until it is proven; a loop comes back here
	node := c.plan.Nodes[n]
	yes := node.Type.Name != "" && !c.plan.InLoop(n) && (len(node.In) <= 1 || !node.Join.IsZero())
	for _, e := range node.In {
		before := c.plan.Edges[e]
		yes = yes && c.once(before.From) && !iterates(c.plan.Nodes[before.From], before.FromPort)
	}
	c.single[n] = yes
	return yes
}

func iterates(n *Node, port string) bool {
	return n.Type.Body != "" && n.Type.Body == port || n.sendsOn(port)
}

// sendsOn tells whether the node emits by the port while it waits, and so as often as it likes.
func (n *Node) sendsOn(port string) bool { return slices.Contains(n.Type.Emits, port) }
