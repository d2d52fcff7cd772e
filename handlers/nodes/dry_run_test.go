package nodes

import (
	"slices"
	"testing"

	"prana/engine/enginetest"
	"prana/engine/flow"
)

func tried(t *testing.T, env *enginetest.Env, e flow.Event) flow.EventPreview {
	t.Helper()
	p, err := env.Engine().DryRun(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// reasonsOf gives what a preview says of the only wait of an execution.
func reasonsOf(p flow.EventPreview, execution string) []flow.Mismatch {
	return p.Waits[slices.IndexFunc(p.Waits, func(w flow.WaitPreview) bool { return w.ExecutionID == execution })].Reasons
}

// job is an event with these data.
func job(data string) flow.Event { return flow.Event{ID: "e", Type: "job", Data: []byte(data)} }

func TestDryRunTellsWhoWouldTakeAnEventAndWhoNotAndWhy(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, Builtin(Options{})...)
	env.Deploy(listening(`"event_filter":{"kind":"$input.kind","order.id":"$input.order"},"match":"$event.data.size <= $input.most"`))
	wait := func(kind string, order, most int) any {
		return map[string]any{"kind": kind, "order": order, "most": most}
	}
	ids := begin(env, wait("a", 7, 10), wait("a", 7, 5), wait("b", 8, 10), wait("a", 8, 10))
	for range 2 { // nothing changes
		p := tried(t, env, job(`{"kind":"a","order":{"id":7.0},"size":9}`))
		same(t, "what it tells", []any{p.Matched, p.Executions, p.Buffered, p.DryRun, len(p.Waits)}, []any{1, ids[:1], false, true, 4})
		var order []string
		for _, w := range p.Waits {
			order = append(order, w.ExecutionID)
			same(t, "workflow and node", []string{w.Workflow, w.Node}, []string{"w", "wait"})
		}
		same(t, "the one that takes it, then the others but for the farthest", []any{order[0], order[3]}, []any{ids[0], ids[2]})
		why := func(id string) []flow.Mismatch { return reasonsOf(p, id) }
		same(t, "why the first takes it", why(ids[0]), []any{})
		same(t, "why the second does not", why(ids[1]), []any{map[string]any{"match": "$event.data.size <= $input.most", "got": false}})
		same(t, "why the third does not", why(ids[2]), []any{map[string]any{"path": "kind", "want": "b", "got": "a"}, map[string]any{"path": "order.id", "want": 8, "got": 7}})
		same(t, "why the fourth does not", why(ids[3]), []any{map[string]any{"path": "order.id", "want": 8, "got": 7}})
	}
	p := tried(t, env, job(`{"kind":"a","order":{"id":7},"size":"big"}`))
	same(t, "what comes of an error", []any{p.Matched, p.Buffered}, []any{0, true})
	if r := reasonsOf(p, ids[0]); len(r) != 1 || r[0].Error == "" || r[0].Match == "" || r[0].Got != nil {
		t.Errorf("the error is told as %+v", r)
	}
	p = tried(t, env, job(`{"kind":"a"}`))
	same(t, "a path that is missing", reasonsOf(p, ids[0]), []any{map[string]any{"path": "order.id", "want": 7}})
	if r, err := env.Engine().Publish(t.Context(), job(`{"kind":"a","order":{"id":7},"size":9}`)); err != nil || r.Repeated || r.Matched != 1 {
		t.Errorf("publishing it afterwards gives %+v, %v", r, err)
	}
}

func TestDryRunCountsPlaces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		params   string
		event    flow.Event
		matched  int
		buffered bool
	}{
		{`"timeout_ms":1000`, flow.Event{}, 3, false},
		{`"timeout_ms":1000`, flow.Event{Keep: true}, 3, true},
		{`"timeout_ms":1000`, flow.Event{Limit: 2}, 2, false},
		{`"takers":"1"`, flow.Event{}, 1, false},
		{`"takers":"5"`, flow.Event{}, 3, true},
		{`"takers":"5"`, flow.Event{TTL: -1}, 3, false},
		{`"takers":"all"`, flow.Event{}, 3, true},
	} {
		env := enginetest.New(t, Builtin(Options{})...)
		env.Deploy(listening(c.params))
		begin(env, 1, 2, 3)
		c.event.Type = "job"
		p := tried(t, env, c.event)
		same(t, c.params, []any{p.Matched, p.Buffered, len(p.Waits)}, []any{c.matched, c.buffered, 3})
		r, err := env.Engine().Publish(t.Context(), c.event)
		if err != nil || r.Matched != p.Matched || r.Buffered != p.Buffered {
			t.Errorf("%s: publishing gives %+v, %v; the dry run said %+v", c.params, r, err, p)
		}
		for _, w := range p.Waits {
			if slices.Contains(r.Executions, w.ExecutionID) != w.Matches || w.Matches != (len(w.Reasons) == 0) {
				t.Errorf("%s: the dry run said %+v, and %v took it", c.params, w, r.Executions)
			}
		}
	}
}
