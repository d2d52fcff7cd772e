package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"prana/engine/flow"
	"prana/engine/node"
)

// A program is written as people write them: statements one after the other, with branches that
// meet again, choices, loops and items inside one another. What it comes to does not depend on
// any order, so that an interpreter of a page says it all.
type (
	block     []statement
	statement struct {
		op     string // pure, sleep, fork, choice, loop, each, parts, fail
		n      int    // its node; of fork, choice and loop, the node at its end
		blocks []block
		items  []any
		width  int
		handle bool // each: the failure of an item is a result; fail: goes on
	}
)

// pureType leaves a digest of what it was given, whatever run it is.
var pureType = node.Type{Name: "test.pure", Inputs: []string{"*"}, Run: func(_ context.Context, c *node.Call) (node.Outcome, error) {
	return node.Outcome{Output: digest(c.Node, 0, c.Inputs)}, nil
}}

// pickType chooses by what it was given.
var pickType = node.Type{Name: "test.pick", Outputs: []string{"left", "right"}, Run: func(_ context.Context, c *node.Call) (node.Outcome, error) {
	return node.Outcome{Port: picked(c.Node, c.Input), PassInput: true}, nil
}}

func picked(node string, v any) string {
	if digest(node, 0, map[string]any{"": v}) < "8" {
		return "left"
	}
	return "right"
}

// program is a block with its definition in the making.
type program struct {
	nodes, edges []string
	// of the interpreter:
	log  []string
	left int
}

func drawBlock(t *rapid.T, depth int, mayFail bool) (b block) {
	for range rapid.SampledFrom([]int{0, 1, 1, 2, 3}).Draw(t, "length") {
		b = append(b, drawStatement(t, depth, mayFail))
	}
	return b
}

func drawStatement(t *rapid.T, depth int, mayFail bool) statement {
	ops := []string{"pure", "pure", "sleep", "parts", "fail"}
	if depth > 0 {
		ops = append(ops, "fork", "choice", "loop", "each", "each", "each")
	}
	s := statement{op: rapid.SampledFrom(ops).Draw(t, "op"), width: rapid.IntRange(1, 4).Draw(t, "width"), handle: rapid.Bool().Draw(t, "handle")}
	blocks := map[string]int{"fork": 2, "choice": 2, "loop": 1, "each": 1}[s.op]
	switch s.op {
	case "each":
		s.items = rapid.SampledFrom([][]any{{}, {1}, {1, 2}, {1, 2, 3}, {5, 4, 3, 2, 1}}).Draw(t, "items")
		mayFail = s.handle
	case "parts":
		s.items = rapid.SampledFrom([][]any{{}, {10}, {20, nil, 10}, {10, 10}}).Draw(t, "parts")
	case "fork":
		mayFail = false // whether the others come to an end depends on the order
	case "fail":
		s.handle = s.handle || !mayFail
	}
	for range blocks {
		s.blocks = append(s.blocks, drawBlock(t, depth-1, mayFail))
	}
	return s
}

// end is where something leaves.
type end struct {
	node int
	port string
}

func (p *program) node(kind, params, settings string) int {
	p.nodes = append(p.nodes, fmt.Sprintf("  - {key: %s, type: test.%s, params: {%s}, settings: {%s}}\n", key(len(p.nodes)), kind, params, settings))
	return len(p.nodes) - 1
}

func (p *program) connect(ends []end, to int, port string) {
	for _, e := range ends {
		p.edges = append(p.edges, fmt.Sprintf("  - %s.%s -> %s.%s\n", key(e.node), e.port, key(to), port))
	}
}

// compile writes a block that begins at some ends, and gives its own.
func (p *program) compile(b block, ends []end) []end {
	for i := range b {
		ends = p.statement(&b[i], ends)
	}
	return ends
}

func (p *program) statement(s *statement, ends []end) []end {
	switch s.op {
	case "fork":
		var arms [][]end
		for _, b := range s.blocks {
			arms = append(arms, p.compile(b, ends))
		}
		s.n = p.node("pure", "", "join: all")
		for i, arm := range arms {
			p.connect(arm, s.n, fmt.Sprintf("arm%d", i))
		}
	case "choice":
		s.n = p.node("pick", "", "")
		p.connect(ends, s.n, flow.PortMain)
		left := p.compile(s.blocks[0], []end{{s.n, "left"}})
		return append(left, p.compile(s.blocks[1], []end{{s.n, "right"}})...)
	case "loop":
		head := p.node("pure", "", "")
		p.connect(ends, head, flow.PortMain)
		body := p.compile(s.blocks[0], []end{{head, flow.PortMain}})
		s.n = p.node("pick", "", "")
		p.connect(body, s.n, flow.PortMain)
		p.connect([]end{{s.n, "left"}}, head, flow.PortMain)
		s.items = []any{head}
		return []end{{s.n, "right"}}
	case "each":
		s.n = p.node("each", fmt.Sprintf("items: %s, parallel: %d, lenient: %t", text(s.items), s.width, s.handle), "")
		p.connect(ends, s.n, flow.PortMain)
		p.connect(p.compile(s.blocks[0], []end{{s.n, "loop"}}), s.n, flow.PortMain)
		return []end{{s.n, "done"}}
	default:
		s.n = p.node(s.op, map[string]string{"sleep": "ms: 10", "parts": fmt.Sprintf("of: %s, width: %d, lenient: true", text(s.items), s.width)}[s.op], s.settings())
		p.connect(ends, s.n, flow.PortMain)
	}
	return []end{{s.n, flow.PortMain}}
}

func (s *statement) settings() string {
	if s.op == "fail" && s.handle {
		return "on_error: continue"
	}
	return ""
}

// failure is what an item comes to that fails.
type failure map[string]any

// eval says what a block makes of a value.
func (p *program) eval(b block, v any) any {
	for _, s := range b {
		if _, failed := v.(failure); failed || p.left < 0 {
			return v
		}
		v = p.evalOne(s, v)
	}
	return v
}

func (p *program) evalOne(s statement, v any) any {
	switch s.op {
	case "fork":
		arms := map[string]any{}
		for i, b := range s.blocks {
			arms[fmt.Sprintf("arm%d", i)] = p.eval(b, v)
		}
		return p.ran(s.n, flow.PortMain, digest(key(s.n), 0, arms))
	case "choice":
		port := picked(key(s.n), v)
		p.ran(s.n, port, v)
		return p.eval(s.blocks[map[string]int{"left": 0, "right": 1}[port]], v)
	case "loop":
		return p.evalLoop(s, v)
	case "each":
		results := []any{}
		if len(s.blocks[0]) == 0 { // nothing is done for the items: they do not even leave
			return p.ran(s.n, "done", append(results, s.items...))
		}
		for _, item := range s.items {
			result := p.eval(s.blocks[0], p.ran(s.n, "loop", item))
			if f, failed := result.(failure); failed {
				result = map[string]any{"error": f}
			}
			results = append(results, result)
		}
		return p.ran(s.n, "done", results)
	case "parts":
		return p.ran(s.n, flow.PortMain, map[string]any{"by": "parts", "results": s.results()})
	case "sleep":
		return p.ran(s.n, flow.PortMain, map[string]any{"by": "timer", "data": nil})
	case "fail":
		return p.evalFail(s)
	}
	return p.ran(s.n, flow.PortMain, digest(key(s.n), 0, map[string]any{flow.PortMain: v}))
}

func (p *program) evalLoop(s statement, v any) any {
	head := s.items[0].(int)
	for p.left >= 0 {
		v = p.eval(s.blocks[0], p.ran(head, flow.PortMain, digest(key(head), 0, map[string]any{flow.PortMain: v})))
		if _, failed := v.(failure); failed {
			return v
		}
		port := picked(key(s.n), v)
		p.ran(s.n, port, v)
		if port == "right" {
			break
		}
	}
	return v
}

func (p *program) evalFail(s statement) any {
	f := failure{"code": "action_error", "message": "it always fails", "node": key(s.n)}
	if !s.handle {
		p.log = append(p.log, key(s.n)+" failed")
		return f
	}
	return p.ran(s.n, flow.PortMain, map[string]any{
		"code": "action_error", "message": "the node failed: it always fails",
		"details": map[string]any{"error": f, "port": flow.PortMain, "on_error_behavior": "default_port"},
	})
}

func (s statement) results() []any {
	all := []any{}
	for i, of := range s.items {
		if of == nil {
			all = append(all, map[string]any{"error": failure{"code": "no_part", "message": "nothing to wait for", "node": key(s.n)}})
		} else {
			all = append(all, []any{i, "timer", nil})
		}
	}
	return all
}

// ran notes that a node left.
func (p *program) ran(n int, port string, v any) any {
	p.left--
	p.log = append(p.log, fmt.Sprintf("%s.%s %s", key(n), port, text(v)))
	return v
}

// TestProgramsComeToTheSame runs random programs in random order: what runs, what it leaves, and in
// sequential mode in which order, is what a plain recursive interpreter says.
func TestProgramsComeToTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		mode := rapid.SampledFrom([]flow.Mode{flow.Parallel, flow.Sequential}).Draw(rt, "mode")
		p := &program{left: maxCompleted}
		start := p.node("start", "", "")
		b := append(drawBlock(rt, 4, false), statement{op: "pure"})
		p.compile(b, []end{{start, flow.PortMain}})
		out := p.eval(b, p.ran(start, flow.PortMain, 1))
		if p.left < 0 {
			rt.Skip("it takes too long")
		}
		source := fmt.Sprintf("id: program\nmode: %s\ntimeout_ms: 1000000000000\nnodes:\n%sconnections:\n%s", mode, strings.Join(p.nodes, ""), strings.Join(p.edges, ""))
		d := newDriver(rt, source, 0)
		d.byTime = true
		v := d.toEnd()
		got, want := d.ran(v), p.log
		if mode == flow.Parallel {
			slices.Sort(got)
			slices.Sort(want)
		}
		if v.Status != flow.Completed || normal(v.Output) != text(out) || !slices.Equal(got, want) {
			rt.Fatalf("it is %s (%v) and left %s, want %s; what ran is\n%s\nwant\n%s\n%s", v.Status, v.Error, v.Output, text(out), strings.Join(got, "\n"), strings.Join(want, "\n"), source)
		}
		d.checkAtRest(v)
	})
}

// ran lists what ended, in order, in the words of a program; parts that nodes run count as their affair.
func (d *driver) ran(v *flow.View) (all []string) {
	out := map[string]string{}
	for _, r := range v.Nodes {
		out[fmt.Sprintf("%s#%d", r.Node, r.RunIndex)] = normal(r.Output)
	}
	for _, e := range d.witness.seen {
		node, _, _ := strings.Cut(e.step, "#")
		switch {
		case e.of != "" && e.port != "loop":
		case e.what == flow.NodeCompleted:
			all = append(all, fmt.Sprintf("%s.%s %s", node, e.port, out[e.step]))
		case e.what == flow.NodeFailed:
			all = append(all, node+" failed")
		}
	}
	return all
}
