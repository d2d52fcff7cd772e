package enginetest

import (
	"reflect"
	"slices"
	"strings"

	"prana/engine/flow"
)

// Execution tells everything about an execution.
func (e *Env) Execution(id string) *flow.View {
	e.t.Helper()
	v, err := e.Engine().Describe(e.t.Context(), id)
	e.must(err)
	return v
}

// Notices gives what middleware was told: of the executions, or of all.
func (e *Env) Notices(executions ...string) []flow.Notice { return e.sim.Notices(executions...) }

// Path lists the runs of nodes in the order in which they ended, then those that did not. Each is the node's key, with "#1" for
// its second run and so on, and ".port" unless it left by port main. One that did not leave has "!" and its status.
func (e *Env) Path(id string) []string {
	e.t.Helper()
	return e.sim.Path(e.Execution(id))
}

// NodeRun gives one run of a node.
func (e *Env) NodeRun(id, node string, run int) flow.NodeRun {
	e.t.Helper()
	for _, r := range e.Execution(id).Nodes {
		if r.Node == node && r.RunIndex == run {
			return r
		}
	}
	e.t.Fatalf("node %s of execution %s has no run %d; there are %v", node, id, run, e.Path(id))
	return flow.NodeRun{}
}

// Runs counts the runs of a node.
func (e *Env) Runs(id, node string) int {
	e.t.Helper()
	n := 0
	for _, r := range e.Execution(id).Nodes {
		if r.Node == node {
			n++
		}
	}
	return n
}

// Children lists the executions that an execution started, in order.
func (e *Env) Children(id string) []string {
	e.t.Helper()
	var ids []string
	for _, c := range e.Execution(id).Children {
		ids = append(ids, c.ChildID)
	}
	return ids
}

// WantStatus says where the execution must stand.
func (e *Env) WantStatus(id string, want flow.Status) {
	e.t.Helper()
	if v := e.Execution(id); v.Status != want {
		e.t.Errorf("the execution is %s, want %s (path %v, error %v)", v.Status, want, e.Path(id), v.Error)
	}
}

// WantPath says which way it must have taken; see Path.
func (e *Env) WantPath(id string, want ...string) {
	e.t.Helper()
	if got := e.Path(id); !slices.Equal(got, want) {
		e.t.Errorf("the path is\n  %s, want\n  %s", strings.Join(got, " "), strings.Join(want, " "))
	}
}

// WantOutput says what the execution must have left. Both sides are compared as JSON.
func (e *Env) WantOutput(id string, want any) {
	e.t.Helper()
	if v := e.Execution(id); !e.same(v.Output, want) {
		e.t.Errorf("the output is %s, want %s (the execution is %s, error %v)", v.Output, e.encode(want), v.Status, v.Error)
	}
}

// WantError says with which code the execution must have ended.
func (e *Env) WantError(id, code string) {
	e.t.Helper()
	v := e.Execution(id)
	if v.Error == nil || v.Error.Code != code {
		e.t.Errorf("the error is %v, want code %s (the execution is %s)", v.Error, code, v.Status)
	}
}

// same compares a stored value with one of the test.
func (e *Env) same(raw []byte, want any) bool {
	e.t.Helper()
	got, err := flow.Decode(raw)
	if err != nil {
		return false
	}
	other, err := flow.Decode(e.encode(want))
	return err == nil && reflect.DeepEqual(got, other)
}
