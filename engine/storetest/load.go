package storetest

import (
	"encoding/json"

	"prana/engine/flow"
)

var loadPromises = []promise{
	{"what does not exist is not found", func(w *world) {
		for _, id := range []string{flow.NewExecutionID(0), flow.NewExecutionID(1), "no id at all", ""} {
			_, err := w.Store.Load(w.Context(), id, flow.Want{All: true})
			w.wantErr(err, flow.ErrNotFound)
		}
	}},
	{"head, front and revision are always there", func(w *world) {
		c := birth(timeout(0))
		w.commit(c)
		x := w.load(c.Execution, flow.Want{})
		equal(w, "revision", x.Rev, c.Op)
		equal(w, "workflow", x.Workflow, "order")
		equal(w, "status", x.Status, flow.Running)
		equal(w, "whole", x.Whole, false)
	}},
	{"whose child it is, and that it has children to close", func(w *world) {
		parent := flow.Parent{Execution: flow.NewExecutionID(0), Step: flow.StepID{Node: 1, Run: 2}, Turn: 3, Mode: "async", Index: 4, Close: "terminate"}
		c := birth(func(c *flow.Change) { c.Head.Parent, c.Front.Closes = &parent, true })
		w.commit(c)
		x := w.load(c.Execution, flow.Want{})
		equal(w, "parent", *x.Parent, parent)
		equal(w, "closes", x.Closes, true)
		w.move(c.Execution, func(c *flow.Change) { c.Front.Closes = false })
		equal(w, "closes afterwards", w.load(c.Execution, flow.Want{}).Closes, false)
	}},
	{"only what is wanted is loaded", func(w *world) {
		x := w.load(rich(w), flow.Want{})
		equal(w, "number of steps, nodes and values", len(x.Steps)+len(x.Nodes)+len(x.Values), 0)
		equal(w, "number of claims and state", len(x.Claims)+len(x.State), 0)
		equal(w, "input and reply", string(x.Input)+string(x.Reply), "")
	}},
	{"a reply", func(w *world) {
		id := w.create(reply(`{"status":200}`))
		equal(w, "reply", string(w.load(id, flow.Want{Reply: true}).Reply), `{"status":200}`)
		equal(w, "reply of all", string(w.whole(id).Reply), `{"status":200}`)
		equal(w, "reply of none", string(w.load(w.create(), flow.Want{Reply: true}).Reply), "")
	}},
	{"steps without their inputs", func(w *world) {
		x := w.load(rich(w), flow.Want{Steps: []flow.StepID{{Node: 2}, {Node: 9}}})
		equal(w, "number of steps", len(x.Steps), 1)
		equal(w, "step", x.Steps[flow.StepID{Node: 2}].Status, flow.StepPending)
		equal(w, "number of values", len(x.Values), 0)
	}},
	{"steps with their inputs and what resumed them", func(w *world) {
		x := w.load(rich(w), flow.Want{Steps: []flow.StepID{{Node: 2}}, Inputs: true})
		wantValues(w, x, map[flow.Ref]string{"o1.001": `"second"`, "d2.000": `"resumed"`})
		equal(w, "input, which arrived too", string(x.Input), `{"n":1}`)
	}},
	{"nodes", func(w *world) {
		x := w.load(rich(w), flow.Want{Nodes: []int{1, 2, 9}})
		same(w, "nodes", x.Nodes, map[int]flow.NodeState{1: {Runs: 2, Last: 1}, 2: {Runs: 1, Last: -1}})
		equal(w, "number of values", len(x.Values), 0)
	}},
	{"the last output of nodes, and which run it is of", func(w *world) {
		x := w.load(rich(w), flow.Want{Outputs: []int{1, 2, 9}})
		wantValues(w, x, map[flow.Ref]string{"o1.001": `"second"`})
		equal(w, "last run", x.Nodes[1].Last, 1)
		equal(w, "number of steps", len(x.Steps), 0)
	}},
	{"the last record of nodes, and which run it is", func(w *world) {
		x := w.load(rich(w), flow.Want{Records: []int{1, 2, 9}})
		equal(w, "number of steps", len(x.Steps), 1)
		equal(w, "port", x.Steps[flow.StepID{Node: 1, Run: 1}].Port, "second")
		equal(w, "last run", x.Nodes[1].Last, 1)
		equal(w, "number of values", len(x.Values), 0)
	}},
	{"input and state", func(w *world) {
		x := w.load(rich(w), flow.Want{Input: true, State: true})
		equal(w, "input", string(x.Input), `{"n":1}`)
		equal(w, "state", string(x.State["k"]), `"v"`)
	}},
	{"all is everything", func(w *world) {
		id := rich(w)
		w.move(id, end(flow.Completed), func(c *flow.Change) {
			c.Result, c.Error = &flow.Value{Same: "o1.001"}, flow.Problemf("odd", "both")
		})
		x := w.whole(id)
		equal(w, "whole", x.Whole, true)
		equal(w, "number of steps", len(x.Steps), 3)
		equal(w, "number of nodes", len(x.Nodes), 2)
		wantValues(w, x, map[flow.Ref]string{"o1.000": `"first"`, "o1.001": `"second"`, "d2.000": `"resumed"`})
		equal(w, "result", string(x.Result), `"second"`)
		equal(w, "error", x.Error.Code, "odd")
		equal(w, "input", string(x.Input), `{"n":1}`)
		equal(w, "state", string(x.State["k"]), `"v"`)
	}},
	{"nothing is shared with the caller", func(w *world) {
		c := birth(steps(step(0, flow.StepCompleted)), value("o0.000", raw(`"kept"`)))
		w.commit(c)
		copy(c.Values["o0.000"].Raw, `"spoilt`)
		c.Steps[0].Port = "spoilt"
		x := w.whole(c.Execution)
		copy(x.Values["o0.000"], `"spoilt`)
		x.Steps[flow.StepID{}].Port = "spoilt"
		x = w.whole(c.Execution)
		equal(w, "value", string(x.Values["o0.000"]), `"kept"`)
		equal(w, "port", x.Steps[flow.StepID{}].Port, "")
	}},
}

// rich has something of everything: node 1 ran twice, node 2 was resumed and runs.
func rich(w *world) string {
	first, second, third := step(1, flow.StepCompleted), step(1, flow.StepCompleted), step(2, flow.StepPending)
	first.Port, second.Port, second.ID.Run = "first", "second", 1
	third.Inputs = []flow.Arrival{{Edge: 0, Port: "main", Ref: "i"}, {Edge: 1, Port: "b", Ref: "o1.001"}, {Edge: 2, Port: "c"}}
	return w.create(steps(first, second), run(third),
		value("o1.000", raw(`"first"`)), value("o1.001", raw(`"second"`)), value("d2.000", raw(`"resumed"`)),
		func(c *flow.Change) {
			c.Nodes = map[int]flow.NodeState{1: {Runs: 2, Last: 1}, 2: {Runs: 1, Last: -1}}
			c.State = map[string]json.RawMessage{"k": json.RawMessage(`"v"`)}
		})
}

// wantValues compares the values that were loaded; that of the input is x.Input, the empty one nothing.
func wantValues(w *world, x *flow.Execution, want map[flow.Ref]string) {
	w.Helper()
	got := map[flow.Ref]string{}
	for ref, v := range x.Values {
		if ref != "" && ref != flow.InputRef {
			got[ref] = string(v)
		}
	}
	same(w, "values", got, want)
}
