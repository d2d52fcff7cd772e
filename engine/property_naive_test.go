package engine_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"prana/engine/flow"
)

// naive interprets a chart by the letter of its description: values in lists, no
// tokens, no storage. What legitimately depends on the order in which things happen it
// is told, event by event; what happens then, and whether that may happen now, it says itself.
type naive struct {
	c      *chart
	back   map[int]bool  // connections that lead back
	rings  map[int][]int // the loops that these close
	bound  int           // completed steps
	root   *region
	live   []*activity // in the order in which they came to be
	all    map[string]*activity
	runs   []int
	rounds []int
	ready  []*activity // sequential: the last is next
	ends   map[int]*activity
	log    []string
	count  int
	broken string // the code of what ends everything
	over   bool
	status flow.Status
	code   string
	output any
}

// region is where branches meet: the whole execution, or what follows from one item.
type region struct {
	of     *activity // whose item it is; nil = the whole
	index  int
	rounds map[int]*round // of joins
	back   []arrival      // what came back to the node with the item
	came   bool           // what the part waited for
}

// round is what reached a join.
type round struct {
	arrived []arrival
	fired   bool
}

type arrival struct {
	edge  int
	port  string
	value any
}

// activity is one run of a node.
type activity struct {
	node, run int
	in        *region
	part      bool // it is a part that its node runs
	inputs    []arrival
	state     string // pending, asleep, open, completed, failed, cancelled
	turn      bool   // it may run
	woken     string // by what
	port      string
	out       any

	items, next, done, need, width int
	parts                          []*region // those under way
	results                        []any
	gathered                       bool // its parts are over
}

func interpret(c *chart, bound int) *naive {
	back, rings := c.backwards()
	n := &naive{c: c, back: back, rings: rings, bound: bound, root: &region{}, all: map[string]*activity{}, ends: map[int]*activity{}}
	n.runs, n.rounds = make([]int, len(c.nodes)), make([]int, len(c.nodes))
	n.add(0, n.root, arrival{-1, flow.PortMain, 1}).turn = true
	return n
}

// event is something that was seen to happen.
type event struct {
	what, step, port string
	by               string // who ended a wait
	of               string // the step with the item, when one leaves with it
}

func (e event) String() string { return e.what + " " + e.step + e.port }

// follow has happen what was seen, and says what of it could not be.
func (n *naive) follow(seen []event) error {
	for len(n.log) < len(seen) {
		at := len(n.log)
		e := seen[at]
		a := n.all[e.step]
		if a == nil {
			a = n.all[e.of]
		}
		if a == nil || !n.may(a) {
			return fmt.Errorf("after …%v nothing lets happen: %s (by %s)", last(n.log), e, e.by)
		}
		n.happen(a, e.by)
		for i, what := range n.log[at:] {
			if at+i >= len(seen) || seen[at+i].String() != what {
				return fmt.Errorf("after …%v comes\n%v, but it was\n%v", last(n.log[:at]), n.log[at:], seen[at:min(len(seen), len(n.log))])
			}
		}
	}
	return nil
}

func last(log []string) []string { return log[max(0, len(log)-12):] }

// may tells whether it is up to the activity to move.
func (n *naive) may(a *activity) bool {
	return !n.over && (a.state == "asleep" || a.state == "pending" && a.turn)
}

func (n *naive) happen(a *activity, by string) {
	if a.state == "asleep" {
		n.say("node_resumed", a)
		a.state, a.woken = "pending", by
		if by == flow.ByManual {
			n.came(a)
			n.cancel(a)
			n.settle()
			return
		}
	}
	n.run(a)
	n.settle()
}

func (n *naive) say(what string, a *activity) {
	n.log = append(n.log, event{what: what, step: a.name(), port: a.port}.String())
}

func (a *activity) name() string { return fmt.Sprintf("%s#%d", key(a.node), a.run) }

// run does what the node does.
func (n *naive) run(a *activity) {
	node := n.c.nodes[a.node]
	switch {
	case a.part:
		n.runPart(a)
	case a.gathered:
		n.complete(a, flow.PortMain, map[string]any{"by": "parts", "results": a.results[:a.next]})
	case node.kind == mixes:
		n.complete(a, flow.PortMain, digest(key(a.node), a.run, a.ports()))
	case node.kind == turns && a.run < node.first:
		n.complete(a, "left", a.ports()[flow.PortMain])
	case node.kind == turns:
		n.complete(a, "right", a.ports()[flow.PortMain])
	case node.kind == sleeps && a.woken == "", node.kind == waits && a.woken == "":
		n.sleep(a)
	case node.kind == sleeps:
		n.complete(a, flow.PortMain, map[string]any{"by": a.woken, "data": brought(a.woken)})
	case node.kind == waits:
		n.complete(a, flow.PortMain, brought(a.woken))
	case node.kind == fails && a.run < node.first:
		n.fail(a, map[string]any{"code": "action_error", "message": "it always fails", "node": key(a.node)})
	case node.kind == fails:
		n.complete(a, flow.PortMain, map[string]any{"attempt": 0})
	case node.kind == emits, node.kind == divides:
		n.open(a, node)
	default:
		n.complete(a, flow.PortMain, a.ports()[flow.PortMain])
	}
}

// brought is what the test resumes with; time brings nothing.
func brought(by string) any {
	if by == flow.ByManual {
		return "hi"
	}
	return nil
}

// ports gives what arrived by port; of several the newest.
func (a *activity) ports() map[string]any {
	in := map[string]any{}
	for _, v := range a.inputs {
		in[v.port] = v.value
	}
	return in
}

func (n *naive) sleep(a *activity) {
	a.state = "asleep"
	n.say("node_suspended", a)
}

// complete ends an activity well: what it leaves arrives wherever the port leads.
func (n *naive) complete(a *activity, port string, out any) {
	if n.count++; n.count > n.bound {
		n.end(a, "failed")
		n.say("node_failed", a)
		n.broken = "too_many_transitions"
		return
	}
	n.end(a, "completed")
	a.port, a.out = port, out
	n.say("node_completed", a)
	n.cancel(a)
	if a.part {
		return
	}
	leads := n.leave(a, false)
	if n.leave(a, true) || leads { // what ends a loop ends also what began beside it
		return
	}
	if a.in == n.root {
		n.ends[a.node] = a
	}
}

// leave brings what an activity left wherever that leads: to the end of a loop, or elsewhere.
func (n *naive) leave(a *activity, breaks bool) (leads bool) {
	before := len(n.ready)
	for i, e := range n.c.edges {
		if e.from == a.node && e.fromPort == a.port && breaks == (e.toPort == "break" && a.in.within(e.to)) {
			leads = true
			n.arrive(i, a.out, a.in)
		}
	}
	if !breaks {
		slices.Reverse(n.ready[before:]) // the first declared is next
	}
	return leads
}

// end takes an activity out of what lives.
func (n *naive) end(a *activity, state string) {
	gone := func(b *activity) bool { return a == b }
	a.state = state
	n.live, n.ready = slices.DeleteFunc(n.live, gone), slices.DeleteFunc(n.ready, gone)
}

// fail ends an activity badly, unless its node says otherwise.
func (n *naive) fail(a *activity, p map[string]any) {
	left := func(port, how string) any {
		return map[string]any{
			"code": "action_error", "message": fmt.Sprint("the node failed: ", p["message"]),
			"details": map[string]any{"error": p, "port": port, "on_error_behavior": how},
		}
	}
	switch on := n.c.nodes[a.node].onError; {
	case on == flow.Continue && !a.part:
		n.complete(a, flow.PortMain, left(flow.PortMain, "default_port"))
	case on == flow.ContinueErrorOutput && !a.part:
		n.complete(a, flow.PortError, left(flow.PortError, "error_port"))
	default:
		n.lose(a, p)
	}
}

// lose lets a failure reach what the activity belongs to.
func (n *naive) lose(a *activity, p map[string]any) {
	n.end(a, "failed")
	n.say("node_failed", a)
	of := a.in.of
	switch {
	case of == nil:
		n.stop(fmt.Sprint(p["code"]))
	case n.c.nodes[of.node].lenient:
		n.withdraw(a.in)
		n.partOver(a.in, map[string]any{"error": p})
	default:
		n.withdraw(of.parts...)
		of.parts = nil
		n.fail(of, p)
	}
}

// stop fails the execution.
func (n *naive) stop(code string) {
	for len(n.live) > 0 {
		n.end(n.live[0], "cancelled")
	}
	n.over, n.status, n.code = true, flow.Failed, code
}

// cancel withdraws what the node names, beside the activity.
func (n *naive) cancel(a *activity) {
	for _, m := range n.c.nodes[a.node].cancels {
		delete(a.in.rounds, m)
		for _, b := range slices.Clone(n.live) {
			if b.node == m && b.in == a.in && b != a {
				n.withdraw(b.parts...)
				n.end(b, "cancelled")
			}
		}
	}
}

// withdraw ends all that lives in the regions, and in the regions of that.
func (n *naive) withdraw(regions ...*region) {
	for _, r := range regions {
		for _, a := range slices.Clone(n.live) {
			if a.in == r {
				n.withdraw(a.parts...)
				n.end(a, "cancelled")
			}
		}
		r.rounds = nil
	}
}

// add makes the next run of a node.
func (n *naive) add(node int, in *region, arrived ...arrival) *activity {
	a := &activity{node: node, run: n.runs[node], in: in, inputs: arrived, state: "pending", turn: n.c.mode == flow.Parallel}
	n.runs[node]++
	n.live = append(n.live, a)
	n.all[a.name()] = a
	return a
}

// finish finds what the execution leaves.
func (n *naive) finish() {
	n.over, n.status = true, flow.Completed
	all := map[string]any{}
	for m, a := range n.ends {
		all[key(m)], n.output = a.out, a.out
	}
	if len(all) != 1 {
		n.output = all
	}
}

func digest(node string, run int, inputs map[string]any) string {
	sum := sha256.Sum256([]byte(text([]any{node, run, inputs})))
	return hex.EncodeToString(sum[:4])
}

func text(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}
