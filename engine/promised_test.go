package engine_test

import (
	"testing"
	"time"

	"prana/engine/enginetest"
	"prana/engine/flow"
)

// promise keeps an event that is promised to a wait, whose process died before the wait could take it.
func promise(t *testing.T, env *enginetest.Env, to flow.SuspensionID) {
	t.Helper()
	ev := flow.Event{ID: "e", Type: "go", Data: []byte(`7`), TTL: time.Hour}
	_, _, err := env.Store().RecordEvent(t.Context(), ev)
	if err == nil {
		_, _, err = env.Store().FinishEvent(t.Context(), ev, flow.Offer{}, &flow.PublishResult{ID: ev.ID})
	}
	var got flow.Offered
	if err == nil {
		got, err = env.Store().OfferEvent(t.Context(), ev, flow.Offer{To: []flow.Taker{{Wait: to}}})
	}
	if err != nil || len(got.To) != 1 {
		t.Fatal(got, err)
	}
}

const promised = `
id: promised
nodes:
  - {key: start, type: test.start}
  - {key: nag, type: test.nag, params: {event: go, every_ms: 600000, times: 1, timeout_ms: 1200000}}
connections: [start -> nag]
`

// TestAPromiseIsKeptAcrossTurns: a wait that reminded since is still the one to which the event was promised.
func TestAPromiseIsKeptAcrossTurns(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(promised)
	id := env.Start("promised", nil)
	env.Run()
	promise(t, env, flow.SuspensionID{Execution: id, Step: flow.StepID{Node: 1}, Turn: 1})
	env.Advance(10 * time.Minute)
	env.WantStatus(id, flow.Completed)
	if got := env.NodeRun(id, "nag", 0).Port; got != "main" {
		t.Errorf("it left by %s", got)
	}
}

// TestAPromiseEndsWithItsWait: the event is free again once another ended the wait, also if the step waits anew by then.
func TestAPromiseEndsWithItsWait(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(`
id: anew
nodes:
  - {key: start, type: test.start}
  - {key: twice, type: test.twice}
connections: [start -> twice]
`)
	id := env.Start("anew", nil)
	env.Run()
	promise(t, env, flow.SuspensionID{Execution: id, Step: flow.StepID{Node: 1}, Turn: 1})
	env.Resume(id, "twice", 1)
	env.Run()
	env.WantStatus(id, flow.Completed)
}
