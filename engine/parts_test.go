package engine_test

import (
	"testing"
	"time"

	"prana/engine/enginetest"
	"prana/engine/flow"
)

// TestPartsWaitNoLongerThanNeeded: an event that comes once enough parts are over, or have what they waited for, is
// not for the others, also before the node learns of that.
func TestPartsWaitNoLongerThanNeeded(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	id := env.Start(env.Deploy(`
id: parts
nodes:
  - {key: t, type: test.start}
  - {key: p, type: test.parts, params: {of: [one, 1000, three], need: 2}}
connections: [t -> p]
`), nil)
	env.Run()
	env.Publish("one", 1) // a task is to go on with that part, and waits for a worker
	env.Pass(time.Second)
	alarm, _ := env.Store().Take(0, 0)
	if err := env.Engine().RunStep(t.Context(), alarm); err != nil {
		t.Fatal(err)
	}
	if r := env.Publish("three", 3); r.Matched != 0 {
		t.Errorf("the event was lost on a part that nobody waits for (path %v)", env.Path(id))
	}
	env.Run()
	env.WantStatus(id, flow.Completed)
	env.WantOutput(id, map[string]any{"by": "parts", "results": []any{[]any{0, "event", 1}, []any{1, "timer", nil}, nil}})
}
