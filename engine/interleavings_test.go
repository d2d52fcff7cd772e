package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/interleavetest"
	"prana/engine/node"
)

// What may meet at one wait. Each is an operation of a process of its own.
const (
	subscribe = "subscribe" // a worker runs the step that waits; without it the wait stands before
	publishE1 = "publish e1"
	againE1   = "publish e1 again" // another publisher of the same event
	publishE2 = "publish e2"
	timeout   = "timeout" // the time comes, the sweeper looks, and a worker takes what there is
	sweeps    = "sweep"   // the same later than every lease
	byHand    = "resume"
	byURL     = "resume by URL"
	cancel    = "cancel"
)

const (
	shortWait = time.Second     // stands in the due index with its own end
	longWait  = 6 * time.Second // stands there with its look for kept events first
)

// meeting is a set of operations, and who may win.
type meeting struct {
	ops     []string
	wait    time.Duration
	winners []string
	calm    bool // it is disturbed only with -all-orders
}

func (m meeting) String() string { return fmt.Sprintf("%s (%s)", strings.Join(m.ops, ", "), m.wait) }

const waitsForIt = `
id: waits
nodes:
  - {key: start, type: test.start}
  - {key: w, type: test.wait, params: {timeout_ms: %d}}
  - {key: end, type: test.echo}
connections: [start -> w, w -> end, w.timeout -> end]
`

// waitsByURL has its URL told first.
const waitsByURL = `
id: waits
nodes:
  - {key: start, type: test.start}
  - {key: w, type: test.wait, params: {timeout_ms: %d}}
  - {key: end, type: test.echo}
  - {key: mail, type: test.echo, params: {value: "{{ $execution.resume_urls.w }}"}}
connections: [start -> mail, mail -> w, w -> end, w.timeout -> end]
`

const waitsLater = `
id: later
nodes: [{key: start, type: test.start}, {key: w, type: test.wait}]
connections: [start -> w]
`

// scene is one execution with everything that meets at its wait.
type scene struct {
	*testing.T
	meeting
	env   *enginetest.Env
	order *interleavetest.Schedule
	id    string
	wait  flow.SuspensionID
	token string         // of its URL
	task  *flow.Dispatch // of the step that is to wait

	disturbed bool // somebody dies or loses a reply

	mu    sync.Mutex
	heard map[string]heard
	calls []string // how the turns of w were woken, as the node saw it
}

// heard is what an operation was answered.
type heard struct {
	result flow.PublishResult
	err    error
}

func (m meeting) scene(t *testing.T, order *interleavetest.Schedule) *scene {
	sc := &scene{T: t, meeting: m, order: order, heard: map[string]heard{}}
	sc.env = enginetest.Open(quiet{t}, enginetest.Options{Types: sc.watched(types()), Store: func(real engine.Store) engine.Store {
		return &interleavetest.Store{Store: real, Around: order.Around}
	}})
	source := waitsForIt
	if slices.Contains(m.ops, byURL) {
		source = waitsByURL
	}
	sc.env.Deploy(fmt.Sprintf(source, m.wait.Milliseconds()))
	sc.id = sc.env.Start("waits", nil)
	sc.env.Step()
	if source == waitsByURL {
		sc.env.Step()
		sc.token = tokenIn(t, sc.env.NodeRun(sc.id, "mail", 0).Output)
	}
	sc.wait = flow.SuspensionID{Execution: sc.id, Step: flow.StepID{Node: 1}, Turn: 1}
	if slices.Contains(m.ops, subscribe) {
		d := next(t, sc.env)
		sc.task = &d
	} else {
		sc.env.Run()
	}
	return sc
}

// quiet drops what engines log: a process that dies says much.
type quiet struct{ *testing.T }

func (quiet) Output() io.Writer { return io.Discard }

// watched notes what the waiting node is told.
func (sc *scene) watched(all []node.Type) []node.Type {
	for i := range all {
		run := all[i].Run
		all[i].Run = func(ctx context.Context, c *node.Call) (node.Outcome, error) {
			if c.Node == "w" && c.Resume != nil && c.Execution == sc.id {
				sc.mu.Lock()
				sc.calls = append(sc.calls, c.Resume.By)
				sc.mu.Unlock()
			}
			return run(ctx, c)
		}
	}
	return all
}

// eventOf makes one of the events; what it brings is its id.
func eventOf(id string) flow.Event {
	return flow.Event{ID: id, Type: "go", Data: json.RawMessage(`"` + id + `"`)}
}

// op makes an operation, in a process of its own.
func (sc *scene) op(name string) interleavetest.Op {
	p := sc.env.Process()
	sc.Cleanup(p.Wait)
	do := map[string]func(ctx context.Context) heard{
		subscribe: func(ctx context.Context) heard { return sc.work(ctx, p, *sc.task) },
		timeout:   func(ctx context.Context) heard { return sc.sweep(ctx, p, sc.meeting.wait) },
		sweeps:    func(ctx context.Context) heard { return sc.sweep(ctx, p, time.Minute) },
		publishE1: func(ctx context.Context) heard { return publishBy(ctx, p, "e1") },
		againE1:   func(ctx context.Context) heard { return publishBy(ctx, p, "e1") },
		publishE2: func(ctx context.Context) heard { return publishBy(ctx, p, "e2") },
		byHand: func(ctx context.Context) heard {
			_, err := p.Resume(ctx, flow.ResumeRequest{Token: sc.wait.String(), Data: []byte(`"hand"`)})
			return heard{err: err}
		},
		byURL: func(ctx context.Context) heard {
			_, err := p.ResumeByToken(ctx, sc.token, flow.ResumeRequest{Data: []byte(`"url"`)})
			return heard{err: err}
		},
		cancel: func(ctx context.Context) heard {
			return heard{err: p.Cancel(ctx, flow.CancelRequest{Execution: sc.id})}
		},
	}[name]
	return interleavetest.Op{Name: name, Run: func(ctx context.Context) {
		h := do(ctx)
		p.Wait() // what follows beside it is still its own
		sc.mu.Lock()
		defer sc.mu.Unlock()
		sc.heard[name] = h
	}}
}

// publishBy publishes one of the events.
func publishBy(ctx context.Context, p *engine.Engine, id string) heard {
	r, err := p.Publish(ctx, eventOf(id))
	return heard{r, err}
}

// sweep lets time pass, looks at what is due, and works off one task, if there is one.
func (sc *scene) sweep(ctx context.Context, p *engine.Engine, after time.Duration) heard {
	err := sc.order.Around(ctx, interleavetest.Call{Name: "Pass", Writes: interleavetest.Clock}, func() error {
		sc.env.Pass(after)
		return nil
	})
	if err == nil {
		_, err = p.Sweep(ctx, 0)
		p.Wait()
	}
	if err != nil {
		return heard{err: err}
	}
	var d flow.Dispatch
	found := false
	err = sc.order.Around(ctx, interleavetest.Named("Enqueue"), func() error {
		d, found = sc.env.Store().Pop(0)
		return nil
	})
	if !found {
		return heard{err: err}
	}
	return sc.work(ctx, p, d)
}

// work does with a task what a worker does.
func (sc *scene) work(ctx context.Context, p *engine.Engine, d flow.Dispatch) heard {
	err := p.RunStep(ctx, d)
	p.Wait()
	_ = sc.order.Around(ctx, interleavetest.Named("Enqueue"), func() error {
		if err == nil {
			sc.env.Store().Done(d)
		}
		return nil
	})
	return heard{err: err}
}

// events lists the ids of those that are published.
func (m meeting) events() (ids []string) {
	for name, id := range map[string]string{publishE1: "e1", publishE2: "e2"} {
		if slices.Contains(m.ops, name) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// fateOf asks what came of an event, as a sender does that had no answer.
func (sc *scene) fateOf(id string) flow.PublishResult {
	r, err := sc.env.Engine().Publish(sc.Context(), eventOf(id))
	if err != nil {
		sc.Errorf("publishing %s again: %v", id, err)
	}
	return r
}

// recover lets everything happen that happens by itself: a publisher that died is replaced, too. It gives the last word on
// each event.
func (sc *scene) recover() map[string]flow.PublishResult {
	sc.env.Advance(2 * time.Minute)
	last := map[string]flow.PublishResult{}
	for _, id := range sc.events() {
		last[id] = sc.fateOf(id)
	}
	sc.env.Advance(2 * time.Minute)
	return last
}

// winner reads from the store who ended the wait: what it brought, "timeout", or "cancel".
func (sc *scene) winner() string {
	x, err := sc.env.Store().Load(sc.Context(), sc.id, flow.Want{All: true})
	if err != nil {
		sc.Fatal(err)
	}
	switch s := x.Steps[sc.wait.Step]; {
	case s == nil || s.Status.Live():
		return "nobody"
	case s.Resumed == nil:
		return "cancel"
	case s.Resumed.By == flow.ByEvent:
		return s.Resumed.Event
	default:
		return map[string]string{flow.ByTimeout: "timeout", flow.ByManual: "hand", flow.ByURL: "url"}[s.Resumed.By]
	}
}

// judge compares what came of it with what was promised.
func (sc *scene) judge(last map[string]flow.PublishResult) string {
	winner := sc.winner()
	sc.wantOutcome(winner)
	sc.wantAnswers(winner)
	sc.wantEvents(winner, last)
	sc.wantNoTrace()
	return winner
}

// wantOutcome: the next turn was taken once, with what the winner brought, and everything that follows from it once.
func (sc *scene) wantOutcome(winner string) {
	v := sc.env.Execution(sc.id)
	want, output := []string{"start", "w", "end"}, winner
	if winner == "timeout" {
		want, output = []string{"start", "w.timeout", "end"}, "late"
	}
	slices.Sort(want)
	path := slices.DeleteFunc(sc.env.Path(sc.id), func(node string) bool { return node == "mail" })
	slices.Sort(path) // their order is told by notices, of which one that dies tells none
	switch {
	case v.Status == flow.Completed && winner != "cancel":
		if !slices.Equal(path, want) {
			sc.Errorf("%s ended the wait, and the nodes that were run are %v", winner, path)
		}
		sc.env.WantOutput(sc.id, output)
	case v.Status == flow.Cancelled && slices.Contains(sc.ops, cancel):
		if len(path) > len(want) {
			sc.Errorf("more was run than once: %v", path)
		}
	default:
		sc.Errorf("the wait was ended by %s, and the execution is %s: %v", winner, v.Status, path)
	}
	calls := slices.DeleteFunc(slices.Clone(sc.calls), func(by string) bool { return by == flow.ByTimeout && winner != "timeout" })
	if !sc.disturbed && !slices.Contains(sc.ops, sweeps) && len(calls) > 1 || v.Status == flow.Completed && len(calls) == 0 {
		sc.Errorf("%s ended the wait, and the node was called with %v", winner, sc.calls)
	}
}

// wantAnswers: whoever was told that he won did, and all others were told who.
func (sc *scene) wantAnswers(winner string) {
	for _, name := range []string{byHand, byURL} {
		h, ok := sc.heard[name]
		own := map[string]string{byHand: "hand", byURL: "url"}[name]
		switch {
		case !ok || unheard(h.err):
		case h.err == nil && winner != own:
			sc.Errorf("%s was told that it won, but the winner is %s", name, winner)
		case h.err != nil && winner == own && !sc.disturbed:
			sc.Errorf("%s won and was told %v", name, h.err)
		case h.err != nil && code(h.err) == flow.ErrConflict.Code:
			sc.wantTold(name, h.err, winner)
		case h.err != nil && code(h.err) == flow.ErrGone.Code && (winner == "timeout" || winner == "cancel"):
		case h.err != nil && !slices.Contains(sc.ops, subscribe):
			sc.Errorf("%s was told %v", name, h.err)
		}
	}
	if h, ok := sc.heard[cancel]; ok && !unheard(h.err) {
		status := sc.env.Execution(sc.id).Status
		if h.err == nil != (status == flow.Cancelled) {
			sc.Errorf("cancel was told %v, and the execution is %s", h.err, status)
		}
	}
}

// wantTold looks who a loser was told to be the winner.
func (sc *scene) wantTold(name string, err error, winner string) {
	told := flow.AsProblem(err).Details["resumed_by"]
	by := map[string]string{"e1": flow.ByEvent, "e2": flow.ByEvent, "hand": flow.ByManual, "url": flow.ByURL, "timeout": flow.ByTimeout, "cancel": flow.ByCancel}[winner]
	if told != by {
		sc.Errorf("%s was told that the winner is %v; it is %s (%v)", name, told, winner, err)
	}
}

// unheard tells whether the caller died, or could not reach the store.
func unheard(err error) bool {
	var p *flow.Problem
	return err != nil && (errors.Is(err, flow.ErrUnavailable) || !errors.As(err, &p))
}

// wantEvents: each event was taken by one wait: this one, or one that came later, if its sender was told so.
func (sc *scene) wantEvents(winner string, last map[string]flow.PublishResult) {
	takers := sc.latecomers()
	if winner == "e1" || winner == "e2" {
		takers[winner] = append(takers[winner], sc.id)
	}
	for _, id := range sc.events() {
		r, took := last[id], takers[id]
		if len(took) != 1 {
			sc.Errorf("event %s was taken by %v; its sender was told %+v", id, took, r)
			continue
		}
		standing := !slices.Contains(sc.ops, subscribe)
		switch {
		case r.Matched == 1 && (winner != id || r.Buffered || !slices.Equal(r.Executions, took)),
			r.Matched == 0 && (!r.Buffered || standing && winner == id), r.Matched > 1:
			sc.Errorf("the sender of %s was told %+v; it was taken by %v, and the wait was ended by %s", id, r, took, winner)
		}
		for _, name := range []string{publishE1, againE1, publishE2} {
			h, ok := sc.heard[name]
			if ok && h.err == nil && h.result.ID == id && (h.result.Matched != r.Matched || h.result.Buffered != r.Buffered) {
				sc.Errorf("%s was answered %+v, and later %+v", name, h.result, r)
			}
		}
	}
}

// latecomers lets other executions wait, one after the other, and tells which of them took which event.
func (sc *scene) latecomers() map[string][]string {
	took := map[string][]string{}
	var ids []string
	sc.env.Deploy(waitsLater)
	for range len(sc.events()) + 1 {
		ids = append(ids, sc.env.Start("later", nil))
		sc.env.Run()
	}
	sc.env.Advance(10 * time.Second)
	for _, id := range ids {
		if v := sc.env.Execution(id); v.Status == flow.Completed {
			var got string
			if err := json.Unmarshal(v.Output, &got); err != nil {
				sc.Error(err)
			}
			took[got] = append(took[got], id)
		}
	}
	return took
}

// wantNoTrace: nothing in the store could wake the step, or be given to it.
func (sc *scene) wantNoTrace() {
	store, ctx := sc.env.Store(), sc.Context()
	if p, err := store.Suspensions(ctx, flow.SuspensionFilter{Execution: sc.id}); err != nil || len(p.Items) > 0 {
		sc.Errorf("the wait is listed: %+v, %v", p.Items, err)
	}
	waits, _, err := store.Waiting(ctx, eventOf("e1"), nil, "", 100)
	if err != nil || slices.ContainsFunc(waits, func(w flow.Taker) bool { return w.Wait == sc.wait }) {
		sc.Errorf("the wait stands in the index: %v, %v", waits, err)
	}
	for _, d := range store.Tasks(0) {
		if d.Execution == sc.id {
			sc.Errorf("there is a task: %+v", d)
		}
	}
	for _, a := range store.Alarms(0) {
		if a.Dispatch.Execution == sc.id {
			sc.Errorf("there is an alarm: %+v", a)
		}
	}
	sc.env.Pass(365 * 24 * time.Hour)
	lines, _, err := store.Due(ctx, 0, 1000, time.Second)
	if err != nil || slices.ContainsFunc(lines, func(e flow.DueEntry) bool { return e.Execution == sc.id }) {
		sc.Errorf("it stands in the due index: %+v, %v", lines, err)
	}
}

// run runs a meeting in its orders, with the faults befalling the operation at a place (-1: nobody), and counts the winners.
func (m meeting) run(t *testing.T, victim int, tally map[string]int) *interleavetest.Tree {
	t.Helper()
	tree := m.tree(victim >= 0)
	for tree.Next() && !t.Failed() {
		synctest.Test(t, func(t *testing.T) {
			order := tree.Schedule()
			sc := m.scene(t, order)
			sc.disturbed = victim >= 0
			var ops []interleavetest.Op
			for i, name := range m.ops {
				ops = append(ops, sc.op(name))
				if i == victim {
					ops[i].Faults = []interleavetest.Fault{interleavetest.Dies, interleavetest.Loses}
				}
			}
			order.Run(t.Context(), ops...)
			tree.Done(order)
			if order.Redundant() {
				return
			}
			tally[sc.judge(sc.recover())]++
			if t.Failed() {
				t.Logf("the order was\n%s\nand the answers\n%+v", order.Taken(), sc.heard)
			}
		})
	}
	return tree
}

var allOrders = flag.Bool("all-orders", false, "run interleavings of three operations in all orders: an hour instead of seconds")

// tree says in which orders a meeting is run: two operations in all; three in those with two preemptions at most; and with one
// when one of them is disturbed.
func (m meeting) tree(disturbed bool) *interleavetest.Tree {
	switch {
	case len(m.ops) < 3 || *allOrders:
		return interleavetest.NewTree(interleavetest.InBubble)
	case disturbed:
		return interleavetest.Bounded(interleavetest.InBubble, 1)
	}
	return interleavetest.Bounded(interleavetest.InBubble, 2)
}

// meetings are all pairs that can change one another's fate, and the triples in which a third one can matter.
var meetings = []meeting{
	{ops: []string{subscribe, publishE1}, wait: shortWait, winners: []string{"e1"}},
	{ops: []string{subscribe, publishE1}, wait: longWait, winners: []string{"e1"}},
	{ops: []string{subscribe, timeout}, wait: shortWait, winners: []string{"timeout"}},
	{ops: []string{subscribe, cancel}, wait: shortWait, winners: []string{"cancel"}},
	{ops: []string{subscribe, byHand}, wait: shortWait, winners: []string{"timeout", "hand"}},
	{ops: []string{subscribe, byURL}, wait: shortWait, winners: []string{"timeout", "url"}},
	{ops: []string{subscribe, sweeps}, wait: longWait, winners: []string{"timeout"}},
	{ops: []string{publishE1, timeout}, wait: shortWait, winners: []string{"e1", "timeout"}},
	{ops: []string{publishE1, timeout}, wait: longWait, winners: []string{"e1", "timeout"}},
	{ops: []string{publishE1, cancel}, wait: shortWait, winners: []string{"e1", "cancel"}},
	{ops: []string{publishE1, againE1}, wait: shortWait, winners: []string{"e1"}},
	{ops: []string{publishE1, publishE2}, wait: shortWait, winners: []string{"e1", "e2"}},
	{ops: []string{publishE1, byHand}, wait: shortWait, winners: []string{"e1", "hand"}},
	{ops: []string{publishE1, byURL}, wait: shortWait, winners: []string{"e1", "url"}},
	{ops: []string{timeout, cancel}, wait: shortWait, winners: []string{"timeout", "cancel"}},
	{ops: []string{timeout, byHand}, wait: shortWait, winners: []string{"timeout", "hand"}},
	{ops: []string{timeout, byURL}, wait: shortWait, winners: []string{"timeout", "url"}},
	{ops: []string{byHand, cancel}, wait: shortWait, winners: []string{"hand", "cancel"}},
	{ops: []string{byHand, byURL}, wait: shortWait, winners: []string{"hand", "url"}},
	{ops: []string{byURL, cancel}, wait: shortWait, winners: []string{"url", "cancel"}},

	{ops: []string{subscribe, publishE1, timeout}, wait: shortWait, winners: []string{"e1", "timeout"}},
	{ops: []string{subscribe, publishE1, sweeps}, wait: longWait, winners: []string{"e1", "timeout"}, calm: true},
	{ops: []string{subscribe, publishE1, cancel}, wait: shortWait, winners: []string{"e1", "cancel"}, calm: true},
	{ops: []string{subscribe, publishE1, againE1}, wait: shortWait, winners: []string{"e1"}},
	{ops: []string{subscribe, publishE1, publishE2}, wait: shortWait, winners: []string{"e1", "e2"}, calm: true},
	{ops: []string{publishE1, publishE2, timeout}, wait: shortWait, winners: []string{"e1", "e2", "timeout"}, calm: true},
	{ops: []string{publishE1, againE1, timeout}, wait: shortWait, winners: []string{"e1", "timeout"}, calm: true},
	{ops: []string{publishE1, timeout, cancel}, wait: shortWait, winners: []string{"e1", "timeout", "cancel"}, calm: true},
	{ops: []string{publishE1, byHand, cancel}, wait: shortWait, winners: []string{"e1", "hand", "cancel"}, calm: true},
	{ops: []string{publishE1, byHand, timeout}, wait: shortWait, winners: []string{"e1", "hand", "timeout"}, calm: true},
}

// TestInterleavings has everything that can end a wait meet at it, in every order of their calls to the store: one of them
// wins, nothing is lost and nothing doubled.
func TestInterleavings(t *testing.T) {
	t.Parallel()
	for _, m := range meetings {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			tally := map[string]int{}
			tree := m.run(t, -1, tally)
			t.Logf("%5d orders (%d redundant): %v", tree.Runs, tree.Redundant, tally)
			for _, w := range m.winners {
				if tally[w] == 0 {
					t.Errorf("%s never won: %v", w, tally)
				}
			}
		})
	}
}
