package engine

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"prana/engine/flow"
)

// A step that follows from another in the same process goes past the queue: the commit that ends the one takes the other's task
// along, and what it needs is known already. It is a task like any other, which every process could run, but costs no round trip
// of its own.

const (
	// maxTurns is how many steps of one execution a worker takes along one after the other; then others get their turn.
	maxTurns = 100
	// maxCarried is how many nodes a workflow has at most whose steps are carried on.
	maxCarried = 256
	// carryFor is how long a snapshot is carried, which is many times what a task takes from a commit to its handler. Who takes longer was
	// held up, and others may have moved the execution: it looks.
	carryFor = 50 * time.Millisecond
	// lateFor is how late the end of a wait is that yields: sooner than people notice, and later than it ever is while workers are free.
	lateFor = 250 * time.Millisecond
	// maxCarriedBytes bounds the values of one snapshot.
	maxCarriedBytes = 64 << 10
)

// pastQueue says what a commit does of the queue's work: it acknowledges the tasks that it ends. A worker that becomes free of the only one
// takes the next step along; others take what is next in the queue.
func (e *Engine) pastQueue(ctx context.Context, batch []*submission, ch *flow.Change) {
	if e.cfg.Hands == nil {
		return
	}
	for _, s := range batch {
		if s.frees() {
			ch.Ends = append(ch.Ends, flow.End{Dispatch: s.task.Dispatch})
		}
	}
	if yields(batch) {
		yield(ch)
	}
	if !e.takesAlong(ctx, batch, ch) {
		e.pullFor(batch, ch)
	}
}

// yields tells whether a commit ends the task of a wait that time ended so late that others must be overdue, too: these go before what follows.
func yields(batch []*submission) bool {
	return len(batch) == 1 && batch[0].frees() && batch[0].task.late
}

// yield leaves what follows to the due index, which brings it up after all that was due before.
func yield(ch *flow.Change) {
	ch.Dispatch = slices.DeleteFunc(ch.Dispatch, func(d flow.Dispatch) bool { return d.Queue == "" && d.In <= 0 })
}

// frees tells whether the commit ends a task of the partition's own queue.
func (s *submission) frees() bool { return s.counts && s.task != nil && s.task.inOwnQueue() }

// takesAlong tells whether the worker of the only task that ends takes the next step along.
func (e *Engine) takesAlong(ctx context.Context, batch []*submission, ch *flow.Change) bool {
	n := len(ch.Dispatch)
	if n == 0 || len(batch) != 1 || len(ch.Ends) != 1 {
		return false
	}
	switch d := &ch.Dispatch[n-1]; {
	case d.Queue != "" || d.In > 0:
	case batch[0].task.turns >= maxTurns:
		d.First = false
	case e.cfg.Hands.Free(ctx):
		ch.Handover = &flow.Handover{}
	}
	return ch.Handover != nil
}

// pullFor pulls a task for each worker that becomes free and takes whatever is next.
func (e *Engine) pullFor(batch []*submission, ch *flow.Change) {
	most := 0
	for _, s := range batch {
		if s.pulls = s.frees() && e.cfg.Hands.Pulls(s.ctx); s.pulls {
			most++
		}
	}
	if most > 0 {
		ch.Pull = &flow.Pull{Most: most}
	}
}

// takePulled gives what a commit pulled to the workers for which it did.
func (e *Engine) takePulled(batch []*submission, tasks []flow.Task) {
	for _, s := range batch {
		if s.pulls && len(tasks) > 0 {
			e.cfg.Hands.Take(s.ctx, tasks[0])
			tasks = tasks[1:]
		}
	}
}

// inOwnQueue tells whether the task came by the partition's own queue.
func (j *job) inOwnQueue() bool { return j.x.QueueOf(j.node.Settings) == "" }

// handOver tells the workers what a commit did of the queue's work. fresh: all that the fact needed had been loaded for the step.
func (e *Engine) handOver(ctx context.Context, m move, batch []*submission, fresh bool) {
	if yields(batch) && slices.ContainsFunc(m.ch.Steps, func(s *flow.Step) bool { return s.Status == flow.StepPending }) {
		part, _ := flow.PartitionOf(m.ch.Execution)
		e.nudgeSweep(part)
	}
	for _, end := range m.ch.Ends {
		if end.Acknowledged != "" {
			e.cfg.Hands.Acknowledged(end.Acknowledged)
		}
	}
	if p := m.ch.Pull; p != nil {
		e.takePulled(batch, p.Tasks)
	}
	h := m.ch.Handover
	if h == nil || !h.Taken {
		return
	}
	d, next := m.ch.Dispatch[len(m.ch.Dispatch)-1], carriedStep{p: m.p, turns: batch[0].task.turns + 1}
	if fresh && !m.ch.At.IsZero() {
		next.x = ahead(m, d)
	}
	e.carried.put(d, next)
	e.cfg.Hands.Take(ctx, h.Task)
}

// ahead is what loading the step of a dispatch would give right after the change that made it; nil = that is not all known. It is,
// where nothing else of the execution is under way.
func ahead(m move, d flow.Dispatch) *flow.Execution {
	s := m.x.Steps[d.Step]
	if s == nil || s.Part != nil || !isNew(s) {
		return nil
	}
	alone := len(m.x.Fans) == 0 && m.x.InParts == (flow.Live{}) && total(m.x.Live).Pending == 1
	if !alone || len(m.p.Nodes) > maxCarried {
		return nil
	}
	values, _, ok := m.values(s)
	if !ok {
		return nil
	}
	own := m.stored(*s)
	return &flow.Execution{
		ID: m.x.ID, Rev: m.ch.Op, Head: m.x.Head, Front: m.x.Front, Input: m.x.Input, Steps: map[flow.StepID]*flow.Step{own.ID: &own},
		Nodes: m.x.Nodes, Values: values, Claims: map[flow.StepID]string{}, State: map[string]json.RawMessage{}, Now: m.ch.At, Carried: true,
	}
}

// isNew tells whether a step was made by the change that writes it, and is to be run at once.
func isNew(s *flow.Step) bool {
	return s.Status == flow.StepPending && s.Turn == 0 && s.Deaths == 0 && s.Token != "" && s.CreatedAt.IsZero()
}

// stored gives a new step as it is loaded after the change.
func (m move) stored(s flow.Step) flow.Step {
	s.Op, s.At, s.CreatedAt = m.ch.Op, m.ch.At, m.ch.At
	return s
}

// values gives all that a step reads, and how long that is together; false when not all of it is known.
func (m move) values(s *flow.Step) (_ map[flow.Ref]json.RawMessage, bytes int, known bool) {
	needs := m.p.Nodes[s.ID.Node].Needs
	if needs.State || len(needs.Records)+len(needs.ResumeURLs) > 0 || needs.Trigger && m.x.Input == nil {
		return nil, 0, false
	}
	sc, values := newScope(m.p, m.x, m.ch.Values), map[flow.Ref]json.RawMessage{}
	for _, ref := range readBy(m.p, m.x, s) {
		v := sc.raw(ref)
		if v == nil {
			return nil, 0, false
		}
		values[ref] = v
		bytes += len(v)
	}
	return values, bytes, bytes <= maxCarriedBytes
}

// readBy names what arrived at a step, the items that it works on, and the last outputs of nodes that it reads.
func readBy(p *compiled, x *flow.Execution, s *flow.Step) []flow.Ref {
	needs := p.Nodes[s.ID.Node].Needs
	sc := &scope{p: p, x: x, around: partsAround(x, s.Part)}
	refs := make([]flow.Ref, 0, 2)
	for _, a := range s.Inputs {
		refs = append(refs, a.Ref)
	}
	refs = append(refs, itemsOf(needs, s, sc.around)...)
	for _, n := range needs.Outputs {
		if run, ok := sc.last(n); ok {
			refs = append(refs, flow.OutputRef(flow.StepID{Node: n, Run: run}))
		}
	}
	return refs
}

// carried are the steps whose tasks were taken along, by their executions: each has one at most, since whatever else this process
// stores of an execution makes an older one useless.
type carried struct {
	mu    sync.Mutex
	steps map[string]carriedStep
}

// carriedStep is what is known of a step beforehand.
type carriedStep struct {
	p     *compiled
	x     *flow.Execution // nil = it must be loaded
	turns int             // steps of the execution that this process ran in a row before it
	token string
	since time.Time
}

// fewCarried is from how many steps on those that nobody took are looked for.
const fewCarried = 1000

func (c *carried) put(d flow.Dispatch, s carriedStep) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.token, s.since = d.Token, time.Now()
	if c.steps == nil {
		c.steps = map[string]carriedStep{}
	}
	if len(c.steps) >= fewCarried {
		maps.DeleteFunc(c.steps, func(_ string, old carriedStep) bool { return s.since.Sub(old.since) > carryFor })
	}
	c.steps[d.Execution] = s
}

// drop forgets the step of an execution that moved otherwise.
func (c *carried) drop(execution string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.steps, execution)
}

// take gives what is known of the step that a task asks for.
func (c *carried) take(d flow.Dispatch) carriedStep {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.steps[d.Execution]
	if s.token != d.Token {
		return carriedStep{}
	}
	delete(c.steps, d.Execution)
	if time.Since(s.since) > carryFor {
		s.x = nil
	}
	return s
}
