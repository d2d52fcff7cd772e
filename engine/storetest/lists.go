package storetest

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"prana/engine/flow"
)

var listPromises = []promise{
	{"executions come newest first, by pages", func(w *world) {
		var want []string
		for range 7 {
			want = append(want, w.create())
			w.Advance(5 * time.Millisecond)
		}
		slices.Reverse(want)
		same(w, "executions", w.executions(flow.ExecutionFilter{Limit: 3}), want)
		same(w, "executions at once", w.executions(flow.ExecutionFilter{Limit: 100}), want)
	}},
	{"executions by status follow their moves", func(w *world) {
		a, b := w.create(), w.create()
		w.move(a, suspend(waiting(0, eventWait("paid", nil))))
		same(w, "suspended", w.executions(flow.ExecutionFilter{Status: flow.Suspended}), []string{a})
		same(w, "running", w.executions(flow.ExecutionFilter{Status: flow.Running}), []string{b})
		w.move(b, end(flow.Failed))
		same(w, "failed", w.executions(flow.ExecutionFilter{Status: flow.Failed}), []string{b})
		equal(w, "number running", len(w.executions(flow.ExecutionFilter{Status: flow.Running})), 0)
		w.move(b, revive)
		same(w, "running again", w.executions(flow.ExecutionFilter{Status: flow.Running}), []string{b})
		equal(w, "number failed", len(w.executions(flow.ExecutionFilter{Status: flow.Failed})), 0)
	}},
	{"every status has its list", func(w *world) {
		for _, s := range flow.Statuses() {
			id := w.create(func(c *flow.Change) { c.Front.Status, c.Ended = s, s.Terminal() })
			same(w, "list of "+string(s), w.executions(flow.ExecutionFilter{Status: s}), []string{id})
		}
	}},
	{"executions by workflow and time", func(w *world) {
		first := w.create(workflow("refund"))
		w.Advance(10 * time.Millisecond)
		second := w.create()
		w.Advance(10 * time.Millisecond)
		third := w.create(workflow("refund"), end(flow.Completed))
		at := w.whole(second).CreatedAt
		same(w, "of the workflow", w.executions(flow.ExecutionFilter{Workflow: "refund"}), []string{third, first})
		same(w, "since", w.executions(flow.ExecutionFilter{Since: at}), []string{third, second})
		same(w, "until", w.executions(flow.ExecutionFilter{Until: at}), []string{first})
		same(w, "all together", w.executions(flow.ExecutionFilter{
			Workflow: "refund", Since: at, Status: flow.Completed, Until: at.Add(time.Hour),
		}), []string{third})
		equal(w, "number of unknown", len(w.executions(flow.ExecutionFilter{Workflow: "nobody"})), 0)
	}},
	{"executions of all partitions are listed", func(w *world) {
		want := []string{w.create()}
		c := birth()
		c.Execution = flow.NewExecutionID(1)
		w.commit(c)
		sameSet(w, "executions", w.executions(flow.ExecutionFilter{Limit: 1}), append(want, c.Execution))
	}},
	{"list and detail agree", listAndDetail},
	{"waits are listed as they are", listedWait},
	{"waits by type, event, execution and time", func(w *world) {
		delay := w.sleeper(flow.Wait{Type: flow.Delay, Timer: true, In: time.Minute})
		paid := w.sleeper(flow.Wait{Type: flow.ExternalEvent, In: time.Hour, Event: &flow.Subscription{Type: "paid"}})
		hook := w.sleeper(flow.Wait{Type: flow.Webhook, Event: &flow.Subscription{Type: "hook"}})
		sameSet(w, "all", w.suspensions(flow.SuspensionFilter{Limit: 1}), []string{delay.String(), paid.String(), hook.String()})
		sameSet(w, "of a type", w.suspensions(flow.SuspensionFilter{Type: flow.Delay}), []string{delay.String()})
		sameSet(w, "of an event", w.suspensions(flow.SuspensionFilter{EventType: "hook"}), []string{hook.String()})
		sameSet(w, "of an execution", w.suspensions(flow.SuspensionFilter{Execution: paid.Execution}), []string{paid.String()})
		sameSet(w, "soon over", w.suspensions(flow.SuspensionFilter{ExpiresBefore: w.Now().Add(10 * time.Minute)}), []string{delay.String()})
		sameSet(w, "over some day", w.suspensions(flow.SuspensionFilter{ExpiresBefore: w.Now().Add(10 * time.Hour)}), []string{delay.String(), paid.String()})
		sameSet(w, "all together", w.suspensions(flow.SuspensionFilter{
			Type: flow.ExternalEvent, EventType: "paid", Execution: paid.Execution, ExpiresBefore: w.Now().Add(10 * time.Hour),
		}), []string{paid.String()})
		equal(w, "number of no type", len(w.suspensions(flow.SuspensionFilter{Type: flow.Retry})), 0)
	}},
	{"waits are read by pages", func(w *world) {
		var want []string
		for i := range 7 {
			want = append(want, w.sleeper(flow.Wait{Type: []string{flow.CustomWait, flow.Retry}[i%2]}).String())
		}
		sameSet(w, "waits", w.suspensions(flow.SuspensionFilter{Limit: 3}), want)
		sameSet(w, "waits of a type", w.suspensions(flow.SuspensionFilter{Limit: 3, Type: flow.Retry}), []string{want[1], want[3], want[5]})
	}},
	{"waits come in the order of their end", func(w *world) {
		var want []string
		for i := range 7 {
			want = append(want, w.sleeper(flow.Wait{Type: flow.CustomWait, In: time.Hour - time.Duration(i)*time.Minute}).String())
		}
		slices.Reverse(want)
		want = append(want, w.sleeper(flow.Wait{Type: flow.Webhook}).String())
		same(w, "waits", w.suspensions(flow.SuspensionFilter{Limit: 3}), want)
	}},
	{"a wait that ended is not listed", func(w *world) {
		old := waiting(0, eventWait("paid", nil))
		id := w.create(suspend(old))
		w.move(id, resolve(old, step(0, flow.StepPending), nil))
		equal(w, "number of waits", len(w.suspensions(flow.SuspensionFilter{})), 0)
		equal(w, "number of its waits", len(w.suspensions(flow.SuspensionFilter{Execution: id})), 0)
	}},
	{"relations by either end", relations},
	{"delays that are pending", func(w *world) {
		began := w.Now()
		s := waiting(0, flow.Wait{Type: flow.Delay, Timer: true, In: time.Hour})
		id := w.create(suspend(s))
		w.sleeper(flow.Wait{Type: flow.Retry, Timer: true, In: time.Hour})
		got := w.delays()
		if len(got) != 1 {
			w.Fatalf("%d delays are pending, want 1", len(got))
		}
		equal(w, "execution", got[0].ExecutionID, id)
		w.stamped("resume at", got[0].ResumeAt, began, time.Hour)
		w.stamped("suspended at", got[0].SuspendedAt, began, 0)
		w.move(id, resolve(s, step(0, flow.StepCompleted), nil))
		equal(w, "number pending when it is over", len(w.delays()), 0)
	}},
	{"lists name nodes as their authors did", func(w *world) {
		wf := &flow.Workflow{ID: "order", Nodes: []flow.Node{{Key: "begin", Type: "core.log"}, {Key: "rest", Type: "flow.delay"}}}
		_, err := w.Store.PutWorkflow(w.Context(), wf, "v1")
		w.must(err)
		s := waiting(1, flow.Wait{Type: flow.Delay, Timer: true, In: time.Hour})
		w.create(suspend(s), childOf(w.create()))
		list, err := w.Store.Suspensions(w.Context(), flow.SuspensionFilter{})
		w.must(err)
		equal(w, "node of the wait", list.Items[0].Node, "rest")
		equal(w, "node of the delay", w.delays()[0].Node, "rest")
		rel, err := w.Store.Relations(w.Context(), flow.RelationFilter{})
		w.must(err)
		equal(w, "node of the relation", rel.Items[0].Node, "rest")
	}},
	{"empty lists are empty", func(w *world) {
		equal(w, "number of executions", len(w.executions(flow.ExecutionFilter{})), 0)
		equal(w, "number of waits", len(w.suspensions(flow.SuspensionFilter{})), 0)
		equal(w, "number of delays", len(w.delays()), 0)
		w.must(w.Store.Ping(w.Context()))
	}},
}

func listAndDetail(w *world) {
	parent := w.create()
	w.create(childOf(parent), func(c *flow.Change) {
		c.Head.Tags, c.Head.RerunOf = map[string]string{"team": "ü|@"}, parent
		c.Error = flow.Problemf("broken", "it broke")
	}, end(flow.Failed))
	list, err := w.Store.Executions(w.Context(), flow.ExecutionFilter{})
	w.must(err)
	equal(w, "number of executions", len(list.Items), 2)
	for _, got := range list.Items {
		x := w.whole(got.ID)
		want := flow.Summary{
			ID: x.ID, Workflow: x.Workflow, Version: x.Version, Status: x.Status,
			CreatedAt: got.CreatedAt, EndedAt: got.EndedAt, RerunOf: x.RerunOf, Tags: x.Tags, Error: x.Error,
		}
		if x.Parent != nil {
			want.ParentID = x.Parent.Execution
		}
		same(w, "summary", got, want)
		equal(w, "created", got.CreatedAt.Equal(x.CreatedAt), true)
		equal(w, "ended or not", got.EndedAt != nil, !x.EndedAt.IsZero())
		if got.EndedAt != nil {
			equal(w, "ended", got.EndedAt.Equal(x.EndedAt), true)
		}
	}
}

func listedWait(w *world) {
	began := w.Now()
	timer := waiting(1, flow.Wait{Type: flow.Delay, Timer: true, In: time.Minute})
	other := waiting(2, flow.Wait{Type: flow.ExternalEvent, In: time.Hour, Data: json.RawMessage(`{"ask":"Ann|@"}`), Event: &flow.Subscription{Type: "paid"}})
	other.ID.Run, other.Turn = 3, 2
	id := w.create(suspend(timer, other))
	list, err := w.Store.Suspensions(w.Context(), flow.SuspensionFilter{})
	w.must(err)
	equal(w, "number of waits", len(list.Items), 2)
	for _, got := range list.Items {
		equal(w, "execution", got.ExecutionID, id)
		equal(w, "workflow", got.Workflow, "order")
		w.stamped("suspended at", got.SuspendedAt, began, 0)
		if got.Type == flow.Delay {
			equal(w, "id", got.ID, id+":1.000:0")
			equal(w, "has no timeout", got.TimeoutAt == nil, true)
			w.stamped("resume at", *got.ResumeAt, began, time.Minute)
			continue
		}
		equal(w, "id", got.ID, id+":2.003:2")
		equal(w, "run", got.RunIndex, 3)
		equal(w, "data", string(got.Data), `{"ask":"Ann|@"}`)
		equal(w, "does not resume by itself", got.ResumeAt == nil, true)
		w.stamped("timeout at", *got.TimeoutAt, began, time.Hour)
	}
}

func relations(w *world) {
	parent, other := w.create(), w.create()
	var children []string
	for range 5 {
		children = append(children, w.create(childOf(parent)))
	}
	stranger := w.create(childOf(other))
	read := func(f flow.RelationFilter) []string {
		f.Limit = 2
		var out []string
		for _, r := range pages(w, 2, func(ctx context.Context, cursor string) (flow.Page[flow.Relation], error) {
			f.Cursor = cursor
			return w.Store.Relations(ctx, f)
		}) {
			equal(w, "type", r.Type, "sub_workflow")
			equal(w, "has a time", r.CreatedAt.IsZero(), false)
			out = append(out, r.ParentID+">"+r.ChildID)
		}
		return out
	}
	var want []string
	for _, c := range children {
		want = append(want, parent+">"+c)
	}
	sameSet(w, "of the parent", read(flow.RelationFilter{Parent: parent}), want)
	sameSet(w, "of a child", read(flow.RelationFilter{Child: children[3]}), want[3:4])
	sameSet(w, "of both", read(flow.RelationFilter{Parent: other, Child: stranger}), []string{other + ">" + stranger})
	sameSet(w, "of strangers", read(flow.RelationFilter{Parent: other, Child: children[0]}), nil)
	sameSet(w, "all", read(flow.RelationFilter{}), append(want, other+">"+stranger))
}

func (w *world) executions(f flow.ExecutionFilter) []string {
	w.Helper()
	if f.Limit == 0 {
		f.Limit = 100
	}
	var out []string
	for _, x := range pages(w, f.Limit, func(ctx context.Context, cursor string) (flow.Page[flow.Summary], error) {
		f.Cursor = cursor
		return w.Store.Executions(ctx, f)
	}) {
		out = append(out, x.ID)
	}
	return out
}

func (w *world) suspensions(f flow.SuspensionFilter) []string {
	w.Helper()
	if f.Limit == 0 {
		f.Limit = 100
	}
	var out []string
	for _, s := range pages(w, f.Limit, func(ctx context.Context, cursor string) (flow.Page[flow.Suspension], error) {
		f.Cursor = cursor
		return w.Store.Suspensions(ctx, f)
	}) {
		out = append(out, s.ID)
	}
	return out
}

// delays lists those that are pending; the others may be listed or not.
func (w *world) delays() []flow.DelayView {
	w.Helper()
	page, err := w.Store.Delays(w.Context(), flow.DelayFilter{})
	w.must(err)
	return slices.DeleteFunc(page.Items, func(d flow.DelayView) bool { return d.Status != flow.DelayPending })
}

// sleeper creates an execution that waits, and names the wait.
func (w *world) sleeper(wait flow.Wait) flow.SuspensionID {
	w.Helper()
	s := waiting(0, wait)
	return suspensionID(w.create(suspend(s)), s)
}
