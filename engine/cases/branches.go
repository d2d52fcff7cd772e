package cases

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"prana/engine/flow"
	"prana/engine/plan"
)

// Coverage tells which branches of a workflow cases took.
type Coverage struct {
	File     string   `json:"file"`
	Workflow string   `json:"workflow"`
	Branches int      `json:"branches"`
	Taken    int      `json:"taken"`
	Missing  []Branch `json:"missing"` // in the order of the file
}

// Branch is a way on from a node.
type Branch struct {
	Node string   `json:"node"`
	Port string   `json:"port,omitempty"` // empty: nothing leads to the node, and the branch is the node itself
	To   []string `json:"to"`             // nodes; none = what leaves by the port ends there
	Line int      `json:"line"`
}

// String gives "node.port -> target".
func (b Branch) String() string {
	switch {
	case b.Port == "":
		return b.Node
	case len(b.To) == 0:
		return b.Node + "." + b.Port
	}
	return b.Node + "." + b.Port + " -> " + strings.Join(b.To, ", ")
}

// branch is the key under which a branch is counted.
func branch(workflow, node, port string) string { return workflow + "\x00" + node + "\x00" + port }

// Tally adds up what cases took. The zero value is empty.
type Tally struct {
	workflows map[string]*workflow // by file
	taken     map[string]map[string]bool
}

// Add counts the cases of a suite.
func (t *Tally) Add(s *Suite, results []Result) {
	if t.workflows == nil {
		t.workflows, t.taken = map[string]*workflow{}, map[string]map[string]bool{}
	}
	for _, w := range s.workflows {
		file := filepath.Clean(w.file)
		if t.workflows[file] == nil {
			t.workflows[file], t.taken[file] = w, map[string]bool{}
		}
		for _, r := range results {
			maps.Copy(t.taken[file], r.taken)
		}
	}
}

// Coverage tells of each workflow what was counted.
func (t *Tally) Coverage() []Coverage {
	all := []Coverage{}
	for _, file := range sortedKeys(t.workflows) {
		w := t.workflows[file]
		c := Coverage{File: file, Workflow: w.definition.ID, Missing: []Branch{}}
		for _, b := range w.branches() {
			c.Branches++
			if t.taken[file][branch(c.Workflow, b.Node, b.Port)] {
				c.Taken++
			} else {
				c.Missing = append(c.Missing, b)
			}
		}
		slices.SortStableFunc(c.Missing, func(a, b Branch) int { return cmp.Compare(a.Line, b.Line) })
		all = append(all, c)
	}
	return all
}

// branches are the connected ports of all nodes, those ports of a choice that end there, and the nodes to which nothing leads.
func (w *workflow) branches() []Branch {
	var all []Branch
	for i, n := range w.plan.Nodes {
		if len(n.In) == 0 && i != w.plan.Start {
			all = append(all, Branch{Node: n.Key, To: []string{}, Line: w.line(plan.At("nodes", i))})
		}
		for _, port := range w.ports(n) {
			b := Branch{Node: n.Key, Port: port, To: []string{}, Line: w.line(plan.At("nodes", i))}
			for _, e := range n.Out[port] {
				b.To = append(b.To, w.plan.Nodes[w.plan.Edges[e].To].Key)
				b.Line = w.line(plan.At("connections", w.plan.Edges[n.Out[port][0]].Index))
			}
			all = append(all, b)
		}
	}
	return all
}

func (w *workflow) line(path string) int {
	line, _ := w.source.Position(path)
	return line
}

// ports are those by which a node may leave in a way that somebody thought of. A timeout that leads nowhere is an error, and
// what a node sends on while it lives is not looked for where it leads nowhere.
func (w *workflow) ports(n *plan.Node) []string {
	ports := sortedKeys(n.Out)
	if len(ports) == 0 {
		return nil
	}
	unsaid := append([]string{"*", flow.PortError, flow.PortTimeout, n.Type.Body}, n.Type.Emits...)
	for _, port := range n.Type.OutputPorts(w.definition.Nodes[n.Index].Params) {
		if !slices.Contains(ports, port) && !slices.Contains(unsaid, port) {
			ports = append(ports, port)
		}
	}
	return ports
}
