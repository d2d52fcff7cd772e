package definition

import (
	"strings"

	"prana/engine/eval"
	"prana/engine/plan"
)

// What files of Prana have that reads otherwise here. Only its map of
// connections tells them apart.

// ported is a string whose expressions were rewritten, with where its bytes were.
type ported struct {
	written string
	offsets []int
}

// fromPrana rewrites the parameters of every node: there, $input is a map of ports.
func (r *reader) fromPrana(root *tree) {
	fed := portsFed(root.get("connections"))
	nodes := root.get("nodes")
	if nodes == nil {
		return
	}
	for i, n := range nodes.items {
		key, _ := n.get("key").text()
		if params := n.get("params"); params != nil {
			r.below(plan.Join(plan.At("nodes", i), "params"), func() { r.portMap(params, fed[key]) })
		}
	}
}

// portsFed gives the ports that connections lead to, by node.
func portsFed(connections *tree) map[string][]string {
	fed := map[string][]string{}
	if connections == nil {
		return fed
	}
	for _, c := range connections.items {
		to, _ := c.get("to").text()
		if port, ok := c.get("to_port").text(); ok {
			fed[to] = append(fed[to], port)
		}
	}
	return fed
}

func (r *reader) portMap(t *tree, ports []string) {
	for _, f := range t.fields {
		r.below(plan.Join(r.path, f.name), func() { r.portMap(f.value, ports) })
	}
	for i, e := range t.items {
		r.below(plan.At(r.path, i), func() { r.portMap(e, ports) })
	}
	if s, ok := t.text(); ok {
		r.portText(t, s, ports)
	}
}

func (r *reader) portText(t *tree, s string, ports []string) {
	if strings.Contains(s, "{%") {
		r.warn(t.place, plan.CodeNotTaken, "write it as an expression, such as {{ x ? y : z }}", "the tags {%% … %%} of Prana are only text here")
	}
	re := eval.FromPortMap(s, ports)
	if re.Whole {
		r.warn(t.place, plan.CodeNotTaken, "write $inputs if the ports are meant", "$input alone was a map of ports in Prana; here it is what arrived at port main")
	}
	if re.Text != s {
		t.scalar, t.ported = re.Text, &ported{s, re.Offsets}
	}
}
