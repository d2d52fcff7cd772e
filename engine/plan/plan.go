// Package plan turns a workflow into what the engine runs: an indexed graph
// with joins and loops, compiled parameters, and every diagnostic about it.
package plan

import (
	"slices"
	"time"

	"prana/engine/eval"
	"prana/engine/flow"
	"prana/engine/node"
)

// Plan is a compiled workflow. It is immutable and safe for concurrent use.
type Plan struct {
	Workflow *flow.Workflow
	Version  string
	Nodes    []*Node // in the order of the definition
	Edges    []Edge  // in the order of the connections
	Start    int     // index of the trigger
	// Output computes the result of an execution; nil = what its last node left.
	Output      *eval.Program
	OutputNeeds Needs
	// Section bounds how many executions run at a time; nil = nothing does.
	Section *Section

	keys    map[string]int
	loops   [][]int     // members of the outermost loops
	reaches map[int]set // by edge into a join
	input   *dataSchema
}

// Edge is a connection between indexed nodes.
type Edge struct {
	Index, From, To  int
	FromPort, ToPort string
	// Back tells that it closes a loop: it leads to the node by which the loop is entered.
	Back bool
}

// Loop is a node's place among loops.
type Loop struct {
	Level int      // how many loops the node is in
	Role  string   // in the innermost: start_loop, in_loop, end_loop; not_in_loop
	IDs   []string // of the loops, outermost first
}

// The roles of a node in a loop.
const (
	LoopStart  = "start_loop"
	LoopMember = "in_loop"
	LoopEnd    = "end_loop"
	LoopNone   = "not_in_loop"
)

// Node is a node with everything that a step of it needs.
type Node struct {
	Index    int
	Key      string
	Type     node.Type
	Settings flow.Settings
	Timeout  time.Duration    // of one attempt
	Out      map[string][]int // port -> edges, in the order of declaration
	In       []int            // edges
	// Join is how many arrivals a run waits for; zero = every arrival runs the node.
	Join  flow.Join
	Needs Needs
	Loop  Loop
	// Cancels are the nodes whose live steps go when this one is done; Undo is the node that undoes it, nil = none.
	Cancels []int
	Undo    *int
	// Within are the nodes that emit items into a body that this node is part of, itself excluded.
	Within []int
	// Section bounds how many steps run at a time; nil = nothing does.
	Section *Section

	fields []field
	brings *dataSchema // of what may be brought to its waits; nil = anything
	// lazies are the lazy parameters, by their path: those inside of others are evaluated by it.
	lazies map[string]lazy
}

// Needs names what must be loaded before a step can run: everything that one
// of its expressions reads.
type Needs struct {
	Any     bool  // something is read at all, be it named below or not
	Outputs []int // nodes whose output is named
	Records []int // nodes whose error, port or context is named
	// Input is what arrived at the step; Trigger the input of the execution.
	Input, Vars, State, Trigger, Loop bool
	Secrets                           []string
	Env                               []string
	// ResumeURL: the step names its own; ResumeURLs are the nodes whose URLs it names.
	ResumeURL  bool
	ResumeURLs []int
}

// Options is what compiling depends on beside the workflow and the registry.
type Options struct {
	EnvAllow []string // names that $env may read
	Limits   Limits
}

// Limits bound a definition. Zero fields mean the defaults.
type Limits struct {
	Nodes       int // 500
	Connections int // 2,000
	Bytes       int // of the canonical JSON; 256 KiB
	Depth       int // of nested values; 64
}

// The default limits.
const (
	MaxNodes       = 500
	MaxConnections = 2000
	MaxBytes       = 256 << 10
	MaxDepth       = 64
)

func (l Limits) withDefaults() Limits {
	for _, p := range []struct {
		limit *int
		value int
	}{{&l.Nodes, MaxNodes}, {&l.Connections, MaxConnections}, {&l.Bytes, MaxBytes}, {&l.Depth, MaxDepth}} {
		if *p.limit <= 0 {
			*p.limit = p.value
		}
	}
	return l
}

// Node gives the node of that key.
func (p *Plan) Node(key string) (*Node, bool) {
	i, ok := p.keys[key]
	if !ok {
		return nil, false
	}
	return p.Nodes[i], true
}

// Following gives the nodes that a path from the node leads to, and the node itself, in the order of the definition.
func (p *Plan) Following(node int) []int {
	found := p.reachable(node)
	var all []int
	for n := range p.Nodes {
		if found.has(n) {
			all = append(all, n)
		}
	}
	return all
}

// InLoop tells whether a path leads from the node back to itself.
func (p *Plan) InLoop(node int) bool { return p.Nodes[node].Loop.Level > 0 }

// Reaches tells whether a live step at node from can still bring an arrival
// over the edge, in the same round of the join that the edge leads to: whether a path leads from it to the edge's source without
// passing through the edge's target, or going round a loop that the join is part of. A path may begin at the target itself: a
// step that runs there can come round again. Where an item is worked on, no path
// leads through the nodes that emitted it: what comes back to them ends there.
func (p *Plan) Reaches(edge, from int, emitters ...int) bool {
	s, ok := p.reaches[edge]
	if !ok {
		s = p.reaching(p.Edges[edge], p.inRound(edge))
	}
	if len(emitters) == 0 || !s.has(from) {
		return s.has(from)
	}
	return p.reaching(p.Edges[edge], p.inRound(edge), emitters...).has(from)
}

// Lags is Reaches for a round of the join that fired already: what closes a loop that the join is part of begins the next round.
func (p *Plan) Lags(edge, from int, emitters ...int) bool {
	return p.sameRound(edge, p.Nodes[p.Edges[edge].To]) && p.Reaches(edge, from, emitters...)
}

// HasBody tells whether the items of the node lead to any other node.
func (p *Plan) HasBody(node int) bool {
	n := p.Nodes[node]
	return slices.ContainsFunc(n.Out[n.Type.Body], func(e int) bool { return p.Edges[e].To != node })
}
