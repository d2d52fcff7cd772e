package suspend

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// How late a line may stand before it is told: a pending step without a task, and a wait whose time is set (the
// sweeper looks at a task in a backlog every 5 minutes at most).
const (
	soon = 30 * time.Second
	late = 6 * time.Minute
)

// judge decides what can be decided from the record alone, and which places are
// to be looked at next.
func (a *audit) judge(ctx context.Context, l *look) error {
	if l.moved {
		return nil
	}
	if l.rev == "" {
		l.unwanted = l.seen
		return nil
	}
	x, err := reading{now: l.now, fields: l.fields}.execution(l.id)
	if err != nil {
		l.find("format", err.Error(), "a newer version of Prana wrote it, or something else did; other executions are not touched by it")
		return nil
	}
	l.x = x
	if err := a.definition(ctx, l); err != nil {
		return err
	}
	for _, rule := range []func(*look){(*look).ending, (*look).counts, (*look).runs, (*look).inputs, a.sizes, a.listed, (*look).lines, a.waits, a.tasks} {
		rule(l)
	}
	l.unwanted = append(l.unwanted, l.unexpected()...)
	return nil
}

// definition: an execution keeps the version that it began with.
func (a *audit) definition(ctx context.Context, l *look) error {
	if l.x.Status.Terminal() {
		return nil
	}
	w, _, err := a.store.Workflow(ctx, l.x.Workflow, l.x.Version)
	l.workflow = w
	if errors.Is(err, flow.ErrNotFound) {
		l.find("I1", fmt.Sprintf("its definition %s version %s is gone: it cannot go on", l.x.Workflow, l.x.Version), "publish the same definition again (its version is the digest of its content), or cancel the execution")
		return nil
	}
	return err
}

// ending: a terminal execution moves no more.
func (l *look) ending() {
	_, ended := l.fields[fieldEnded]
	if ended != l.x.Status.Terminal() {
		l.find("I3", fmt.Sprintf("it is %s, but its end is stored: %v", l.x.Status, ended), "the hash was changed by hand; cancel the execution if it still lives")
	}
	if !l.x.Status.Terminal() {
		return
	}
	for _, s := range l.unended() {
		l.find("I3", fmt.Sprintf("it is %s, but step %s is %s", l.x.Status, s.ID, s.Status), "the hash was changed by hand")
	}
	for _, id := range slices.SortedFunc(maps.Keys(l.x.Claims), flow.StepID.Compare) {
		l.find("I3", fmt.Sprintf("it is %s, but step %s is claimed", l.x.Status, id), "harmless; it goes with the execution")
	}
}

// unended lists the steps that are live or in quarantine.
func (l *look) unended() []*flow.Step {
	var all []*flow.Step
	for _, id := range slices.SortedFunc(maps.Keys(l.x.Steps), flow.StepID.Compare) {
		if s := l.x.Steps[id]; s.Status.Live() || s.Status == flow.StepQuarantined {
			all = append(all, s)
		}
	}
	return all
}

// counts: the front says of each node how many live steps it has in each region; joins and fans rely on it.
func (l *look) counts() {
	if l.x.Status.Terminal() {
		return
	}
	regions := map[flow.StepID]map[int]flow.Live{}
	root := map[int]flow.Live{}
	for _, s := range l.unended() {
		if s.Part == nil {
			count(root, s)
			continue
		}
		if regions[*s.Part] == nil {
			regions[*s.Part] = map[int]flow.Live{}
		}
		count(regions[*s.Part], s)
	}
	l.sameCounts("the execution", root, l.x.Live)
	l.fans(regions)
}

// fans: each knows how many of its parts live, and each part what lives in it.
func (l *look) fans(regions map[flow.StepID]map[int]flow.Live) {
	var sum flow.Live
	for owner, f := range l.x.Fans {
		if len(f.Parts) != f.Alive || f.Part != nil && l.x.Steps[*f.Part] == nil {
			l.find("I9", fmt.Sprintf("the fan of step %s counts %d live parts and has %d", owner, f.Alive, len(f.Parts)), "it may never end; cancel the execution and rerun it")
		}
		if s := l.x.Steps[owner]; s == nil || s.Status != flow.StepOpen {
			l.find("I9", fmt.Sprintf("step %s has parts, but does not wait for them", owner), "harmless, unless it should; cancel the execution and rerun it")
		}
		for id, part := range f.Parts {
			l.sameCounts(fmt.Sprintf("part %s of step %s", id, owner), regions[id], part.Live)
			for _, live := range part.Live {
				sum.Pending, sum.Suspended, sum.Open = sum.Pending+live.Pending, sum.Suspended+live.Suspended, sum.Open+live.Open
			}
		}
	}
	if sum != l.x.InParts {
		l.find("I9", fmt.Sprintf("the front counts %v live steps in parts, the parts %v", l.x.InParts, sum), "the status may be wrong; cancel the execution and rerun it")
	}
}

func count(counted map[int]flow.Live, s *flow.Step) {
	c := counted[s.ID.Node]
	switch {
	case s.Status == flow.StepOpen:
		c.Open++
	case s.Wait != nil && !s.Wait.Held:
		c.Suspended++
	default:
		c.Pending++
	}
	counted[s.ID.Node] = c
}

func (l *look) sameCounts(of string, counted, front map[int]flow.Live) {
	if !maps.Equal(counted, front) {
		l.find("I9", fmt.Sprintf("the front counts live steps of %s as %v, their records as %v (node: pending, suspended, open)", of, front, counted), "joins may fire too early or never; cancel the execution and rerun it")
	}
}

// runs: the next run of a node must not write over one that there was.
func (l *look) runs() {
	for _, id := range slices.SortedFunc(maps.Keys(l.x.Steps), flow.StepID.Compare) {
		if runs := l.x.Nodes[id.Node].Runs; runs <= id.Run {
			l.find("I2", fmt.Sprintf("step %s exists, but node %d counts %d runs", id, id.Node, runs), "the node's next run would replace a recorded one; cancel the execution and rerun it")
		}
	}
}

// inputs: what a step, a join or the next wait still needs must be there.
func (l *look) inputs() {
	need := func(who string, arrived []flow.Arrival) {
		for _, in := range arrived {
			if in.Ref != "" && !slices.Contains(l.names, string(in.Ref)) {
				l.find("I8", fmt.Sprintf("%s needs the value %s, which is gone", who, in.Ref), "a field was deleted by hand; cancel the execution and rerun it")
			}
		}
	}
	for _, s := range l.unended() {
		need("step "+s.ID.String(), s.Inputs)
	}
	for _, letter := range l.x.Inbox {
		need("the inbox", []flow.Arrival{{Ref: letter.Ref}})
	}
	for _, n := range slices.Sorted(maps.Keys(l.x.Joins)) {
		need(fmt.Sprintf("the join of node %d", n), l.x.Joins[n].Arrived)
	}
}

func (a *audit) sizes(l *look) {
	for _, name := range slices.Sorted(maps.Keys(l.sizes)) {
		if n := l.sizes[name]; n > a.o.MaxValue {
			l.find("I13", fmt.Sprintf("%s has %d bytes; at most %d are allowed", name, n, a.o.MaxValue), "a bound was higher when it was stored, or something else wrote it")
		}
	}
}

// listed: the lists name it, each as it is.
func (a *audit) listed(l *look) {
	t, x := home(l.id), l.x
	hint := "the execution cannot be found in this list; ZADD it with the time of its creation as score"
	for _, list := range bornLists(a.format, t, x.Workflow) {
		l.want(place{inZSet, list, l.id}, "I12", "its entry among executions", hint)
	}
	if a.format > firstFormat {
		l.known(t)
	}
	if p := x.Parent; p != nil {
		for _, list := range relationLists(t, p.Execution) {
			l.want(place{inZSet, list, relation(p.Execution, p.Step, l.id)}, "I12", "its entry among children", hint)
		}
	}
	for _, list := range tagLists(t, x.Tags) {
		l.want(place{inZSet, list, l.id}, "I12", "its entry among the executions of a tag", hint)
	}
	if x.Status.Over() {
		for _, list := range errorLists(t, x.Error) {
			l.want(place{inZSet, list, l.id}, "I12", "its entry among the errors of a word", "it is not found by this word of its error; ZADD it with the time of its end as score")
		}
	}
	for _, s := range flow.Statuses() {
		a.status(l, t, s)
	}
}

// known: what lists all workflows finds it by its own, or, as the first format has it, in lists of all.
func (l *look) known(tag string) {
	older := true
	for _, list := range []string{allKey(tag), statusKey(tag, l.x.Status)} {
		l.wants = append(l.wants, want{place: place{inZSet, list, l.id}, judge: func(_ *look, cmd redis.Cmder) { older = older && there(cmd) }})
	}
	w := place{inSet, workflowsKey(tag), l.x.Workflow}
	l.wants = append(l.wants, want{place: w, judge: func(l *look, cmd redis.Cmder) {
		if !older && !there(cmd) {
			l.find("I12", "its workflow among those of the partition is missing: "+w.String(), "lists of all workflows leave it out; SADD it")
		}
	}})
}

// status: it stands in the lists of its status, and in no other.
func (a *audit) status(l *look, tag string, s flow.Status) {
	if s != l.x.Status {
		for _, list := range statusLists(firstFormat, tag, l.x.Workflow, s) {
			l.unwanted = append(l.unwanted, place{inZSet, list, l.id})
		}
		return
	}
	for _, list := range statusLists(a.format, tag, l.x.Workflow, s) {
		l.want(place{inZSet, list, l.id}, "I12", "its entry among those that are "+string(s), "it is not listed by status, and not purged after its end; ZADD it with the time of its creation or end as score")
	}
}

// mayStand notes a place that may name the execution, as the first format has it.
func (l *look) mayStand(p place) { l.allowed = append(l.allowed, p) }

func (l *look) want(p place, invariant, what, hint string) {
	l.wants = append(l.wants, want{place: p, invariant: invariant, what: what, hint: hint})
}

// lines: time finds it by the due index.
func (l *look) lines() {
	due := dueKey(home(l.id))
	const hint = "the sweeper cannot find it; ZADD the entry with the current time in ms as score"
	if l.owes {
		l.want(place{inZSet, due, l.id + ":" + outboxEntry}, "I1", "the line of its outbox", hint)
	}
	if l.x.Status.Terminal() {
		return
	}
	if l.x.Timeout > 0 {
		l.want(place{inZSet, due, l.id + ":" + deadlineEntry}, "I6", "the line of its deadline", hint)
	}
	steps := l.unended()
	if len(steps) == 0 && !l.owes {
		l.find("I1", fmt.Sprintf("it is %s, but no step of it lives: nothing can move it", l.x.Status), "cancel the execution and rerun it")
	}
	for _, s := range steps {
		l.wants = append(l.wants, want{
			place: place{inZSet, due, stepEntry(l.id, s.ID)}, invariant: "I1", what: "the line of step " + s.ID.String(), hint: hint,
			judge: func(l *look, cmd redis.Cmder) { l.line(s, cmd, hint) },
		})
	}
}

// line judges when a step comes up.
func (l *look) line(s *flow.Step, cmd redis.Cmder, hint string) {
	score, ok := cmd.(*redis.FloatCmd)
	if !ok || score.Err() != nil {
		l.find("I1", "the line of step "+s.ID.String()+" is missing in the due index", hint)
		return
	}
	ms := score.Val()
	never := ms > 1e15
	switch {
	case s.Status == flow.StepQuarantined || l.x.Status == flow.Quarantined || slices.Contains(l.x.Ready, s.ID):
	case l.held(s):
	case s.Status == flow.StepPending && never:
		l.find("I1", "step "+s.ID.String()+" is pending, but its line in the due index never comes up", hint)
	case s.Wait != nil && !s.Wait.Due.IsZero() && ms > float64(max(s.Wait.Due.UnixMilli(), l.now)+late.Milliseconds()):
		l.find("I6", fmt.Sprintf("step %s waits until %s, but its line in the due index stands long after that", s.ID, s.Wait.Due.Format(time.RFC3339)), hint)
	}
}

// held tells whether a step has no token, which only those of paused executions may lack.
func (l *look) held(s *flow.Step) bool { return s.Token == "" && l.x.Status == flow.Paused }

// waits: what waits is listed, can be found by events, and has a child that can end it.
func (a *audit) waits(l *look) {
	if l.x.Status.Terminal() {
		return
	}
	t := home(l.id)
	for _, s := range l.unended() {
		w := s.Wait
		if w == nil {
			continue
		}
		id := flow.SuspensionID{Execution: l.id, Step: s.ID, Turn: s.Turn}.String()
		l.mayStand(place{inZSet, suspendedKey(t, w.Type), id})
		for _, list := range waitLists(a.format, t, l.x.Workflow, w.Type, w.Event) {
			l.want(place{inZSet, list, id}, "I5", "the suspension of step "+s.ID.String()+" in a list", "lists of what waits leave it out; ZADD the member with its time in ms, or +inf, as score")
		}
		l.want(place{inSet, suspendTypesKey(t), w.Type}, "I5", "the suspend type", "SADD it")
		if e := w.Event; e != nil {
			hint := "events do not find this wait; ZADD the member with its time of registration as score"
			l.want(place{inZSet, waitersKey(t, e.Key()), id}, "I7", "the subscription of step "+s.ID.String(), hint)
			l.want(place{inHash, shapesKey(t, e.Type), e.Shape()}, "I7", "the shape of the filter of step "+s.ID.String(), "events do not find this wait; HSET the field to the number of such waits")
		}
		l.child(s)
	}
}

func (l *look) child(s *flow.Step) {
	c := s.Wait.Child
	if _, ok := flow.PartitionOf(c); !ok || home(c) != home(l.id) {
		return
	}
	hint := "nothing but its timeout, a resume by hand or a cancel ends this wait now"
	l.want(place{aKey, executionKey(c), ""}, "I10", "the child that step "+s.ID.String()+" waits for", hint)
	l.wants = append(l.wants, want{place: place{inHash, executionKey(c), fieldEnded}, judge: func(l *look, cmd redis.Cmder) {
		if there(cmd) {
			l.find("I10", fmt.Sprintf("step %s waits for child %s, which has ended", s.ID, c), hint)
		}
	}})
}

// tasks: who should run has a task, or comes up soon.
func (a *audit) tasks(l *look) {
	if l.x.Status.Terminal() || l.x.Status == flow.Quarantined {
		return
	}
	for _, s := range l.unended() {
		if s.Status != flow.StepPending || slices.Contains(l.x.Ready, s.ID) || l.held(s) {
			continue
		}
		t, err := a.store.encoder.Encode(flow.Dispatch{Kind: flow.KindStep, Execution: l.id, Step: s.ID, Token: s.Token, Queue: l.queue(s)})
		if err != nil {
			l.find("format", err.Error(), "the record of the step was changed by hand")
			continue
		}
		l.task(s, t)
	}
}

// queue is where the task of a step is; empty = in the partition's own queue.
func (l *look) queue(s *flow.Step) string {
	var settings flow.Settings
	if w := l.workflow; w != nil && s.ID.Node < len(w.Nodes) {
		settings = w.Nodes[s.ID.Node].Settings
	}
	return l.x.QueueOf(settings)
}

// task judges the line and the task of a pending step together.
func (l *look) task(s *flow.Step, t flow.Task) {
	var score float64
	due := place{inZSet, dueKey(home(l.id)), stepEntry(l.id, s.ID)}
	l.wants = append(l.wants,
		want{place: due, judge: func(_ *look, cmd redis.Cmder) { score = scoreOf(cmd) }},
		want{place: place{ownTask, t.Key, ""}, judge: func(l *look, cmd redis.Cmder) {
			state, _ := cmd.(*redis.StringCmd)
			idle := state == nil || state.Err() != nil || state.Val() == "archived" || state.Val() == "completed"
			if idle && score > float64(l.now+soon.Milliseconds()) && score < 1e15 {
				l.find("asynq", fmt.Sprintf("step %s is pending without a task, and looked at again only at %s", s.ID, fromMillis(int64(score)).Format(time.RFC3339)), "nothing is lost: a worker gives it a new task then; to hurry, ZADD its line in the due index with the current time in ms")
			}
		}})
}

func scoreOf(cmd redis.Cmder) float64 {
	if c, ok := cmd.(*redis.FloatCmd); ok && c.Err() == nil {
		return c.Val()
	}
	return 0
}

// unexpected gives the places that name the execution, but should not.
func (l *look) unexpected() []place {
	var all []place
	for _, p := range l.seen {
		own := p.kind == aKey // its shared state or its outbox
		if !own && !slices.Contains(l.allowed, p) && !slices.ContainsFunc(l.wants, func(w want) bool { return w.place == p }) {
			all = append(all, p)
		}
	}
	return all
}
