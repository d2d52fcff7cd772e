package nodes

import (
	"testing"

	"prana/engine/enginetest"
	"prana/engine/flow"
)

// TestCallBeforeTheWaitForIt: what is brought to a wait.wait that is to wait for a call is kept until it does; one that waits
// for a time takes nothing before.
func TestCallBeforeTheWaitForIt(t *testing.T) {
	t.Parallel()
	for mode, kept := range map[string]bool{"{mode: webhook, timeout_hours: 1}": true, "{mode: interval, duration: 1, unit: hours}": false} {
		env := enginetest.New(t, Builtin(Options{})...)
		env.Deploy(`
id: called
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: 1000}}
  - {key: w, type: wait.wait, params: ` + mode + `}
connections: [start -> nap, nap -> w]
`)
		id := env.Start("called", nil)
		env.Run()
		r, err := env.Engine().Resume(t.Context(), flow.ResumeRequest{Execution: id, Node: "w", Data: []byte(`{"ok":true}`)})
		if r.Buffered != kept || (err == nil) != kept {
			t.Errorf("%s: %+v, %v", mode, r, err)
		}
		env.AdvanceToEnd(id)
		if got := string(env.NodeRun(id, "w", 0).Output); kept && got != `{"ok":true}` {
			t.Errorf("%s: it left %s", mode, got)
		}
	}
}
