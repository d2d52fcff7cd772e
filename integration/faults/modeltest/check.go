package modeltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"pgregory.net/rapid"

	"prana/engine/flow"
	"prana/suspend"
)

// Check holds everything that the store tells against the model, and has the store audit itself.
func (w *Machine) Check(t *rapid.T) {
	w.counts.Actions++
	for _, id := range w.model.ids(func(*execution) bool { return true }) {
		w.checkExecution(t, w.model.executions[id])
	}
	for _, id := range slices.Sorted(maps.Keys(w.model.purged)) {
		if _, err := w.store.Load(w.ctx, id, flow.Want{}); !errors.Is(err, flow.ErrNotFound) {
			t.Logf("execution %s: %v", id, err)
			t.Fatal("an execution was purged, and is still there")
		}
	}
	clear(w.model.purged) // what is gone does not come back: an execution of that id would be another
	for p := range partitions {
		w.checkLines(t, p)
		w.checkTasks(t, p)
	}
	w.checkLists(t)
	for p := range partitions {
		w.audit(t, p)
	}
}

// audit is what prana doctor does.
func (w *Machine) audit(t *rapid.T, partition int) {
	found, err := w.store.Audit(w.ctx, partition, suspend.AuditOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.counts.Audits++
	for _, f := range found.Findings {
		t.Logf("the audit finds %+v", f)
		t.Errorf("the audit finds something of %s", f.Invariant)
	}
}

// seen is what is told of an execution, without times.
type seen struct {
	Rev      string
	Workflow string
	StartID  string
	Parent   *flow.Parent
	Front    flow.Front
	Ended    bool
	Steps    map[string]seenStep
	Nodes    map[int]flow.NodeState
	Values   map[flow.Ref]json.RawMessage
	State    map[string]json.RawMessage
	Result   json.RawMessage
	Problem  string
	Reply    json.RawMessage
	Outbox   []flow.Outgoing
}

type seenStep struct {
	Status  flow.StepStatus
	Token   string
	Op      string
	Turn    int
	Claim   string
	Waits   string // suspend type
	Child   string
	Listens *flow.Subscription
}

func (w *Machine) checkExecution(t *rapid.T, x *execution) {
	got, err := w.store.Load(w.ctx, x.id, flow.Want{All: true})
	if err != nil {
		t.Fatalf("loading execution %s: %v", x.id, err)
	}
	out, err := w.store.Outbox(w.ctx, x.id)
	if err != nil {
		t.Fatal(err)
	}
	if g, e := text(t, stored(got, out)), text(t, x.expected()); g != e {
		t.Logf("execution %s is\n %s\nwant\n %s", x.id, g, e)
		t.Fatal("an execution is not what the model says")
	}
	if x.ended {
		at := got.EndedAt.UnixMilli()
		if at < x.endedAt.low || at > x.endedAt.high {
			t.Logf("execution %s ended at %d, want %d to %d", x.id, at, x.endedAt.low, x.endedAt.high)
			t.Fatal("an execution ended at another time")
		}
		x.endedAt = span{at, at}
	}
}

// stored is what the store tells.
func stored(x *flow.Execution, out []flow.Outgoing) seen {
	s := seen{
		Rev: x.Rev, Workflow: x.Workflow, StartID: x.StartID, Parent: x.Parent, Front: normal(x.Front), Ended: !x.EndedAt.IsZero(), Steps: map[string]seenStep{}, Nodes: x.Nodes,
		Values: x.Values, State: x.State, Result: x.Result, Reply: x.Reply, Outbox: out,
	}
	if x.Error != nil {
		s.Problem = x.Error.Code
	}
	for id, st := range x.Steps {
		s.Steps[id.String()] = newSeenStep(st.Status, st.Token, st.Op, st.Turn, x.Claims[id], st.Wait)
	}
	return s
}

// expected is what the model tells.
func (x *execution) expected() seen {
	s := seen{
		Rev: x.rev, Workflow: x.head.Workflow, StartID: x.head.StartID, Parent: x.head.Parent, Front: normal(x.front), Ended: x.ended, Steps: map[string]seenStep{}, Nodes: x.nodes,
		Values: x.values, State: x.state, Result: x.result, Problem: x.problem, Reply: x.reply,
	}
	for _, id := range x.debts() {
		s.Outbox = append(s.Outbox, x.outbox[id])
	}
	for id, st := range x.steps {
		s.Steps[id.String()] = newSeenStep(st.status, st.token, st.op, st.turn, st.claim, st.wait)
	}
	return s
}

// normal makes no difference between an empty map and none.
func normal(f flow.Front) flow.Front {
	if len(f.Live) == 0 {
		f.Live = nil
	}
	return f
}

func newSeenStep(status flow.StepStatus, token, op string, turn int, claim string, w *flow.Wait) seenStep {
	s := seenStep{Status: status, Token: token, Op: op, Turn: turn, Claim: claim}
	if w != nil {
		s.Waits, s.Child, s.Listens = w.Type, w.Child, w.Event
	}
	return s
}

// checkLines holds the due index against the model, which then knows its times to the millisecond.
func (w *Machine) checkLines(t *rapid.T, partition int) {
	all, err := w.raw.ZRangeWithScores(w.ctx, dueKey(partition), 0, -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, z := range all {
		found[z.Member.(string)] = z.Score
	}
	for _, x := range w.model.executions {
		if partitionOf(x.id) != partition {
			continue
		}
		for rest, at := range x.lines {
			score, there := found[x.id+":"+rest]
			if !there {
				t.Logf("%s of execution %s", rest, x.id)
				t.Fatal("a line of the due index is missing")
			}
			delete(found, x.id+":"+rest)
			x.lines[rest] = pinned(t, x.id+":"+rest, at, score)
		}
	}
	if len(found) > 0 {
		t.Logf("%v", found)
		t.Fatal("the due index has lines that nobody asked for")
	}
}

func pinned(t *rapid.T, entry string, at span, score float64) span {
	switch {
	case score > 1e300 && at == never:
		return never
	case score > 1e300 || at == never || int64(score) < at.low || int64(score) > at.high:
		t.Logf("%s stands at %.0f, want %d to %d (-1 is never)", entry, score, at.low, at.high)
		t.Fatal("a line of the due index stands at another time")
	}
	return span{int64(score), int64(score)}
}

// checkTasks holds the queue against the model: what is pending, in which order, and which alarms are set.
func (w *Machine) checkTasks(t *rapid.T, partition int) {
	pending, err := w.raw.LRange(w.ctx, queueKey(partition)+"pending", 0, -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	alarms, err := w.raw.ZRange(w.ctx, queueKey(partition)+"scheduled", 0, -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	q := w.model.queue(partition)
	if want := slices.Sorted(maps.Keys(q.alarms)); !slices.Equal(pending, q.pending) || !slices.Equal(sorted(alarms), want) {
		t.Logf("pending are %v and alarms %v, want %v and %v", pending, alarms, q.pending, want)
		t.Fatal("the queue has other tasks, or another order")
	}
}

// checkLists holds the lists of the API against the model.
func (w *Machine) checkLists(t *rapid.T) {
	byStatus, waits, relations := map[string][]string{}, []string{}, []string{}
	for _, x := range w.model.executions {
		for _, list := range []string{"", string(x.front.Status)} {
			byStatus[list] = append(byStatus[list], x.id)
		}
		for id := range x.waits {
			waits = append(waits, flow.SuspensionID{Execution: x.id, Step: id, Turn: x.steps[id].turn}.String())
		}
		if p := x.head.Parent; p != nil {
			relations = append(relations, p.Execution+">"+x.id)
		}
	}
	w.checks++
	for _, status := range []flow.Status{"", flow.Statuses()[w.checks%len(flow.Statuses())]} { // all of them by turns
		page, err := w.store.Executions(w.ctx, flow.ExecutionFilter{Status: status, Limit: 100})
		same(t, "executions that are "+string(status), page, err, byStatus[string(status)], func(s flow.Summary) string { return s.ID })
	}
	w.checkFinding(t)
	listed, err := w.store.Suspensions(w.ctx, flow.SuspensionFilter{Limit: 100})
	same(t, "suspensions", listed, err, waits, func(s flow.Suspension) string { return s.ID })
	related, err := w.store.Relations(w.ctx, flow.RelationFilter{Limit: 100})
	same(t, "relations", related, err, relations, func(r flow.Relation) string { return r.ParentID + ">" + r.ChildID })
}

// checkFinding holds the executions that are found by a tag, and by an error, against the model.
func (w *Machine) checkFinding(t *rapid.T) {
	codes := []string{"failed", "cancelled", "timed_out", "poison"}
	code, team := codes[w.checks%len(codes)], "a"
	var tagged, broken, both []string
	for _, x := range w.model.executions {
		ours, breaks := x.head.Tags["team"] == team, x.findable() && x.problem == code
		if ours {
			tagged = append(tagged, x.id)
		}
		if breaks {
			broken = append(broken, x.id)
		}
		if ours && breaks {
			both = append(both, x.id)
		}
	}
	tags := map[string]string{"team": team}
	for name, ask := range map[string]struct {
		f    flow.ExecutionFilter
		want []string
	}{"of a tag": {flow.ExecutionFilter{Tags: tags}, tagged}, "with an error": {flow.ExecutionFilter{Error: code}, broken}, "with both": {flow.ExecutionFilter{Error: code, Tags: tags}, both}} {
		ask.f.Limit = 100
		page, err := w.store.Executions(w.ctx, ask.f)
		same(t, "executions "+name, page, err, ask.want, func(s flow.Summary) string { return s.ID })
	}
}

// findable tells whether it has an error by which lists find it.
func (x *execution) findable() bool { return x.problem != "" && x.front.Status.Over() }

func same[T any](t *rapid.T, what string, page flow.Page[T], err error, want []string, name func(T) string) {
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, item := range page.Items {
		got = append(got, name(item))
	}
	if g, e := fmt.Sprint(sorted(got)), fmt.Sprint(sorted(want)); g != e {
		t.Logf("%s are\n %s\nwant\n %s", what, g, e)
		t.Fatalf("the list of %s is another one", what)
	}
}
