package engine

import (
	"encoding/json"
	"time"

	"prana/engine/flow"
)

// Fact is something that happened to an execution, from which advance decides
// what follows. Facts carry what nodes and the world gave; they never touch either.
type Fact interface {
	// wants says what must be loaded before the fact can be judged.
	wants(c *compiled) flow.Want
	// apply judges the fact. An error means that it counts for nothing.
	apply(t *transition) error
	// done tells whether the fact was stored by one of the operations.
	done(x *flow.Execution, ops []string) bool
}

// stepEnded: an attempt of a step came to something.
type stepEnded struct {
	step  flow.StepID
	token string
	// woke is how its wait ended, when time alone ended it (flow.ByTimer, flow.ByTimeout); empty = it was pending.
	woke string
	// place is the concurrency key of which the step asked for a place in this attempt; empty = none.
	place string
	out   outcome
	err   *flow.Problem
	// retryable: the failure came from invoking the action on its first turn.
	retryable bool
	random    float64 // in [0,1), for jitter
	ran       time.Duration
	span      map[string]string
}

// outcome is a node.Outcome in stored form.
type outcome struct {
	port     string
	value    flow.Value
	timeout  bool
	state    map[string]json.RawMessage
	context  map[string]any
	reply    json.RawMessage
	wait     *flow.Wait
	goesOn   bool // it is the wait that time interrupted
	emits    []emission
	fan      *fan
	children []string
	closes   bool // some of the children are to be closed when the execution ends, though nobody waits for them
}

// waitEnded: something outside ended a wait.
type waitEnded struct {
	wait  flow.SuspensionID
	by    string
	actor string      // who did it
	event string      // id of the event, when by is flow.ByEvent
	kept  *flow.Event // the event, if it gave the wait a place and does not know yet that it took it
	data  json.RawMessage
	err   *flow.Problem
}

// childSlept: the child that a step waits for suspended.
type childSlept struct{ wait flow.SuspensionID }

// ended: the whole execution is cancelled or terminated, or its time ran out.
type ended struct {
	status flow.Status
	reason string
	err    *flow.Problem
	hard   bool // at once: nothing is undone
}

// redispatched: the task of a step is gone, or its worker died.
type redispatched struct {
	step  flow.StepID
	token string
	dead  bool // a worker died running it
}

// retried: somebody lets an execution live again that failed or is in quarantine. The name makes it count once.
type retried struct {
	name  string
	alone bool // nobody was told of the failure
}

func (f stepEnded) wants(c *compiled) flow.Want {
	w := flow.Want{Steps: []flow.StepID{f.step}}
	return w.And(c.after(f.step.Node))
}

func (f waitEnded) wants(*compiled) flow.Want { return flow.Want{Steps: []flow.StepID{f.wait.Step}} }

func (f childSlept) wants(*compiled) flow.Want   { return flow.Want{Steps: []flow.StepID{f.wait.Step}} }
func (f redispatched) wants(*compiled) flow.Want { return flow.Want{Steps: []flow.StepID{f.step}} }
func (ended) wants(*compiled) flow.Want          { return flow.Want{All: true} }
func (retried) wants(*compiled) flow.Want        { return flow.Want{All: true} }

// after says what may change when a step of the node ends: the node itself with its context, those its connections lead
// to, the same of every node whose items it works on, every join, since one may fire once the step is gone, and every node
// that undoes another, since its end may be that of the execution.
func (c *compiled) after(n int) flow.Want {
	w := flow.Want{Nodes: c.around(n), Values: []flow.Ref{flow.ContextRef(n)}}
	for _, f := range c.Nodes[n].Within { // its item may be the last, or the next may begin
		w.Nodes = append(w.Nodes, c.around(f)...)
	}
	for i, node := range c.Nodes {
		if !node.Join.IsZero() {
			w.Nodes = append(w.Nodes, i)
		}
		if node.Undo != nil {
			w.Nodes = append(w.Nodes, *node.Undo)
		}
	}
	return w
}

// around gives a node and those its connections lead to.
func (c *compiled) around(n int) []int {
	all := []int{n}
	for _, edges := range c.Nodes[n].Out {
		for _, e := range edges {
			all = append(all, c.Edges[e].To)
		}
	}
	return all
}
