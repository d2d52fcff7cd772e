package live

import (
	"prana/engine/flow"
)

// group is all runs of a node: once, in a loop, or for the items of a list.
type group struct {
	key   string
	runs  []flow.NodeRun // by itself, in order of activation
	items []flow.NodeRun // for items
	body  []*group       // what is done for each item, where this node gave the items out
	// per item of this node: whether anything of it lives, and whether anything failed
	live, bad map[int]bool
}

// groups puts the runs of an execution together by node, in the order in which nodes were first activated. Nodes that run
// for items only stand below the node that gave the items out: the last before them that did. Which of several lists an
// item is of, a run does not tell; of lists in lists, the node of the inner one stands below the outer, both counted by item.
func groups(v *flow.View) []*group {
	all := map[string]*group{}
	var order []*group
	for _, n := range v.Nodes {
		g := all[n.Node]
		if g == nil {
			g = &group{key: n.Node, live: map[int]bool{}, bad: map[int]bool{}}
			all[n.Node] = g
			order = append(order, g)
		}
		g.add(n)
	}
	return nested(order)
}

func (g *group) add(n flow.NodeRun) {
	if n.Item == nil {
		g.runs = append(g.runs, n)
		return
	}
	g.items = append(g.items, n)
	g.count(n)
}

// count notes what a run means for its item.
func (g *group) count(n flow.NodeRun) {
	i := *n.Item
	g.live[i] = g.live[i] || n.Status.Live()
	g.bad[i] = g.bad[i] || n.Status == flow.StepFailed
}

// fan tells whether the node has runs for items that it gave out itself.
func (g *group) fan() bool { return len(g.runs) > 0 && len(g.items) > 0 }

func nested(order []*group) []*group {
	var top []*group
	var fan *group
	for _, g := range order {
		if fan == nil || len(g.runs) > 0 {
			top = append(top, g)
		} else {
			fan.body = append(fan.body, g)
			for _, n := range g.items {
				fan.count(n)
			}
		}
		if g.fan() {
			fan = g
		}
	}
	return top
}

// last is the run that tells the state of the node: the one by itself that began last, or that of the last item.
func (g *group) last() flow.NodeRun {
	if len(g.runs) > 0 {
		return g.runs[len(g.runs)-1]
	}
	return g.items[len(g.items)-1]
}

// tally counts items: over well or badly, and all that began.
func (g *group) tally() (over, bad, begun int) {
	for i, live := range g.live {
		begun++
		if g.bad[i] {
			bad++
		} else if !live {
			over++
		}
	}
	return over, bad, begun
}

// total is how many items there are. While a loop gives them out one after the other, a view does not tell.
func (g *group) total() (n int, known bool) {
	_, _, begun := g.tally()
	last := g.last()
	return begun, !last.Status.Live() || last.Type != "core.for_each"
}
