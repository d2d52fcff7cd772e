package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"prana/engine/flow"
)

var narrowingPromises = []promise{
	{"waits by every combination of filters", everyFilter},
	{"executions of a status come by the time since when they have it", func(w *world) {
		a := w.create()
		w.Advance(5 * time.Millisecond)
		b := w.create(workflow("refund"))
		w.Advance(5 * time.Millisecond)
		w.move(b, suspend(waiting(0, eventWait("paid", nil))))
		w.Advance(5 * time.Millisecond)
		between := w.Now()
		w.Advance(5 * time.Millisecond)
		w.move(a, suspend(waiting(0, eventWait("paid", nil))))
		of := func(f flow.ExecutionFilter) []string {
			f.Status = flow.Suspended
			return w.executions(f)
		}
		same(w, "suspended", of(flow.ExecutionFilter{Limit: 1}), []string{a, b})
		same(w, "suspended since", of(flow.ExecutionFilter{Since: between}), []string{a})
		same(w, "suspended until", of(flow.ExecutionFilter{Until: between}), []string{b})
		same(w, "created until", w.executions(flow.ExecutionFilter{Until: between}), []string{b, a})
		same(w, "suspended of a workflow", of(flow.ExecutionFilter{Workflow: "refund"}), []string{b})
		equal(w, "number suspended of a workflow since", len(of(flow.ExecutionFilter{Workflow: "refund", Since: between})), 0)
	}},
	{"executions of a status of a workflow follow their moves", func(w *world) {
		id := w.create(workflow("refund"))
		w.create()
		of := func(s flow.Status) []string {
			return w.executions(flow.ExecutionFilter{Workflow: "refund", Status: s})
		}
		same(w, "running", of(flow.Running), []string{id})
		w.move(id, end(flow.Failed))
		equal(w, "number running", len(of(flow.Running)), 0)
		same(w, "failed", of(flow.Failed), []string{id})
		w.move(id, revive)
		same(w, "running again", of(flow.Running), []string{id})
		w.move(id, end(flow.Failed))
		w.Advance(2 * slack)
		w.purge(map[flow.Status]time.Duration{flow.Failed: 0}, 100)
		equal(w, "number failed after the purge", len(of(flow.Failed)), 0)
	}},
	{"one execution", func(w *world) {
		id := w.create()
		w.create()
		same(w, "it", w.executions(flow.ExecutionFilter{ID: id}), []string{id})
		equal(w, "number of nobody", len(w.executions(flow.ExecutionFilter{ID: flow.NewExecutionID(0)})), 0)
	}},
	{"cursors hold while waits come and go", movingWaits},
	{"cursors hold while executions move", movingExecutions},
	{"a relation says what the child is", func(w *world) {
		parent := w.create()
		kid := w.create(childOf(parent), workflow("refund"), func(c *flow.Change) { c.Head.Parent.Mode = "fire_and_forget" })
		w.create(childOf(kid))
		w.move(kid, end(flow.Failed))
		for name, f := range map[string]flow.RelationFilter{"by parent": {Parent: parent}, "by child": {Child: kid}, "by both": {Parent: parent, Child: kid}} {
			page, err := w.Store.Relations(w.Context(), f)
			w.must(err)
			if len(page.Items) != 1 {
				w.Fatalf("%s: %d relations, want 1", name, len(page.Items))
			}
			got := page.Items[0]
			equal(w, name+": created", got.CreatedAt.Equal(w.whole(kid).CreatedAt), true)
			got.CreatedAt, got.Node = time.Time{}, ""
			same(w, name, got, flow.Relation{
				ParentID: parent, ChildID: kid, Type: flow.SubWorkflow, Mode: "fire_and_forget", Workflow: "refund", Status: flow.Failed, Children: 1,
			})
		}
	}},
	{"children come newest first", func(w *world) {
		parent := w.create()
		var want []string
		for range 5 {
			want = append(want, w.create(childOf(parent)))
			w.Advance(2 * time.Millisecond)
		}
		slices.Reverse(want)
		same(w, "children", w.children(parent), want)
	}},
	{"a child goes from all lists when it is purged", func(w *world) {
		parent := w.create()
		gone, stays := w.create(childOf(parent), end(flow.Completed)), w.create(childOf(parent))
		w.Advance(2 * slack)
		equal(w, "purged", w.purge(map[flow.Status]time.Duration{flow.Completed: 0}, 100), 1)
		same(w, "children", w.children(parent), []string{stays})
		equal(w, "number of parents of it", len(w.related(flow.RelationFilter{Child: gone})), 0)
		equal(w, "number of all", len(w.related(flow.RelationFilter{})), 1)
	}},
	{"children are remembered longer than their parent", func(w *world) {
		parent := w.create()
		kid := w.create(childOf(parent))
		w.move(parent, end(flow.Completed))
		w.Advance(2 * slack)
		equal(w, "purged", w.purge(map[flow.Status]time.Duration{flow.Completed: 0}, 100), 1)
		same(w, "children", w.children(parent), []string{kid})
		w.move(kid, end(flow.Completed))
		w.Advance(2 * slack)
		equal(w, "purged then", w.purge(map[flow.Status]time.Duration{flow.Completed: 0}, 100), 1)
		equal(w, "number of children", len(w.children(parent)), 0)
	}},
	{"delays by workflow and end", delayFilters},
	{"delays and waits of one execution are read by pages", func(w *world) {
		var steps []*flow.Step
		for i := range 5 {
			steps = append(steps, waiting(i, flow.Wait{Type: flow.Delay, Timer: true, In: time.Hour - time.Duration(i)*time.Minute}))
		}
		id := w.create(suspend(steps...))
		w.sleeper(flow.Wait{Type: flow.Delay, Timer: true, In: time.Hour})
		var want []string
		for _, s := range slices.Backward(steps) {
			want = append(want, suspensionID(id, s).String())
		}
		same(w, "waits", w.suspensions(flow.SuspensionFilter{Execution: id, Limit: 2}), want)
		var nodes []string
		for _, d := range w.delaysOf(flow.DelayFilter{Execution: id, Limit: 2}) {
			equal(w, "status", d.Status, flow.DelayPending)
			nodes = append(nodes, d.Node)
		}
		equal(w, "number of delays", len(nodes), 5)
		equal(w, "number soon", len(w.delaysOf(flow.DelayFilter{Execution: id, Until: w.Now().Add(57*time.Minute + 30*time.Second)})), 2)
		equal(w, "number of another workflow", len(w.delaysOf(flow.DelayFilter{Execution: id, Workflow: "refund"})), 0)
	}},
	{"a change says whose it is", func(w *world) {
		c := w.change(w.create())
		c.Workflow = ""
		w.wantErr(w.Store.Commit(w.Context(), c), flow.ErrInvalid)
	}},
}

// grid is a wait with what filters go by.
type grid struct {
	id                    string
	kind, event, workflow string
	end                   time.Time // zero = never
}

// everyFilter makes waits of every kind, and asks for them in every way.
func everyFilter(w *world) {
	var all []grid
	for _, of := range []string{"order", "refund"} {
		for _, in := range []time.Duration{10 * time.Minute, 2 * time.Hour, 0} {
			for kind, event := range map[string]string{flow.ExternalEvent: "paid", flow.CustomWait: "paid", flow.Webhook: "a:b|@", flow.Polling: ""} {
				wait := flow.Wait{Type: kind, In: in}
				if event != "" {
					wait.Event = &flow.Subscription{Type: event, Filter: map[string]any{"n": len(all)}}
				}
				s := waiting(0, wait)
				id := w.create(workflow(of), suspend(s))
				all = append(all, grid{suspensionID(id, s).String(), kind, event, of, w.whole(id).Steps[s.ID].Wait.Due})
			}
		}
	}
	now := w.Now()
	for _, kind := range []string{"", flow.ExternalEvent, flow.CustomWait, flow.Delay} {
		for _, event := range []string{"", "paid", "a:b|@"} {
			for _, of := range []string{"", "order", "nobody"} {
				for _, window := range [][2]time.Time{{}, {now.Add(time.Hour)}, {{}, now.Add(time.Hour)}, {now.Add(3 * time.Hour), now.Add(5 * time.Minute)}} {
					askGrid(w, all, flow.SuspensionFilter{Type: kind, EventType: event, Workflow: of, ExpiresBefore: window[0], ExpiresAfter: window[1], Limit: 3})
				}
			}
		}
	}
}

func askGrid(w *world, all []grid, f flow.SuspensionFilter) {
	w.Helper()
	var want []string
	for _, g := range all {
		timed := !g.end.IsZero()
		if (f.Type == "" || f.Type == g.kind) && (f.EventType == "" || f.EventType == g.event) && (f.Workflow == "" || f.Workflow == g.workflow) &&
			(f.ExpiresBefore.IsZero() || timed && g.end.Before(f.ExpiresBefore)) && (f.ExpiresAfter.IsZero() || timed && g.end.After(f.ExpiresAfter)) {
			want = append(want, g.id)
		}
	}
	sameSet(w, fmt.Sprintf("waits of %+v", f), w.suspensions(f), want)
}

// movingWaits: the row that a cursor names goes, others go and come, and those that stay are told once. None of them has
// an end, so that all have one place but for their names.
func movingWaits(w *world) {
	type sleeping struct {
		id   string
		step *flow.Step
	}
	waits := map[string]sleeping{}
	add := func() {
		s := waiting(0, flow.Wait{Type: flow.CustomWait})
		id := w.create(suspend(s))
		waits[suspensionID(id, s).String()] = sleeping{id, s}
	}
	wake := func(name string) {
		s := waits[name]
		w.move(s.id, resolve(s.step, step(0, flow.StepPending), nil))
		delete(waits, name)
	}
	for range 12 {
		add()
	}
	stay := map[string]int{}
	for name := range waits {
		stay[name] = 0
	}
	f := flow.SuspensionFilter{Limit: 3}
	for range 100 {
		page, err := w.Store.Suspensions(w.Context(), f)
		w.must(err)
		for _, v := range page.Items {
			stay[v.ID]++
		}
		if f.Cursor = page.Cursor; f.Cursor == "" {
			break
		}
		wake(page.Items[len(page.Items)-1].ID) // where the cursor stands
		wake(page.Items[0].ID)
		if len(waits) < 10 {
			add()
		}
	}
	for name, told := range stay {
		if told > 1 || told == 0 && waits[name].id != "" {
			w.Errorf("wait %s was told %d times", name, told)
		}
	}
}

// movingExecutions: the same for executions of one status.
func movingExecutions(w *world) {
	told := map[string]int{}
	for range 9 {
		told[w.create()] = 0
	}
	f := flow.ExecutionFilter{Status: flow.Running, Limit: 2}
	for range 100 {
		page, err := w.Store.Executions(w.Context(), f)
		w.must(err)
		for _, x := range page.Items {
			told[x.ID]++
		}
		if f.Cursor = page.Cursor; f.Cursor == "" {
			break
		}
		w.move(page.Items[len(page.Items)-1].ID, end(flow.Completed))
		w.create() // it is newer than all, and comes in no later page
	}
	for id, n := range told {
		if n != 1 {
			w.Errorf("execution %s was told %d times", id, n)
		}
	}
}

func delayFilters(w *world) {
	var ids []string
	for i, of := range []string{"order", "refund", "order", "order"} {
		s := waiting(0, flow.Wait{Type: flow.Delay, Timer: true, In: time.Duration(i+1) * time.Hour})
		ids = append(ids, w.create(workflow(of), suspend(s)))
	}
	w.sleeper(flow.Wait{Type: flow.Retry, Timer: true, In: time.Hour})
	in := func(d time.Duration) time.Time { return w.Now().Add(d) }
	read := func(f flow.DelayFilter) []string {
		var out []string
		for _, d := range w.delaysOf(f) {
			out = append(out, d.ExecutionID)
		}
		return out
	}
	same(w, "all", read(flow.DelayFilter{Limit: 2}), ids)
	same(w, "of a workflow", read(flow.DelayFilter{Workflow: "order", Limit: 1}), []string{ids[0], ids[2], ids[3]})
	same(w, "from", read(flow.DelayFilter{From: in(150 * time.Minute)}), ids[2:])
	same(w, "until", read(flow.DelayFilter{Until: in(150 * time.Minute)}), ids[:2])
	same(w, "all together", read(flow.DelayFilter{Workflow: "order", From: in(90 * time.Minute), Until: in(210 * time.Minute)}), ids[2:3])
	equal(w, "workflow of a delay", w.delaysOf(flow.DelayFilter{Execution: ids[1]})[0].Workflow, "refund")
}

func (w *world) delaysOf(f flow.DelayFilter) []flow.DelayView {
	w.Helper()
	if f.Limit == 0 {
		f.Limit = 100
	}
	return pages(w, f.Limit, func(ctx context.Context, cursor string) (flow.Page[flow.DelayView], error) {
		f.Cursor = cursor
		return w.Store.Delays(ctx, f)
	})
}

func (w *world) related(f flow.RelationFilter) []flow.Relation {
	w.Helper()
	f.Limit = 2
	return pages(w, f.Limit, func(ctx context.Context, cursor string) (flow.Page[flow.Relation], error) {
		f.Cursor = cursor
		return w.Store.Relations(ctx, f)
	})
}

func (w *world) children(parent string) []string {
	w.Helper()
	var ids []string
	for _, r := range w.related(flow.RelationFilter{Parent: parent}) {
		ids = append(ids, r.ChildID)
	}
	return ids
}
