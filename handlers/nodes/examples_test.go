package nodes

import (
	"testing"

	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
)

// Every example is a node that a definition can hold.
func TestExamplesCompile(t *testing.T) {
	t.Parallel()
	reg := node.NewRegistry(Builtin(Options{})...)
	for _, name := range reg.Names() {
		typ, _ := reg.Lookup(name)
		for _, e := range typ.Examples {
			w := &flow.Workflow{ID: "example", Nodes: []flow.Node{{Key: "n", Type: name, Params: e.Params}}}
			if !typ.Trigger {
				w.Nodes = append(w.Nodes, flow.Node{Key: "start", Type: "manual.trigger"})
				w.Connections = []flow.Connection{{From: "start", To: "n", ToPort: typ.InputPorts()[0]}}
			}
			if w.Connections != nil && w.Connections[0].ToPort == "*" {
				w.Connections[0].ToPort = flow.PortMain
			}
			if _, found := plan.Compile(w, reg, plan.Options{}); plan.HasErrors(found) {
				t.Errorf("%s, example %q: %v", name, e.Title, found)
			}
		}
	}
}
