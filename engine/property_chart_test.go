package engine_test

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"prana/engine/flow"
)

// chart is a random workflow that may have loops, items, parts and waits. Node 0 is the trigger.
type chart struct {
	mode  flow.Mode
	nodes []cnode
	edges []cedge
	undo  []kind // nodes that undo others; they come after all of these
}

// kind says what a node does.
type kind string

const (
	begins  kind = "test.start"
	mixes   kind = "test.mix"    // leaves a digest of everything it was given
	turns   kind = "test.switch" // by port left in its first runs, by right in the others
	sleeps  kind = "test.sleep"
	waits   kind = "test.wait"
	fails   kind = "test.fail"  // in its first runs
	emits   kind = "test.each"  // its items
	divides kind = "test.parts" // into parts: numbers sleep, strings wait, null fails
)

type cnode struct {
	kind    kind
	join    string // "", "all", "any", "2"
	onError string
	first   int // how many runs are the first ones
	ms      int
	items   []any
	width   int
	need    int
	lenient bool
	limit   int // max_iterations
	cancels []int
	undo    int // the node that undoes it; 0 = none
}

type cedge struct {
	from, to         int
	fromPort, toPort string
}

func drawChart(t *rapid.T) *chart {
	n := rapid.SampledFrom([]int{3, 5, 7, 9, 10, 11, 12}).Draw(t, "nodes")
	c := &chart{nodes: []cnode{{kind: begins}}, mode: rapid.SampledFrom([]flow.Mode{flow.Parallel, flow.Sequential}).Draw(t, "mode")}
	for range n - 1 {
		c.nodes = append(c.nodes, drawNode(t, n))
	}
	for to := 1; to < n; to++ {
		c.connect(t, rapid.IntRange(max(0, to-3), to-1).Draw(t, "from"), to)
		if rapid.IntRange(0, 2).Draw(t, "more") == 0 {
			c.connect(t, rapid.IntRange(0, to-1).Draw(t, "from"), to)
		}
	}
	for i := range c.nodes {
		c.close(t, i)
	}
	for i := range c.nodes {
		if c.nodes[i].join == "2" && len(c.into(i)) < 2 {
			c.nodes[i].join = "all"
		}
	}
	return c
}

func drawNode(t *rapid.T, n int) cnode {
	c := cnode{
		kind:    rapid.SampledFrom([]kind{mixes, mixes, mixes, turns, turns, turns, sleeps, waits, fails, emits, emits, emits, divides}).Draw(t, "kind"),
		join:    rapid.SampledFrom([]string{"", "", "", "", "all", "all", "any", "2"}).Draw(t, "join"),
		first:   rapid.IntRange(0, 3).Draw(t, "first"),
		ms:      rapid.SampledFrom([]int{0, 10, 10, 20, 500}).Draw(t, "ms"),
		width:   rapid.IntRange(1, 4).Draw(t, "width"),
		lenient: rapid.Bool().Draw(t, "lenient"),
	}
	switch c.kind {
	case fails, emits, divides:
		c.onError = rapid.SampledFrom([]string{"", flow.ContinueErrorOutput, flow.ContinueErrorOutput, flow.Continue}).Draw(t, "onError")
	}
	switch c.kind {
	case emits:
		c.items = rapid.SampledFrom([][]any{{}, {1}, {1, 2}, {3, 2}, {1, 2, 3}}).Draw(t, "items")
		if c.onError == flow.Continue { // it has no port main
			c.onError = ""
		}
	case divides:
		size := rapid.SampledFrom([]int{0, 1, 2, 3, 4}).Draw(t, "size")
		c.items = rapid.SliceOfN(rapid.SampledFrom([]any{10, 10, 20, "go", "go", nil}), size, size).Draw(t, "parts")
		c.need = rapid.IntRange(0, 3).Draw(t, "need")
		c.width = rapid.IntRange(0, 3).Draw(t, "width")
	}
	if rapid.SampledFrom([]bool{false, false, false, false, true}).Draw(t, "limited") {
		c.limit = rapid.IntRange(1, 3).Draw(t, "limit")
	}
	if rapid.SampledFrom([]bool{false, false, false, false, true}).Draw(t, "cancelling") {
		c.cancels = []int{rapid.IntRange(1, n-1).Draw(t, "cancels")}
	}
	return c
}

// ports are those by which a node may leave.
func (c *chart) ports(i int) []string {
	ports := []string{flow.PortMain}
	switch n := c.nodes[i]; n.kind {
	case turns:
		ports = []string{"left", "right"}
	case emits:
		ports = []string{"loop", "loop", "done"}
	}
	if c.nodes[i].onError == flow.ContinueErrorOutput {
		ports = append(ports, flow.PortError)
	}
	return ports
}

func (c *chart) connect(t *rapid.T, from, to int) {
	c.add(cedge{from, to, rapid.SampledFrom(c.ports(from)).Draw(t, "port"), c.portInto(t, to)})
}

func (c *chart) add(e cedge) {
	if !slices.Contains(c.edges, e) {
		c.edges = append(c.edges, e)
	}
}

func (c *chart) portInto(t *rapid.T, to int) string {
	if c.nodes[to].kind == mixes {
		return rapid.SampledFrom([]string{flow.PortMain, "a", "b"}).Draw(t, "into")
	}
	return flow.PortMain
}

// close leads back: from the body of a node with items to it, and from a node that turns left now and then to one before it.
func (c *chart) close(t *rapid.T, i int) {
	switch n := c.nodes[i]; {
	case n.kind == emits:
		body := c.body(i)
		for range rapid.IntRange(0, 3).Draw(t, "back") {
			if len(body) == 0 {
				return
			}
			from := rapid.SampledFrom(body).Draw(t, "from")
			into := rapid.SampledFrom([]string{flow.PortMain, flow.PortMain, flow.PortMain, "break"}).Draw(t, "into")
			c.add(cedge{from, i, rapid.SampledFrom(c.ports(from)).Draw(t, "port"), into})
		}
	case n.kind == turns && i > 1 && rapid.Bool().Draw(t, "round"):
		to := rapid.IntRange(1, i).Draw(t, "to")
		c.add(cedge{i, to, "left", c.portInto(t, to)})
	}
}

// body lists what items of a node run through.
func (c *chart) body(i int) []int {
	var body []int
	for more := true; more; {
		more = false
		for _, e := range c.edges {
			begins := e.from == i && e.fromPort == "loop" || slices.Contains(body, e.from)
			if begins && e.to != i && !slices.Contains(body, e.to) {
				body, more = append(body, e.to), true
			}
		}
	}
	return body
}

func (c *chart) into(to int) (edges []int) {
	for i, e := range c.edges {
		if e.to == to {
			edges = append(edges, i)
		}
	}
	return edges
}

// source writes the chart as a definition.
func (c *chart) source() string {
	var b strings.Builder
	fmt.Fprintf(&b, "id: chart\nmode: %s\ntimeout_ms: 1000000000000\nnodes:\n", c.mode)
	for i, n := range c.nodes {
		fmt.Fprintf(&b, "  - {key: %s, type: %s, params: {%s}, settings: {%s}}\n", key(i), n.kind, n.params(), n.settings())
	}
	for i, u := range c.undo {
		fmt.Fprintf(&b, "  - {key: %s, type: %s}\n", key(len(c.nodes)+i), u)
	}
	b.WriteString("connections:\n")
	for _, e := range c.edges {
		fmt.Fprintf(&b, "  - %s.%s -> %s.%s\n", key(e.from), e.fromPort, key(e.to), e.toPort)
	}
	return b.String()
}

func (n cnode) params() string {
	first := fmt.Sprintf("$execution.run_index < %d", n.first)
	switch n.kind {
	case turns:
		return fmt.Sprintf(`port: "{{ %s ? 'left' : 'right' }}"`, first)
	case sleeps:
		return fmt.Sprintf("ms: %d", n.ms)
	case fails:
		return fmt.Sprintf(`times: "{{ %s ? 9 : 0 }}"`, first)
	case emits:
		return fmt.Sprintf("items: %s, parallel: %d, lenient: %t", text(n.items), n.width, n.lenient)
	case divides:
		return fmt.Sprintf("of: %s, need: %d, width: %d, lenient: %t", text(n.items), n.need, n.width, n.lenient)
	}
	return ""
}

func (n cnode) settings() string {
	var all []string
	for name, v := range map[string]string{"join": n.join, "on_error": n.onError} {
		if v != "" {
			all = append(all, name+": "+v)
		}
	}
	if n.limit > 0 {
		all = append(all, fmt.Sprintf("max_iterations: %d", n.limit))
	}
	for _, m := range n.cancels {
		all = append(all, "cancels: ["+key(m)+"]")
	}
	if n.undo > 0 {
		all = append(all, "on_cancel: "+key(n.undo))
	}
	return strings.Join(all, ", ")
}
