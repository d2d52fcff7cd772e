package integration

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/plan"
)

// refused publishes the definition and looks at why it is not accepted.
func (tr *trial) refused(t *testing.T, r refusal) {
	t.Helper()
	a := tr.put(t, tr.own, tr.one.workflow(tr.conformanceTry))
	if a.status/100 != 4 || !diagnosed(t, a, plan.SeverityError, r) {
		t.Errorf("publishing is answered with %d %s; want %s about %q", a.status, a.body, r.Code, r.Says)
	}
}

// diagnosed tells whether the answer to a definition has the diagnostic.
func diagnosed(t *testing.T, a answer, severity string, r refusal) bool {
	t.Helper()
	var doc struct{ Diagnostics []plan.Diagnostic }
	if err := json.Unmarshal(a.body, &doc); err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(doc.Diagnostics, func(d plan.Diagnostic) bool {
		return d.Severity == severity && d.Code == r.Code && containsAll(d.Message+" "+d.Path, r.Says)
	})
}

func containsAll(text string, parts []string) bool {
	return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(text, p) })
}

// graph looks at how the definition is understood.
func (tr *trial) graph(t *testing.T, g graphWant) {
	t.Helper()
	w := tr.one.workflow(tr.conformanceTry)
	w["id"] = tr.own
	_, p, found := definition.Check("case.json", raw(w), tr.reg, plan.Options{})
	if p == nil {
		t.Fatalf("the definition is not accepted: %v", found)
	}
	to, from := map[string][]string{}, map[string][]string{}
	for _, e := range p.Edges {
		a, b := p.Nodes[e.From].Key, p.Nodes[e.To].Key
		to[a+"."+e.FromPort] = append(to[a+"."+e.FromPort], b)
		from[b] = append(from[b], a)
	}
	for place, want := range g.To {
		same(t, place+" leads to", to[place], want)
	}
	for key, want := range g.From {
		same(t, key+" is fed by", from[key], want)
	}
}

// holds looks at an execution as it is now.
func (tr *trial) holds(t *testing.T, name string, w want) {
	t.Helper()
	if reflect.DeepEqual(w, want{}) || w.Graph != nil && len(tr.ids) == 0 {
		return
	}
	v, err := tr.engine.Describe(t.Context(), tr.id(name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if t.Failed() {
			t.Logf("%s: %s", name, raw(v))
		}
	}()
	if w.Status != "" {
		same(t, "the status", v.Status, w.Status)
	}
	tr.runs(t, v, w)
	for key, n := range w.Nodes {
		n.holds(t, v, key)
	}
	tr.whole(t, v, w)
	tr.around(t, v, w)
}

// runs looks at which nodes ran, how often and in which order.
func (tr *trial) runs(t *testing.T, v *flow.View, w want) {
	t.Helper()
	if w.Order != nil && tr.mode == flow.Sequential && tr.told != nil {
		same(t, "the order", tr.told.order(v.ID), w.Order)
	}
	if w.Order != nil && w.Total == 0 {
		w.Total = len(w.Order)
	}
	count, total := map[string]int{}, 0
	for _, n := range v.Nodes {
		if n.StartedAt != nil || n.Status == flow.StepCompleted {
			count[n.Node]++
			total++
		}
	}
	if w.Total > 0 {
		same(t, "runs in all", total, w.Total)
	}
	for key, want := range w.Ran {
		same(t, "runs of "+key, count[key], want)
	}
	for key, want := range w.Each {
		same(t, "outputs of "+key, outputsOf(t, v, key), want)
	}
}

// outputsOf lists what the runs of a node left, in their order.
func outputsOf(t *testing.T, v *flow.View, key string) []any {
	t.Helper()
	runs := map[int]any{}
	for _, n := range v.Nodes {
		if n.Node == key {
			runs[n.RunIndex] = decoded(t, n.Output)
		}
	}
	out := make([]any, len(runs))
	for i := range out {
		out[i] = runs[i]
	}
	return out
}

// latest finds the last run of a node; "key/0" is run 0 of it.
func latest(t *testing.T, v *flow.View, key string) flow.NodeRun {
	t.Helper()
	key, only, one := strings.Cut(key, "/")
	last := flow.NodeRun{RunIndex: -1}
	for _, n := range v.Nodes {
		if n.Node == key && n.RunIndex > last.RunIndex && (!one || strconv.Itoa(n.RunIndex) == only) {
			last = n
		}
	}
	if last.RunIndex < 0 {
		t.Fatalf("node %s never ran", key)
	}
	return last
}

func (w nodeWant) holds(t *testing.T, v *flow.View, key string) {
	t.Helper()
	n := latest(t, v, key)
	if w.Status != "" {
		same(t, "the status of "+key, n.Status, w.Status)
	}
	if w.Port != "" {
		same(t, "the port of "+key, n.Port, w.Port)
	}
	if w.Out != nil {
		same(t, "the output of "+key, decoded(t, n.Output), decoded(t, w.Out))
	}
	if w.Has != nil {
		has(t, "the output of "+key, decoded(t, n.Output), w.Has)
	}
	if w.Error != nil {
		w.Error.holds(t, "the error of "+key, n.Error)
	}
	if w.Attempts > 0 {
		same(t, "attempts of "+key, n.Attempt+1, w.Attempts)
	}
	if w.Run != nil {
		same(t, "the run of "+key, n.RunIndex, *w.Run)
	}
}

func (w problemWant) holds(t *testing.T, what string, p *flow.Problem) {
	t.Helper()
	if p == nil {
		t.Errorf("%s is missing", what)
		return
	}
	if w.Code != "" {
		same(t, what+", its code", p.Code, w.Code)
	}
	if w.Node != "" {
		same(t, what+", its node", p.Node, w.Node)
	}
	if text := p.Message + " " + string(raw(p.Details)); !containsAll(text, w.Says) {
		t.Errorf("%s says %q; want %q in it", what, text, w.Says)
	}
	if w.Has != nil {
		has(t, what, decoded(t, raw(p.Details)), w.Has)
	}
}

// whole looks at the execution as a whole.
func (tr *trial) whole(t *testing.T, v *flow.View, w want) {
	t.Helper()
	if w.Output != nil {
		same(t, "the output", decoded(t, v.Output), decoded(t, w.Output))
	}
	if w.Input != nil {
		same(t, "the input", decoded(t, v.Input), decoded(t, w.Input))
	}
	if w.Error != nil {
		w.Error.holds(t, "the error", v.Error)
	}
	if w.Children != nil {
		same(t, "the number of children", len(v.Children), *w.Children)
	}
	if w.TookMS > 0 {
		if took := v.EndedAt.Sub(v.CreatedAt); took < time.Duration(w.TookMS)*time.Millisecond {
			t.Errorf("it took %s; want %d ms at least", took, w.TookMS)
		}
	}
}

// around looks at what an execution sleeps for, and what it told the world.
func (tr *trial) around(t *testing.T, v *flow.View, w want) {
	t.Helper()
	if w.Suspended != nil {
		same(t, "the number of suspensions", len(v.Suspensions), len(*w.Suspended))
		for i, s := range v.Suspensions[:min(len(v.Suspensions), len(*w.Suspended))] {
			(*w.Suspended)[i].holds(t, s)
		}
	}
	if w.Retries != nil {
		told := tr.told.of(v.ID, flow.NodeRetryScheduled)
		same(t, "the number of retries", len(told), len(w.Retries))
		for i, n := range told[:min(len(told), len(w.Retries))] {
			has(t, fmt.Sprintf("retry %d", i+1), decoded(t, n.SuspensionData), w.Retries[i])
		}
	}
	for _, key := range w.Open {
		if n := latest(t, v, key); n.StartedAt == nil || n.EndedAt != nil {
			t.Errorf("%s began %v and ended %v", key, n.StartedAt, n.EndedAt)
		}
	}
	for path, want := range w.Calls {
		methods := []string{}
		for _, c := range tr.world.calls(path) {
			methods = append(methods, c.Method)
		}
		same(t, "calls of "+path, methods, want)
	}
}

func (w suspensionWant) holds(t *testing.T, s flow.Suspension) {
	t.Helper()
	same(t, "what sleeps", s.Node, w.Node)
	if w.Type != "" {
		same(t, "the type of the suspension", s.Type, w.Type)
	}
	if w.Has != nil {
		has(t, "the data of the suspension", decoded(t, s.Data), w.Has)
	}
	if w.TimeoutMS > 0 {
		same(t, "the time of the suspension", s.TimeoutAt.Sub(s.SuspendedAt).Milliseconds(), w.TimeoutMS)
	}
}

// decoded reads JSON, whatever its layout.
func decoded(t *testing.T, text json.RawMessage) any {
	t.Helper()
	v, err := flow.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// same compares values as JSON shows them.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if string(raw(got)) != string(raw(want)) {
		t.Errorf("%s: got %s, want %s", what, raw(got), raw(want))
	}
}

// has compares the members that are wanted; objects among them member by member.
func has(t *testing.T, what string, got any, want map[string]any) {
	t.Helper()
	m, ok := got.(map[string]any)
	if !ok {
		t.Errorf("%s is %s, not an object", what, raw(got))
		return
	}
	for k, v := range want {
		if inner, ok := v.(map[string]any); ok {
			has(t, what+"."+k, m[k], inner)
			continue
		}
		if _, there := m[k]; !there {
			t.Errorf("%s has no member %s: %s", what, k, raw(got))
			continue
		}
		same(t, what+"."+k, m[k], v)
	}
}
