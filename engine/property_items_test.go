package engine_test

import (
	"slices"

	"prana/engine/flow"
)

// open gives an activity a part for each of its items.
func (n *naive) open(a *activity, node cnode) {
	a.state, a.items, a.need, a.width = "open", len(node.items), node.need, node.width
	a.results = make([]any, a.items)
	if node.kind == divides && a.items > 0 { // otherwise it is not seen
		n.say("open", a)
	}
	if a.need == 0 || a.need > a.items {
		a.need = a.items
	}
	if a.width == 0 || a.width > a.items {
		a.width = a.items
	}
	if n.c.sequential() && node.kind == emits {
		a.width = 1
	}
	n.begin(a)
}

// begin begins as many parts as may be under way at a time.
func (n *naive) begin(a *activity) {
	node := n.c.nodes[a.node]
	if node.kind == emits && !n.c.hasBody(a.node) { // nothing is done for the items: they do not even leave
		a.next = a.items
		if len(n.c.from(a.node, "loop")) > 0 {
			copy(a.results, node.items)
		}
	}
	for a.state == "open" && n.broken == "" && a.next < a.items && len(a.parts) < a.width {
		r := &region{of: a, index: a.next}
		a.next++
		a.parts = append(a.parts, r)
		if node.kind == divides {
			p := n.add(a.node, r, a.inputs...)
			p.part, p.turn = true, true // the node's own affair, in every mode
			continue
		}
		item := node.items[r.index]
		n.complete(n.add(a.node, r, arrival{-1, flow.PortMain, item}), "loop", item)
	}
}

// runPart does what test.parts does with an item.
func (n *naive) runPart(a *activity) {
	index := a.in.index
	switch item := n.c.nodes[a.node].items[index]; {
	case item == nil:
		n.fail(a, map[string]any{"code": "no_part", "message": "nothing to wait for", "node": key(a.node)})
	case a.woken == "":
		n.sleep(a)
	default:
		n.complete(a, flow.PortMain, []any{index, a.woken, brought(a.woken)})
	}
}

// comeBack notes what came back to the node with the item; by port break nothing of any item goes on.
func (n *naive) comeBack(r *region, a arrival) {
	r.back = append(r.back, a)
	if owner := r.of; a.port == "break" && owner.state == "open" {
		owner.items, owner.need = owner.next, owner.next
		n.withdraw(owner.parts...)
	}
}

// partsOver ends the first part in which nothing lives any more.
func (n *naive) partsOver() bool {
	for _, a := range n.owners() {
		for _, r := range a.parts {
			if !slices.ContainsFunc(n.live, func(b *activity) bool { return b.in == r }) {
				n.partOver(r, n.result(r))
				return true
			}
		}
		if len(a.parts) == 0 {
			n.gather(a)
			return true
		}
	}
	return false
}

// result is what came back over the connection declared last, or what the node left that ran the part.
func (n *naive) result(r *region) any {
	if n.c.nodes[r.of.node].kind == divides {
		for _, a := range n.all {
			if a.in == r && a.part {
				return a.out
			}
		}
	}
	last := arrival{edge: -1}
	for _, a := range r.back {
		if a.edge >= last.edge {
			last = a
		}
	}
	return last.value
}

func (n *naive) partOver(r *region, result any) {
	a := r.of
	a.results[r.index] = result
	a.parts = slices.DeleteFunc(a.parts, func(o *region) bool { return o == r })
	if a.done++; a.done >= a.need {
		n.gather(a)
		return
	}
	n.suffice(a)
	n.begin(a)
}

// came notes that what a part waited for came.
func (n *naive) came(a *activity) {
	if a.part {
		a.in.came = true
		n.suffice(a.in.of)
	}
}

// suffice withdraws the parts that wait for nothing any more: enough others are over, or have what they waited for.
func (n *naive) suffice(a *activity) {
	if n.c.nodes[a.node].kind != divides {
		return
	}
	came := func(r *region) bool { return r.came }
	waiting := slices.DeleteFunc(slices.Clone(a.parts), came)
	if a.done+len(a.parts)-len(waiting) < a.need {
		return
	}
	a.items = a.next
	n.withdraw(waiting...)
	a.parts = slices.DeleteFunc(a.parts, func(r *region) bool { return !r.came })
}

// gather goes on with an activity of whose parts enough are over.
func (n *naive) gather(a *activity) {
	n.withdraw(a.parts...)
	a.parts = nil
	if n.c.nodes[a.node].kind == emits {
		n.complete(a, "done", a.results[:a.next])
		return
	}
	a.state, a.gathered, a.turn = "pending", true, true
}

// from lists the connections of a port.
func (c *chart) from(node int, port string) (edges []int) {
	for i, e := range c.edges {
		if e.from == node && e.fromPort == port {
			edges = append(edges, i)
		}
	}
	return edges
}

// hasBody tells whether items lead to any other node.
func (c *chart) hasBody(node int) bool {
	return slices.ContainsFunc(c.from(node, "loop"), func(i int) bool { return c.edges[i].to != node })
}
