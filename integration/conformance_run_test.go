package integration

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/engine/plan"
)

// conformanceTime bounds every wait of a case; it is never waited for.
const conformanceTime = 20 * time.Second

// trial is one try of one case in one mode, under way.
type trial struct {
	*system
	conformanceTry
	told *witness
	one  conformanceCase
	own  string // what SELF stands for; also the id of the workflow
	mode flow.Mode
	ids  map[string]string // name -> execution
}

func (c conformanceCase) try(t *testing.T, s *system, told *witness, mode flow.Mode, i int) {
	t.Helper()
	own, named := c.named(t, mode, i)
	tr := &trial{system: s, conformanceTry: named.Tries[i], told: told, one: named, own: own, mode: mode, ids: map[string]string{}}
	if tr.Why != "" {
		t.Logf("try %d: %s", i, tr.Why)
	}
	for _, name := range slices.Sorted(maps.Keys(named.Others)) {
		tr.publish(t, own+"_"+name, maps.Clone(named.Others[name]))
	}
	want := tr.Want
	if r := want.Refused; r != nil {
		tr.refused(t, *r)
		return
	}
	a := tr.publish(t, own, tr.one.workflow(tr.conformanceTry))
	if want.Warned != nil && !diagnosed(t, a, plan.SeverityWarning, *want.Warned) {
		t.Errorf("publishing is answered with %s; want a warning %s about %q", a.body, want.Warned.Code, want.Warned.Says)
	}
	if want.Graph != nil {
		tr.graph(t, *want.Graph)
	}
	for _, a := range tr.actions() {
		tr.act(t, a)
	}
	tr.holds(t, "it", want)
}

func (tr *trial) actions() []action {
	if len(tr.Do) > 0 {
		return tr.Do
	}
	return []action{{Start: tr.Input}, {Await: "ended"}}
}

// put publishes a workflow as users do, and gives the answer.
func (tr *trial) put(t *testing.T, id string, w map[string]any) answer {
	t.Helper()
	w["id"], w["mode"] = id, tr.mode
	text, err := flow.Encode(w)
	if err != nil {
		t.Fatal(err)
	}
	return tr.request(t, "POST", "/v1/workflows", []byte(strings.ReplaceAll(string(text), "WORLD", tr.world.URL)))
}

func (tr *trial) publish(t *testing.T, id string, w map[string]any) answer {
	t.Helper()
	a := tr.put(t, id, w)
	if a.status != 201 && a.status != 200 {
		t.Fatalf("publishing %s was answered with %d: %s", id, a.status, a.body)
	}
	return a
}

func (tr *trial) act(t *testing.T, a action) {
	t.Helper()
	if a.Of == "" {
		a.Of = "it"
	}
	switch {
	case a.Await != "":
		tr.awaits(t, a)
	case a.Child != "":
		tr.child(t, a)
	case a.Resume != nil:
		tr.resume(t, a.Of, *a.Resume)
	case a.Publish != nil:
		tr.event(t, *a.Publish)
	case a.Change != nil:
		changed := tr.conformanceTry
		changed.Params = a.Change
		tr.publish(t, tr.own, tr.one.workflow(changed))
	case a.Restart:
		tr.restart(t)
	case a.Want != nil:
		tr.holds(t, a.Of, *a.Want)
	default:
		r, err := tr.engine.Start(t.Context(), flow.StartRequest{Workflow: cmp.Or(a.Flow, tr.own), Input: a.Start})
		if err != nil {
			t.Fatalf("starting: %v", err)
		}
		tr.ids[a.Of] = r.ExecutionID
	}
}

// id gives the execution of a name; one that nobody began is an id that no execution has.
func (tr *trial) id(name string) string {
	if id, ok := tr.ids[name]; ok {
		return id
	}
	return flow.NewExecutionID(0)
}

func (tr *trial) awaits(t *testing.T, a action) {
	t.Helper()
	tr.until(t, a.Of, a.Await+" "+a.At, func(v *flow.View) bool {
		return v.Status == flow.Status(a.Await) && (a.At == "" || sleepsAt(v, a.At)) || a.Await == "ended" && v.Status.Terminal()
	})
}

func sleepsAt(v *flow.View, node string) bool {
	return slices.ContainsFunc(v.Suspensions, func(s flow.Suspension) bool { return s.Node == node })
}

func (tr *trial) child(t *testing.T, a action) {
	t.Helper()
	tr.until(t, a.Of, "the parent of a child of "+a.Child, func(v *flow.View) bool {
		i := slices.IndexFunc(v.Children, func(r flow.Relation) bool { return r.Node == a.Child })
		if i >= 0 {
			tr.ids[a.As] = v.Children[i].ChildID
		}
		return i >= 0
	})
}

// until waits until an execution is as it should be, and fails the test when it ends otherwise.
func (tr *trial) until(t *testing.T, name, what string, ok func(*flow.View) bool) *flow.View {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), conformanceTime)
	defer cancel()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		v, err := tr.engine.Describe(ctx, tr.id(name))
		if err == nil && ok(v) {
			return v
		}
		if ctx.Err() != nil || err == nil && v.Status.Terminal() {
			t.Fatalf("%s is not %s: %v, %s", name, what, err, raw(v))
		}
		time.Sleep(pause)
	}
}

func (tr *trial) resume(t *testing.T, name string, r resumption) {
	t.Helper()
	_, err := tr.engine.Resume(t.Context(), flow.ResumeRequest{Execution: tr.id(name), Node: r.Node, Data: r.Data})
	p, _ := errors.AsType[*flow.Problem](err)
	if err == nil && r.Refused != "" || err != nil && (p == nil || p.Code != r.Refused) {
		t.Fatalf("resuming %s at %q gives %v; want code %q", name, r.Node, err, r.Refused)
	}
}

func (tr *trial) event(t *testing.T, e publication) {
	t.Helper()
	r, err := tr.engine.Publish(t.Context(), flow.Event{Type: e.Type, Data: e.Data})
	if err != nil || r.Matched != e.Matched {
		t.Fatalf("publishing %s resolved %d waits (%v); want %d", e.Type, r.Matched, err, e.Matched)
	}
}

// restart kills all processes that work, and ends this one's part, before all of them begin anew.
func (tr *trial) restart(t *testing.T) {
	t.Helper()
	for _, p := range tr.living() {
		p.Kill()
	}
	if err := tr.app.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := tr.boot(); err != nil {
		t.Fatal(err)
	}
}

// witness remembers what middleware is told.
type witness struct {
	mu   sync.Mutex
	said map[string][]flow.Notice // by execution
}

func newWitness() *witness { return &witness{said: map[string][]flow.Notice{}} }

func (w *witness) watcher() watcher {
	return watcher{"witness", func(ctx context.Context, n flow.Notice, next flow.Next) {
		w.mu.Lock()
		w.said[n.Execution] = append(w.said[n.Execution], n)
		w.mu.Unlock()
		next(ctx, n)
	}}
}

// of gives the notices of some names about an execution, in the order of what they tell: they come after it was stored, and
// those of one step may be overtaken by those of the next.
func (w *witness) of(execution string, names ...string) []flow.Notice {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []flow.Notice
	for _, n := range w.said[execution] {
		if slices.Contains(names, n.Name) {
			out = append(out, n)
		}
	}
	slices.SortStableFunc(out, func(a, b flow.Notice) int { return cmp.Compare(a.Seq, b.Seq) })
	return out
}

// order lists the runs of nodes as they ended, then those that did not.
func (w *witness) order(execution string) []string {
	type nodeRun struct {
		node string
		run  int
	}
	var order []string
	seen := map[nodeRun]bool{}
	for _, n := range append(w.of(execution, flow.NodeCompleted, flow.NodeFailed), w.of(execution, flow.NodeStarting)...) {
		if r := (nodeRun{n.Node, n.Run}); !seen[r] {
			seen[r] = true
			order = append(order, n.Node)
		}
	}
	return order
}
