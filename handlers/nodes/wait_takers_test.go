package nodes

import (
	"testing"
	"time"

	"prana/engine/enginetest"
	"prana/engine/flow"
)

// listening waits for a job in the way its parameters say.
func listening(params string) string {
	return `{"id":"w","nodes":[{"key":"start","type":"manual.trigger"},
		{"key":"wait","type":"wait.wait_for_event","params":{"event_type":"job",` + params + `}}],"connections":["start -> wait"]}`
}

// begin starts executions, one for each input, and lets them run until they wait.
func begin(env *enginetest.Env, inputs ...any) []string {
	var ids []string
	for _, in := range inputs {
		ids = append(ids, env.Start("w", in))
		env.Run()
	}
	return ids
}

// completed tells which of them are over.
func completed(env *enginetest.Env, ids []string) []bool {
	env.Run()
	var over []bool
	for _, id := range ids {
		over = append(over, env.Execution(id).Status == flow.Completed)
	}
	return over
}

func TestMatchDecides(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, Builtin(Options{})...)
	env.Deploy(listening(`"event_filter":{"kind":"$input.kind"},"match":"$event.data.size <= $input.most and $event.type == 'job' and $event.id != ''"`))
	wait := func(kind string, most int) any { return map[string]any{"kind": kind, "most": most} }
	ids := begin(env, wait("a", 10), wait("a", 20), wait("b", 20))
	r := env.Publish("job", map[string]any{"kind": "a", "size": 15})
	same(t, "an event for one of them", []any{r.Matched, r.Executions, r.Buffered}, []any{1, []string{ids[1]}, false})
	same(t, "who took it", completed(env, ids), []bool{false, true, false})

	r = env.Publish("job", map[string]any{"kind": "a", "size": 30})
	same(t, "an event that is declined", []any{r.Matched, r.Buffered}, []any{0, true})
	r = env.Publish("job", map[string]any{"kind": "a", "size": "big"})
	same(t, "an event of which there is only an error", []any{r.Matched, r.Buffered}, []any{0, true})
	same(t, "who took them", completed(env, ids), []bool{false, true, false})
	later := begin(env, wait("a", 29), wait("a", 30), wait("a", 31))
	same(t, "who took the one that was kept", completed(env, later), []bool{false, true, false})
}

func TestMatchOfSeveralThings(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, Builtin(Options{})...)
	env.Deploy(`{"id":"w","nodes":[{"key":"start","type":"manual.trigger"},{"key":"wait","type":"wait.wait_for","params":{"need":"all","for":[
		{"name":"small","event_type":"job","match":"$event.data.size < $input.most"},
		{"name":"big","event_type":"job","match":"$event.data.size >= $input.most"},
		{"name":"any","event_type":"job","takers":"1"}]}}],"connections":["start -> wait"]}`)
	ids := begin(env, map[string]any{"most": 10}, map[string]any{"most": 10})
	same(t, "small", env.Publish("job", map[string]any{"size": 9}).Matched, 3)
	same(t, "big", env.Publish("job", map[string]any{"size": 10}).Matched, 3)
	same(t, "who has all", completed(env, ids), []bool{true, true})
	env.WantOutput(ids[0], map[string]any{"came": []any{"small", "big", "any"}, "data": map[string]any{"small": map[string]any{"size": 9}, "big": map[string]any{"size": 10}, "any": map[string]any{"size": 9}}})
}

// A match must stand in the definition: what it reads is loaded for it.
func TestMatchOfComputedThings(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, Builtin(Options{})...)
	env.Deploy(`{"id":"w","nodes":[{"key":"start","type":"manual.trigger"},{"key":"wait","type":"wait.wait_for","params":{"for":"$input.things"}}],"connections":["start -> wait"]}`)
	id := begin(env, map[string]any{"things": []any{map[string]any{"name": "a", "event_type": "job", "match": "$event.data.ok"}}})[0]
	env.WantError(id, "invalid_suspension")
}

func TestTakers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		takers string
		// of four that stand when an event comes, and of three that come after one that nobody waited for
		live, late []bool
		buffered   bool
	}{
		{``, []bool{true, true, true, true}, []bool{true, false, false}, false},
		{`"takers":"1"`, []bool{true, false, false, false}, []bool{true, false, false}, false},
		{`"takers":3`, []bool{true, true, true, false}, []bool{true, true, true}, false},
		{`"takers":"5"`, []bool{true, true, true, true}, []bool{true, true, true}, true},
		{`"takers":"all"`, []bool{true, true, true, true}, []bool{true, true, true}, true},
	} {
		t.Run(c.takers, func(t *testing.T) {
			t.Parallel()
			params := `"event_filter":{"n":"$input.n"}`
			if c.takers != "" {
				params += "," + c.takers
			}
			env := enginetest.New(t, Builtin(Options{})...)
			env.Deploy(listening(params))
			one, two := map[string]any{"n": 1}, map[string]any{"n": 2}
			ids := begin(env, one, one, one, one, two)
			r := env.Publish("job", one)
			if c.buffered != r.Buffered || len(r.Executions) != r.Matched {
				t.Errorf("publishing gives %+v", r)
			}
			same(t, "who took it", completed(env, ids), append(c.live, false))

			env.Publish("job", map[string]any{"n": 3})
			same(t, "who took the one that was kept", completed(env, begin(env, map[string]any{"n": 3}, map[string]any{"n": 3}, map[string]any{"n": 3})), c.late)
			env.Advance(2 * time.Hour)
			same(t, "whoever comes too late", completed(env, begin(env, one, map[string]any{"n": 3})), []bool{false, false})
		})
	}
}

func TestTakersMustBeANumberOrAll(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, Builtin(Options{})...)
	env.Deploy(listening(`"takers":"{{ $input.n }}"`))
	for _, n := range []any{0, -1, "some", 10_001, 1.5} {
		env.WantError(begin(env, map[string]any{"n": n})[0], "invalid_params")
	}
}
