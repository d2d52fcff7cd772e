package plan

import (
	"slices"

	"prana/engine/flow"
)

// joins looks at what synchronises: whether all that it waits for can come.
func (c *compiler) joins(n *Node) {
	if n.Settings.Join.N > 1 && n.Settings.Join.N <= len(n.In) {
		c.incomplete(n)
	}
	if n.Type.Name == mergeType {
		c.merges(n)
	}
	c.unfed(n)
}

// incomplete proves that a round of a join never brings as many as it waits for.
func (c *compiler) incomplete(n *Node) {
	tell := func(most int, when string) {
		c.warn(At("nodes", n.Index)+".settings.join", CodeIncompleteJoin, "wait for fewer, or write join: all, which waits for what can still arrive",
			"%s waits for %d arrivals, but at most %d can come%s: it always runs late, with what came", n.Key, n.Settings.Join.N, most, when)
	}
	first := slices.DeleteFunc(slices.Clone(n.In), func(e int) bool { return !c.without(n.Index).has(c.plan.Edges[e].From) })
	if most := c.together(first); most > 0 && most < n.Settings.Join.N {
		when := ""
		if len(first) < len(n.In) {
			when = " before it has run"
		}
		tell(most, when)
		return
	}
	after := c.plan.reachable(n.Index)
	again := slices.DeleteFunc(slices.Clone(n.In), func(e int) bool { return !after.has(c.plan.Edges[e].From) })
	if most := len(again); most > 0 && most < n.Settings.Join.N {
		tell(most, " in each turn of its loop")
	}
}

// together bounds how many of the edges can bring something in one execution:
// a node leaves by one port, so of the edges behind its ports only those of one
// count. Each such node gives a bound, unless it also emits; the smallest is taken.
func (c *compiler) together(edges []int) int {
	edges = slices.DeleteFunc(slices.Clone(edges), func(e int) bool { return !c.alive().has(c.plan.Edges[e].From) })
	most := len(edges)
	for _, d := range c.plan.Nodes {
		if len(d.Out) < 2 || !c.once(d.Index) || d.Type.Body != "" || len(d.Type.Emits) > 0 {
			continue
		}
		free, best := len(edges), 0
		for port := range d.Out {
			behind := c.behind(d, port, edges)
			free -= behind
			best = max(best, behind)
		}
		most = min(most, free+best)
	}
	return most
}

// exit is a port of a node.
type exit struct {
	node int
	port string
}

// behind counts the edges that only this port of the node leads to.
func (c *compiler) behind(d *Node, port string, edges []int) int {
	others := remembered(&c.closed, exit{d.Index, port}, func() set {
		return c.plan.spread(func(e Edge) bool { return e.From != d.Index || e.FromPort != port })
	})
	count := 0
	for _, i := range edges {
		e := c.plan.Edges[i]
		if !others.has(e.From) || e.From == d.Index && e.FromPort == port {
			count++
		}
	}
	return count
}

// merges looks for a merge that has nothing to merge, or loses some of it.
func (c *compiler) merges(n *Node) {
	at, params := At("nodes", n.Index), c.w.Nodes[n.Index].Params
	if len(n.In) == 1 && params["input_a"] == nil && params["input_b"] == nil {
		c.warn(at, CodeNothingToMerge, "connect another branch to it, or remove it", "only one connection leads to %s, so there is nothing to merge", n.Key)
	}
	for _, port := range c.fed(n) {
		same := slices.DeleteFunc(slices.Clone(n.In), func(e int) bool { return c.plan.Edges[e].ToPort != port })
		if most := c.together(same); most > 1 && !c.plan.InLoop(n.Index) {
			c.warn(at, CodeMergeLoses, "give each its own port, such as "+n.Key+"."+c.plan.Nodes[c.plan.Edges[same[1]].From].Key,
				"%d connections bring something to port %q of %s, and only the newest is kept", most, port, n.Key)
		}
	}
}

// unfed warns of a node with several named inputs whose first has no connection.
func (c *compiler) unfed(n *Node) {
	ports := n.Type.InputPorts()
	if len(ports) < 2 || slices.Contains(ports, anyName) || len(n.In) == 0 || n.Type.Name == mergeType && len(n.In) == 1 {
		return
	}
	for _, port := range ports {
		if !slices.Contains(c.fed(n), port) && (n.Type.Body == "" || port == flow.PortMain) {
			c.warn(At("nodes", n.Index), CodeUnfedPort, "connect something to "+n.Key+"."+port, "nothing arrives at port %q of %s", port, n.Key)
		}
	}
}

// iteration looks at the body of a node that iterates.
func (c *compiler) iteration(n *Node) {
	body := n.Type.Body
	if body == "" {
		return
	}
	at := At("nodes", n.Index)
	c.breaks(n)
	if !c.plan.HasBody(n.Index) {
		c.warn(at, CodeEmptyBody, "connect "+n.Key+"."+body, "port %q of %s leads to no other node, so nothing is done for the items", body, n.Key)
		return
	}
	if !slices.ContainsFunc(n.In, func(e int) bool { return c.returns(n, c.plan.Edges[e]) }) {
		c.warn(at, CodeNoResults, "connect the end of the body to "+n.Key, "what port %q of %s leads to never comes back, so the results are null", body, n.Key)
	}
}

// breaks wants that only the body of a loop ends it.
func (c *compiler) breaks(n *Node) {
	for _, e := range n.In {
		from := c.plan.Nodes[c.plan.Edges[e].From]
		if c.plan.Edges[e].ToPort == flow.PortBreak && !slices.Contains(from.Within, n.Index) {
			c.fail(At("nodes", n.Index), CodeBreakOutside, "connect it to a port other than break, or from a node that port "+n.Type.Body+" leads to",
				"%s leads to %s.break, but is not in its body", from.Key, n.Key)
		}
	}
}

// returns tells whether an edge into an iterating node can bring a result: a
// path leads to it from the port of the body.
func (c *compiler) returns(n *Node, back Edge) bool {
	if back.ToPort != flow.PortMain {
		return false
	}
	if back.From == n.Index {
		return back.FromPort == n.Type.Body
	}
	return slices.ContainsFunc(n.Out[n.Type.Body], func(e int) bool {
		to := c.plan.Edges[e].To
		return to != n.Index && c.plan.reachable(to).has(back.From)
	})
}
