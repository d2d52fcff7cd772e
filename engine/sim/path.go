package sim

import (
	"fmt"
	"math"
	"slices"

	"prana/engine/flow"
)

// Notices gives what middleware was told: of the executions, or of all.
func (s *Simulation) Notices(executions ...string) []flow.Notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []flow.Notice
	for _, n := range s.notices {
		if len(executions) == 0 || slices.Contains(executions, n.Execution) {
			all = append(all, n)
		}
	}
	return all
}

// Path lists the runs of nodes of an execution by their names ([RunName]), in the order in which they ended, then those that
// did not end.
func (s *Simulation) Path(v *flow.View) []string {
	ends := s.ends(v.ID)
	runs := slices.Clone(v.Nodes)
	slices.SortStableFunc(runs, func(a, b flow.NodeRun) int { return ends.of(a) - ends.of(b) })
	return RunNames(runs)
}

// RunNames names runs of nodes, in their order.
func RunNames(runs []flow.NodeRun) []string {
	names := make([]string, len(runs))
	for i, r := range runs {
		names[i] = RunName(r)
	}
	return names
}

// RunName names a run of a node: its key, with "#1" for its second run and so on, and ".port" unless it left by port main. One
// that did not leave has "!" and its status instead. Such as "ask#1.timeout".
func RunName(r flow.NodeRun) string {
	name := r.Node
	if r.RunIndex > 0 {
		name += fmt.Sprintf("#%d", r.RunIndex)
	}
	switch {
	case r.Status != flow.StepCompleted:
		name += "!" + string(r.Status)
	case r.Port != flow.PortMain:
		name += "." + r.Port
	}
	return name
}

// order says by which record a run of a node ended.
type order map[string]int

func key(node string, run int) string { return fmt.Sprintf("%s#%d", node, run) }

func (o order) of(r flow.NodeRun) int {
	if n, ok := o[key(r.Node, r.RunIndex)]; ok {
		return n
	}
	return math.MaxInt32
}

func (s *Simulation) ends(id string) order {
	o := order{}
	for _, n := range s.Notices(id) {
		if n.Name == flow.NodeCompleted || n.Name == flow.NodeFailed {
			o[key(n.Node, n.Run)] = int(n.Seq)
		}
	}
	return o
}
