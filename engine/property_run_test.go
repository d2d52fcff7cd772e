package engine_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"prana/engine/flow"
)

// maxCompleted bounds the steps of random executions.
const maxCompleted = 60

// TestChartsRunAsTheyRead runs random workflows in random order, and has a naive interpreter follow.
func TestChartsRunAsTheyRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := drawChart(rt)
		d := newDriver(rt, c.source(), maxCompleted)
		d.check(c, d.toEnd())
	})
}

// check compares an execution that ended with what the interpreter says.
func (d *driver) check(c *chart, v *flow.View) {
	n := interpret(c, maxCompleted)
	if err := n.follow(d.witness.seen); err != nil {
		d.rt.Fatalf("%v\n%s", err, c.source())
	}
	code := ""
	if v.Error != nil {
		code = v.Error.Code
	}
	if v.Status != n.status || code != n.code {
		d.rt.Fatalf("it is %s (%s), want %s (%s)\n%v\n%s", v.Status, code, n.status, n.code, n.log, c.source())
	}
	if n.status == flow.Completed && normal(v.Output) != text(n.output) {
		d.rt.Fatalf("it left %s, want %s\n%s", v.Output, text(n.output), c.source())
	}
	if got, want := ranOf(v), n.ran(); !slices.Equal(got, want) {
		d.rt.Fatalf("what ran is\n%s\nwant\n%s\n%v\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), n.log, c.source())
	}
	d.checkAtRest(v)
}

// ranOf lists all runs of nodes with what went in and out.
func ranOf(v *flow.View) (all []string) {
	for _, r := range v.Nodes {
		out := ""
		if r.Status == flow.StepCompleted {
			out = normal(r.Output)
		}
		all = append(all, fmt.Sprintf("%s#%d %s %s %s -> %s", r.Node, r.RunIndex, r.Status, r.Port, text(r.Input), out))
	}
	slices.Sort(all)
	return all
}

func (n *naive) ran() (all []string) {
	for _, a := range n.all {
		out := ""
		if a.state == "completed" {
			out = text(a.out)
		}
		all = append(all, fmt.Sprintf("%s %s %s %s -> %s", a.name(), a.state, a.port, text(a.ports()), out))
	}
	slices.Sort(all)
	return all
}

// normal writes JSON in the one way of text.
func normal(raw json.RawMessage) string {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return err.Error()
	}
	return text(v)
}

// checkAtRest makes sure that nothing is left of what could move a terminal execution.
func (d *driver) checkAtRest(v *flow.View) {
	x, err := d.env.Store().Load(d.rt.Context(), d.id, flow.Want{All: true})
	if err != nil {
		d.rt.Fatal(err)
	}
	for id, s := range x.Steps {
		if s.Status.Live() || s.Wait != nil {
			d.rt.Errorf("step %s is %s", stepName(id), s.Status)
		}
	}
	if len(x.Live) > 0 || v.Status == flow.Completed && (len(x.Joins) > 0 || len(x.Fans) > 0 || len(x.Ready) > 0) {
		d.rt.Errorf("its front is not empty: %+v", x.Front)
	}
	for n, st := range x.Nodes {
		for run := range st.Runs {
			if x.Steps[flow.StepID{Node: n, Run: run}] == nil {
				d.rt.Errorf("%s has no run %d of %d", key(n), run, st.Runs)
			}
		}
	}
	waits, err := d.env.Store().Suspensions(d.rt.Context(), flow.SuspensionFilter{})
	if err != nil || len(waits.Items) > 0 {
		d.rt.Errorf("waits are open: %v, %v", waits.Items, err)
	}
	if found, next := d.env.Sweep(); found || next >= 0 {
		d.rt.Errorf("something is still due (%t), next in %s", found, next)
	}
	if alarms := d.env.Store().Alarms(0); len(alarms) > 0 {
		d.rt.Errorf("alarms are set: %v", alarms)
	}
}
