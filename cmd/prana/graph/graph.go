// Package graph draws workflows: as text for terminals, and in the languages of Mermaid and Graphviz.
package graph

import (
	"prana/engine/flow"
)

// Graph is a workflow as a drawing sees it; its JSON is what `prana graph -o json` prints.
type Graph struct {
	Workflow string `json:"workflow"`
	Name     string `json:"name,omitempty"`
	Nodes    []Node `json:"nodes"`
	Edges    []Edge `json:"edges"`
}

// Node is one box.
type Node struct {
	Key  string `json:"key"`
	Type string `json:"type"`
	Name string `json:"name,omitempty"`
	// Begins tells that nothing leads here.
	Begins bool `json:"begins,omitempty"`
	// Layer is the number of steps from the beginning on the longest way without going back.
	Layer int `json:"layer"`
}

// Edge is one arrow.
type Edge struct {
	From     string `json:"from"`
	FromPort string `json:"from_port"`
	To       string `json:"to"`
	ToPort   string `json:"to_port"`
	// Back tells that it closes a loop.
	Back bool `json:"back,omitempty"`

	from, to int
}

// Of makes the graph of a workflow. Connections of nodes that do not exist are left out.
func Of(w *flow.Workflow) *Graph {
	g := &Graph{Workflow: w.ID, Name: w.Name, Nodes: []Node{}, Edges: []Edge{}}
	index := make(map[string]int, len(w.Nodes))
	for i, n := range w.Nodes {
		g.Nodes = append(g.Nodes, Node{Key: n.Key, Type: n.Type, Name: n.Name, Begins: true})
		index[n.Key] = i
	}
	for _, c := range w.Connections {
		from, ok1 := index[c.From]
		to, ok2 := index[c.To]
		if ok1 && ok2 {
			g.Edges = append(g.Edges, Edge{From: c.From, FromPort: orMain(c.FromPort), To: c.To, ToPort: orMain(c.ToPort), from: from, to: to})
			g.Nodes[to].Begins = false
		}
	}
	g.backEdges()
	g.layers()
	return g
}

func orMain(port string) string {
	if port == "" {
		return flow.PortMain
	}
	return port
}

// label is the text at an end of an edge; everybody knows main.
func label(port string) string {
	if port == flow.PortMain {
		return ""
	}
	return port
}

// backEdges marks the edges that lead to a node that is on the way to them, beginning at the nodes that nothing leads to.
func (g *Graph) backEdges() {
	out := make([][]int, len(g.Nodes))
	for i, e := range g.Edges {
		out[e.from] = append(out[e.from], i)
	}
	const entered, left = 1, 2
	state := make([]int, len(g.Nodes))
	var visit func(n int)
	visit = func(n int) {
		state[n] = entered
		for _, i := range out[n] {
			switch e := &g.Edges[i]; state[e.to] {
			case entered:
				e.Back = true
			case 0:
				visit(e.to)
			}
		}
		state[n] = left
	}
	for _, begins := range []bool{true, false} {
		for i, n := range g.Nodes {
			if n.Begins == begins && state[i] == 0 {
				visit(i)
			}
		}
	}
}

// layers puts each node below all that lead to it. Without the back edges there are no cycles, so it ends.
func (g *Graph) layers() {
	for moved := true; moved; {
		moved = false
		for _, e := range g.Edges {
			if !e.Back && g.Nodes[e.to].Layer <= g.Nodes[e.from].Layer {
				g.Nodes[e.to].Layer = g.Nodes[e.from].Layer + 1
				moved = true
			}
		}
	}
}
