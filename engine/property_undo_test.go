package engine_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"prana/engine/flow"
)

// TestUndoneInReverse: whatever ends a random workflow before its time, what completed is undone, the last first, once
// each, and with what it left; and what cannot be undone is told.
func TestUndoneInReverse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := drawChart(rt)
		c.drawUndo(rt)
		d := newDriver(rt, c.source(), maxCompleted)
		for range rapid.SampledFrom([]int{5, 10, 20, 40}).Draw(rt, "moves") {
			if !d.env.Execution(d.id).Status.Terminal() {
				d.move()
			}
		}
		err := d.engine().Cancel(rt.Context(), flow.CancelRequest{Execution: d.id})
		v := d.toEnd()
		if err == nil && v.Status != flow.Cancelled {
			rt.Fatalf("it was cancelled and is %s", v.Status)
		}
		want := c.toUndo(v, d.witness.seen)
		if v.Status == flow.Completed {
			want = nil
		}
		if got := c.undone(v, d.witness.seen); !slices.Equal(got, want) {
			rt.Fatalf("undone is\n%v, want\n%v\n%v\n%s", got, want, d.witness.seen, c.source())
		}
		failed := slices.DeleteFunc(slices.Clone(v.Nodes), func(r flow.NodeRun) bool { return !c.undoes(r) || r.Status != flow.StepFailed })
		if told := notUndone(v); told != len(failed) {
			rt.Fatalf("%d are told as not undone, want %d: %v", told, len(failed), v.Error)
		}
		d.checkAtRest(v)
	})
}

// drawUndo lets some nodes be undone; of those with parts of their own nothing is said.
func (c *chart) drawUndo(t *rapid.T) {
	for i := range c.nodes {
		if c.nodes[i].kind != divides && rapid.Bool().Draw(t, "undo") {
			c.nodes[i].undo = len(c.nodes) + len(c.undo)
			c.undo = append(c.undo, rapid.SampledFrom([]kind{mixes, mixes, sleeps, fails}).Draw(t, "by"))
		}
	}
}

// toUndo lists what completed and can be undone, the last first, by the node that undoes it and the value that it left.
func (c *chart) toUndo(v *flow.View, seen []event) (all []string) {
	for _, e := range slices.Backward(seen) {
		r := runOf(v, e.step)
		for i, n := range c.nodes {
			item := e.of != "" // it only leaves with one
			if e.what == flow.NodeCompleted && n.undo > 0 && key(i) == r.Node && !item {
				all = append(all, fmt.Sprintf("%s with %s", key(n.undo), normal(r.Output)))
			}
		}
	}
	return all
}

// undone lists what undid something, in order.
func (c *chart) undone(v *flow.View, seen []event) (all []string) {
	for _, e := range seen {
		r := runOf(v, e.step)
		if c.undoes(r) && (e.what == flow.NodeCompleted || e.what == flow.NodeFailed) {
			all = append(all, fmt.Sprintf("%s with %s", r.Node, normal(r.Input[flow.PortMain])))
		}
	}
	return all
}

// undoes tells whether a run is of a node that undoes another.
func (c *chart) undoes(r flow.NodeRun) bool {
	for i := range c.undo {
		if r.Node == key(len(c.nodes)+i) {
			return true
		}
	}
	return false
}

func runOf(v *flow.View, step string) flow.NodeRun {
	i := slices.IndexFunc(v.Nodes, func(r flow.NodeRun) bool { return fmt.Sprintf("%s#%d", r.Node, r.RunIndex) == step })
	if i < 0 {
		return flow.NodeRun{}
	}
	return v.Nodes[i]
}

func notUndone(v *flow.View) int {
	if v.Error == nil {
		return 0
	}
	all, _ := v.Error.Details["not_undone"].([]any)
	return len(all)
}
