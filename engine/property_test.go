package engine_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"prana/engine/enginetest"
	"prana/engine/flow"
)

// graph is a random workflow without cycles. Node 0 is the trigger; connections
// lead from lower to higher nodes.
type graph struct {
	mode  flow.Mode
	nodes []gnode
	edges []gedge
}

// gnode is a node of one of three kinds: one that passes on, one that chooses a port, one that fails.
type gnode struct {
	join string // "", "all", "any", "2"
	port string // by which it leaves
	fail bool   // … by port error, which may lead nowhere
}

type gedge struct {
	from, to int
	port     string
}

func drawGraph(t *rapid.T) graph {
	n := rapid.IntRange(2, 9).Draw(t, "nodes")
	g := graph{nodes: make([]gnode, n), mode: rapid.SampledFrom([]flow.Mode{flow.Parallel, flow.Sequential}).Draw(t, "mode")}
	for i := range n {
		g.nodes[i].port = flow.PortMain
		if i == 0 {
			continue
		}
		g.nodes[i].join = rapid.SampledFrom([]string{"", "", "all", "all", "all", "any", "2"}).Draw(t, "join")
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			g.nodes[i].port = "left"
		case 1:
			g.nodes[i].port, g.nodes[i].fail = flow.PortError, true
		}
	}
	for to := 1; to < n; to++ {
		g.drawEdges(t, to)
		if g.nodes[to].join == "2" && g.in(to) < 2 {
			g.nodes[to].join = "all"
		}
	}
	return g
}

// drawEdges connects a node to some of those before it: by the port they leave by, or by another.
func (g *graph) drawEdges(t *rapid.T, to int) {
	first := rapid.IntRange(0, to-1).Draw(t, "from")
	g.edges = append(g.edges, g.edge(t, first, to))
	for from := range to {
		if from != first && rapid.IntRange(0, 3).Draw(t, "more") == 0 {
			g.edges = append(g.edges, g.edge(t, from, to))
		}
	}
}

func (g *graph) in(to int) (n int) {
	for _, e := range g.edges {
		if e.to == to {
			n++
		}
	}
	return n
}

func (g *graph) edge(t *rapid.T, from, to int) gedge {
	e := gedge{from, to, g.nodes[from].port}
	if from > 0 && rapid.IntRange(0, 3).Draw(t, "untaken") == 0 {
		e.port = map[string]string{flow.PortMain: "right", "left": "right", flow.PortError: flow.PortMain}[e.port]
	}
	return e
}

func key(i int) string { return fmt.Sprintf("n%d", i) }

// source writes the graph as a definition.
func (g graph) source() string {
	var b strings.Builder
	b.WriteString("id: graph\nmode: " + string(g.mode) + "\nnodes:\n  - {key: n0, type: test.start}\n")
	for i, n := range g.nodes[1:] {
		kind := "test.switch, params: {port: " + n.port + "}"
		settings := "on_error: continue_error_output"
		if n.fail {
			kind = "test.fail"
		}
		if n.join != "" {
			settings += ", join: " + n.join
		}
		fmt.Fprintf(&b, "  - {key: %s, type: %s, settings: {%s}}\n", key(i+1), kind, settings)
	}
	b.WriteString("connections:\n")
	for _, e := range g.edges {
		fmt.Fprintf(&b, "  - %s.%s -> %s\n", key(e.from), e.port, key(e.to))
	}
	return b.String()
}

// naive says how often each node runs, and with how many branches each time. In
// a graph without cycles a node is decided once all before it are: a join then has
// a fixed number of arrivals on each connection, and its k-th run takes the
// k-th arrival of each connection that has so many, or of as many as are enough.
func (g graph) naive() map[string]int {
	runs := make([][]int, len(g.nodes)) // of each node: the number of branches of each run
	runs[0] = []int{1}
	for i := 1; i < len(g.nodes); i++ {
		var arrivals []int
		for _, e := range g.edges {
			if e.to == i && e.port == g.nodes[e.from].port {
				arrivals = append(arrivals, len(runs[e.from]))
			}
		}
		runs[i] = g.runsOf(i, arrivals)
	}
	all := map[string]int{}
	for i, rs := range runs {
		for _, branches := range rs {
			all[fmt.Sprintf("%s with %d", key(i), branches)]++
		}
	}
	return all
}

// early is how many branches are enough for a join that does not wait for all; 0 = all.
func (g graph) early(i int) int {
	return map[string]int{"any": 1, "2": 2}[g.nodes[i].join]
}

func (g graph) runsOf(i int, arrivals []int) []int {
	var runs []int
	if g.nodes[i].join == "" {
		for _, n := range arrivals {
			runs = append(runs, slices.Repeat([]int{1}, n)...)
		}
		return runs
	}
	for round := 0; ; round++ {
		branches := 0
		for _, n := range arrivals {
			if n > round {
				branches++
			}
		}
		if branches == 0 {
			return runs
		}
		if enough := g.early(i); enough > 0 {
			branches = min(branches, enough)
		}
		runs = append(runs, branches)
	}
}

// TestGraphsRunAsTheyRead runs random graphs under random order and repetition of tasks.
func TestGraphsRunAsTheyRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		g := drawGraph(rt)
		want := g.naive()
		env := enginetest.New(rt, types()...)
		env.Deploy(g.source())
		id := env.Start("graph", 1)
		shuffle(rt, env)
		env.WantStatus(id, flow.Completed)
		if got := counted(rt, env, id); !maps.Equal(got, want) {
			rt.Fatalf("it ran\n%v, want\n%v\n%s", got, want, g.source())
		}
	})
}

// shuffle works off tasks in any order, some of them again.
func shuffle(rt *rapid.T, env *enginetest.Env) {
	var waiting, done []flow.Dispatch
	for {
		for d, ok := env.Store().Pop(0); ok; d, ok = env.Store().Pop(0) {
			waiting = append(waiting, d)
		}
		if len(waiting) == 0 {
			return
		}
		i := rapid.IntRange(0, len(waiting)-1).Draw(rt, "next")
		d := waiting[i]
		waiting = slices.Delete(waiting, i, i+1)
		done = append(done, d)
		run(rt, env, d)
		if rapid.IntRange(0, 3).Draw(rt, "again") == 0 {
			run(rt, env, rapid.SampledFrom(done).Draw(rt, "which"))
		}
	}
}

func run(rt *rapid.T, env *enginetest.Env, d flow.Dispatch) {
	if err := env.Engine().RunStep(rt.Context(), d); err != nil {
		rt.Fatal(err)
	}
	env.Store().Done(d)
}

// counted tells what ran, in the words of naive.
func counted(rt *rapid.T, env *enginetest.Env, id string) map[string]int {
	x, err := env.Store().Load(rt.Context(), id, flow.Want{All: true})
	all := map[string]int{}
	if err != nil {
		return all
	}
	for step, s := range x.Steps {
		all[fmt.Sprintf("%s with %d", key(step.Node), len(s.Inputs))]++
	}
	return all
}

// TestGraphsRunAgainAsTheyRead runs random graphs again from a node: what ran is the same, and what cannot be reached from
// that node does not run again.
func TestGraphsRunAgainAsTheyRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		g := drawGraph(rt)
		want := g.naive()
		env := enginetest.New(rt, types()...)
		env.Deploy(g.source())
		old := env.Start("graph", 1)
		shuffle(rt, env)
		from := rapid.SampledFrom(env.Execution(old).Nodes).Draw(rt, "from").Node
		res, err := env.Engine().Rerun(rt.Context(), flow.RerunRequest{Execution: old, From: from})
		if err != nil {
			rt.Fatalf("from %s: %v\n%s", from, err, g.source())
		}
		shuffle(rt, env)
		env.WantStatus(res.ExecutionID, flow.Completed)
		if got := counted(rt, env, res.ExecutionID); !maps.Equal(got, want) {
			rt.Fatalf("from %s it ran\n%v, want\n%v\n%s", from, got, want, g.source())
		}
		for _, r := range env.Execution(res.ExecutionID).Nodes {
			if follows := g.follows(from)[r.Node]; r.Kept == follows {
				rt.Fatalf("from %s: node %s is kept %v, and follows %v\n%s", from, r.Node, r.Kept, follows, g.source())
			}
		}
	})
}

// follows tells which nodes a path from the node leads to, itself included: connections lead upwards only.
func (g graph) follows(from string) map[string]bool {
	found := map[string]bool{from: true}
	for range g.nodes {
		for _, e := range g.edges {
			if found[key(e.from)] {
				found[key(e.to)] = true
			}
		}
	}
	return found
}
