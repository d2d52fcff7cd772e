package engine

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"prana/engine/flow"
)

// wake ends the wait of a step. Who does it from outside also withdraws the alarm.
func (t *transition) wake(s *flow.Step, f waitEnded, outside bool) {
	w := s.Wait
	id := flow.SuspensionID{Execution: t.x.ID, Step: s.ID, Turn: s.Turn}
	closed := flow.Closed{ID: id, Type: w.Type, Event: w.Event}
	if w.Timer && outside {
		closed.Alarm = t.alarmOf(s)
	}
	t.close(closed)
	if w.Child != "" && f.by != flow.ByChild {
		t.send(flow.SendCancel, w.Child, []byte(`"`+f.by+`"`))
	}
	s.Resumed = &flow.Resumption{By: f.by, Actor: f.actor, Turn: s.Turn, First: w.First, Op: t.ch.Op, Event: f.event, Error: f.err, Wait: w.Data, Since: w.Since}
	if w.Type == flow.Retry {
		s.Attempt++
		s.StartedAt = time.Time{}
	}
	if holdsBack(t.x, w) {
		s.Resumed = nil
	}
	if !w.Held {
		t.shift(s, flow.Live{Pending: +1, Suspended: -1})
	}
	s.Wait, s.Status = nil, flow.StepPending
	t.write(s)
	switch {
	case t.x.Planned(): // its start was planned for now: nothing was resumed
		t.begun()
		return
	case t.x.Status == flow.Suspended:
		t.x.Status = flow.Running
		t.record(flow.ExecutionResumed, nil)
	}
	t.recordWait(flow.NodeResumed, s, w)
	if f.by == flow.ByTimeout {
		t.recordWait(flow.NodeTimedOut, s, w)
	}
}

// begun notes that an execution began whose start was planned.
func (t *transition) begun() {
	if t.x.Pause != nil {
		t.x.Pause.Planned = false
		return
	}
	t.x.Status = flow.Running
}

// holdsBack tells whether the wait is the engine's own, before an attempt: the node
// did not ask for it, and does not learn how it ended.
func holdsBack(x *flow.Execution, w *flow.Wait) bool {
	return w.Type == flow.Retry || w.Type == flow.Concurrency || x.Planned()
}

// alarmOf names the alarm of a timer; nil = it has none, since it rang while the execution was paused, or lies elsewhere: a commit cannot write into a named queue, nor withdraw
// anything from it: there the due index alone brings the task when the time has come.
func (t *transition) alarmOf(s *flow.Step) *flow.Dispatch {
	if t.queue(s) != "" || s.Token == "" {
		return nil
	}
	return &flow.Dispatch{Kind: flow.KindResume, Execution: t.x.ID, Step: s.ID, Token: s.Token, Workflow: t.plan.ref}
}

// queue is where the tasks of a step go; empty = the partition's own.
func (t *transition) queue(s *flow.Step) string { return t.x.QueueOf(t.plan.Nodes[s.ID.Node].Settings) }

// suspend puts a step to sleep.
func (t *transition) suspend(s *flow.Step, w *flow.Wait) {
	s.Turn++
	s.Deaths = 0 // they are counted between two commits
	s.Token, s.Status, s.Wait = flow.NewToken(), flow.StepSuspended, w
	if w.Began == 0 { // else it goes on
		w.Began = t.x.Seq
	}
	if !w.Held {
		t.shift(s, flow.Live{Pending: -1, Suspended: +1})
	}
	t.write(s)
	t.ch.Opened = append(t.ch.Opened, flow.SuspensionID{Execution: t.x.ID, Step: s.ID, Turn: s.Turn})
	if d := t.alarmOf(s); d != nil && w.Timer && len(t.ch.Dispatch) < flow.MaxDispatch {
		d.In, d.Trace, d.First = t.until(w), s.Trace, true
		t.ch.Dispatch = append(t.ch.Dispatch, *d)
	}
	t.recordWait(flow.NodeSuspended, s, w)
}

// until is when the alarm of a wait rings. The due index knows the time better.
func (t *transition) until(w *flow.Wait) time.Duration {
	at := w.Due
	if at.IsZero() {
		at = w.Until
	}
	if at.IsZero() {
		return w.In
	}
	return max(time.Millisecond, at.Sub(t.x.Now))
}

// complete ends a step well: what it leaves goes over every connection of the port.
func (t *transition) complete(s *flow.Step, port string, v flow.Value) error {
	if p := t.count(); p != nil {
		p.Node = t.key(s)
		t.failStep(s, p)
		s.Was, t.broken = flow.StepPending, p
		return nil
	}
	s.Status, s.Port = flow.StepCompleted, port
	t.release(s)
	ref := flow.OutputRef(s.ID)
	t.ch.Values[ref] = v
	if v.Same != "" {
		ref = v.Same // what was passed on is named by its origin, so that no chain grows
	}
	t.shift(s, flow.Live{Pending: -1})
	t.write(s)
	t.last(s)
	t.remember(s)
	t.record(flow.NodeCompleted, s)
	if err := t.withdrawNodes(s, t.plan.Nodes[s.ID.Node].Cancels); err != nil {
		return err
	}
	if t.runsItself(s) {
		return nil // the fan that it is a part of takes what it left
	}
	edges := t.plan.Nodes[s.ID.Node].Out[port]
	if t.x.Only {
		edges = nil
	}
	if len(edges) == 0 {
		t.endPath(s)
	}
	return t.arriveAll(edges, flow.Arrival{Ref: ref, Aside: s.Aside()}, s.Part)
}

// arriveAll brings a value over all connections of a port. What breaks off a loop comes last: it also ends what begins beside it.
func (t *transition) arriveAll(edges []int, what flow.Arrival, part *flow.StepID) error {
	ready := len(t.x.Ready)
	var breaks []func() error
	for _, e := range edges {
		a := flow.Arrival{Edge: e, Port: t.plan.Edges[e].ToPort, Ref: what.Ref, Aside: what.Aside}
		if a.Port == flow.PortBreak {
			if f, p := t.emitter(t.plan.Edges[e].To, part); p != nil {
				breaks = append(breaks, func() error { return t.comeBack(a, f, p) })
				continue
			}
		}
		if err := t.arrive(a, part); err != nil {
			return err
		}
	}
	slices.Reverse(t.x.Ready[ready:]) // the last is next: the first declared
	for _, end := range breaks {
		if err := end(); err != nil {
			return err
		}
	}
	return nil
}

// last notes that no step of the node completed later: of all, and of each part that has others beside it.
func (t *transition) last(s *flow.Step) {
	st := t.x.Nodes[s.ID.Node]
	st.Last = s.ID.Run
	t.setNode(s.ID.Node, st)
	for _, a := range partsAround(t.x, s.Part) {
		if a.fan.Width <= 1 {
			continue
		}
		if a.part.Last == nil {
			a.part.Last = map[int]int{}
		}
		a.part.Last[s.ID.Node] = s.ID.Run
	}
}

// endPath notes that a path ended at the step. What follows an item ends with it, and what was emitted on the way is no result,
// be the step that emitted it over by then or not.
func (t *transition) endPath(s *flow.Step) {
	if s.Part != nil || s.Aside() {
		return
	}
	if t.x.Ends == nil {
		t.x.Ends = map[int]int{}
	}
	t.x.Ends[s.ID.Node] = s.ID.Run
}

// activate makes a new run of a node.
func (t *transition) activate(n int, arrived []flow.Arrival, part *flow.StepID) {
	back := func(a flow.Arrival) bool { return t.plan.Edges[a.Edge].Back }
	if slices.ContainsFunc(arrived, back) && !t.goRound(n) {
		return
	}
	s := t.newStep(n)
	s.Inputs, s.Part = arrived, part
	t.shift(s, flow.Live{Pending: +1})
	t.ready(s)
}

// newStep makes the record of the next run of a node.
func (t *transition) newStep(n int) *flow.Step {
	st, known := t.x.Nodes[n]
	if !known {
		st.Last = -1
	}
	s := &flow.Step{ID: flow.StepID{Node: n, Run: st.Runs}, Status: flow.StepPending, Token: flow.NewToken(), Trace: t.span}
	st.Runs++
	t.setNode(n, st)
	t.x.Steps[s.ID] = s
	t.write(s)
	return s
}

// ready has a new step run: at once, or in its turn. What was emitted takes no turn: the branch that it stands beside waits, and
// would hold it up.
func (t *transition) ready(s *flow.Step) {
	if t.plan.Workflow.Mode == flow.Sequential && !s.Aside() {
		t.x.Ready = append(t.x.Ready, s.ID)
		return
	}
	t.dispatch(s, flow.KindStep)
}

// codeLoopLimit is how an execution fails that is broken off at a loop.
const codeLoopLimit = "infinite_loop_protection"

// goRound counts that a loop goes round; false breaks off an execution whose loop does so too often.
func (t *transition) goRound(n int) bool {
	node, st := t.plan.Nodes[n], t.x.Nodes[n]
	limit := cmp.Or(node.Settings.MaxIterations, t.limits.Iterations)
	if limit > 0 && st.Rounds >= limit {
		t.broken = flow.Problemf(codeLoopLimit,
			"the loop that is entered by node %s went round %d times; find out why it does not end, or raise its max_iterations", node.Key, st.Rounds)
		t.broken.Node = node.Key
		t.broken.Details = map[string]any{"iteration_count": st.Rounds, "max_iterations": limit, "node_key": node.Key, "loop_ids": node.Loop.IDs}
		return false
	}
	st.Rounds++
	t.setNode(n, st)
	return true
}

// dispatch asks for a task for the step, unless this change has its fill: the
// due index then brings the step up at once. While the execution is paused the step is held instead.
func (t *transition) dispatch(s *flow.Step, kind string) {
	t.write(s)
	if t.x.Status == flow.Paused {
		s.Token = "" // held
		return
	}
	if len(t.ch.Dispatch) >= flow.MaxDispatch {
		return
	}
	t.ch.Dispatch = append(t.ch.Dispatch, flow.Dispatch{
		Kind: kind, Execution: t.x.ID, Step: s.ID, Token: s.Token, Workflow: t.plan.ref,
		Queue: t.queue(s), First: true, Trace: s.Trace,
	})
}

// write notes that the step is to be stored. Stamps of its last state are cleared.
func (t *transition) write(s *flow.Step) {
	if !slices.Contains(t.ch.Steps, s) {
		t.ch.Steps = append(t.ch.Steps, s)
	}
}

func (t *transition) setNode(n int, st flow.NodeState) {
	t.x.Nodes[n] = st
	t.ch.Nodes[n] = st
}

func (t *transition) setState(key string, raw []byte) {
	if t.ch.State == nil {
		t.ch.State = map[string]json.RawMessage{}
	}
	t.ch.State[key] = raw
}

// setContext merges into what the runs of a node share.
func (t *transition) setContext(n int, set map[string]any) error {
	if len(set) == 0 {
		return nil
	}
	if ref := flow.ContextRef(n); t.x.Lacks(ref) {
		return errNeed{flow.Want{Values: []flow.Ref{ref}}}
	}
	raw, err := newScope(t.plan, t.x, t.ch.Values).merged(n, set)
	if err != nil {
		return err
	}
	t.ch.Values[flow.ContextRef(n)] = flow.Value{Raw: raw}
	return nil
}

// merged is the context of a node once something is set in it; nil removes a key.
func (sc *scope) merged(n int, set map[string]any) (json.RawMessage, error) {
	v, err := sc.value(flow.ContextRef(n))
	if err != nil {
		return nil, err
	}
	all, _ := v.(map[string]any)
	if all == nil {
		all = map[string]any{}
	}
	for k, v := range set {
		if v == nil {
			delete(all, k)
		} else {
			all[k] = v
		}
	}
	return flow.Encode(all)
}

// step gives a step that may not be loaded.
func (t *transition) step(id flow.StepID) (*flow.Step, error) {
	if s := t.x.Steps[id]; s != nil {
		return s, nil
	}
	if t.x.Whole {
		return nil, fmt.Errorf("execution %s has no step %s that its front names", t.x.ID, id)
	}
	return nil, errNeed{flow.Want{Steps: []flow.StepID{id}}}
}

func (t *transition) connected(n int, port string) bool {
	return len(t.plan.Nodes[n].Out[port]) > 0
}

func (t *transition) key(s *flow.Step) string { return t.plan.Nodes[s.ID.Node].Key }

// count bounds the life of an execution, by its completed steps: waiting, polling
// and trying again are bounded by their own settings, and what is undone by what was done.
func (t *transition) count() *flow.Problem {
	if t.x.Status == flow.Cancelling {
		return nil
	}
	t.x.Transitions++
	if t.limits.Transitions == 0 || t.x.Transitions <= t.limits.Transitions {
		return nil
	}
	return flow.Problemf("too_many_transitions", "the execution took more than %d steps; split it into workflows that call one another, or raise limits.transitions", t.limits.Transitions)
}

// close ends a wait in the lists. One that this very change opened never gets there.
func (t *transition) close(c flow.Closed) {
	i := slices.Index(t.ch.Opened, c.ID)
	if i < 0 {
		t.ch.Closed = append(t.ch.Closed, c)
		return
	}
	t.ch.Opened = slices.Delete(t.ch.Opened, i, i+1)
	if c.Alarm != nil {
		t.ch.Dispatch = slices.DeleteFunc(t.ch.Dispatch, func(d flow.Dispatch) bool { return d.Token == c.Alarm.Token })
	}
}
