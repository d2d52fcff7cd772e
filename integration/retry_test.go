package integration

import (
	"testing"
	"time"

	"prana/engine/flow"
)

// mendable fails in the middle of a loop over four items side by side, while one of them waits, for as long as "pay" is broken.
const mendable = `
id: mendable
nodes:
  - {key: start, type: manual.trigger}
  - {key: each, type: core.for_each, params: {collection: [0, 1, 2, 3], parallel: 4}}
  - {key: made, type: test.effect, params: {name: mend_made}}
  - {key: nap, type: time.delay, params: {duration_ms: 1000}}
  - {key: which, type: logic.if_condition, params: {condition: $loop.index == 1}}
  - {key: wait, type: wait.wait_for_event, params: {event_type: mended, timeout_ms: 120000, on_timeout: fail}}
  - {key: pay, type: http.request, params: {url: "WORLD/broken/pay", method: POST}}
  - {key: block, type: test.block, params: {name: mend}}
  - {key: after, type: test.effect, params: {name: mend_after}}
connections:
  - start -> each
  - each.loop -> made
  - made -> nap
  - nap -> which
  - which.true -> wait
  - which.false -> pay
  - wait -> after
  - pay -> block
  - block -> after
  - after -> each
`

func TestRetryGoesOnInTheMiddleOfALoopWhileAWorkerIsKilled(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
	s.deploy(t, mendable)
	id := s.start(t, "mendable", nil)
	if v := s.await(t, id, flow.Failed, 20*time.Second); len(v.Suspensions) != 0 {
		t.Errorf("it failed, and waits for %v", v.Suspensions)
	}
	s.world.open("pay")
	all := fiveTimes(func() answer {
		return s.request(t, "POST", "/v1/executions/"+id+":retry", nil, "Idempotency-Key: mended")
	})
	for _, a := range all {
		if a.status != 202 || a.text(t, "execution_id") != id {
			t.Errorf("a retry was answered %d %s", a.status, a.body)
		}
	}
	victim := s.worker(t, s.world.awaitCalls(t, "/block/mend", 3, 20*time.Second)[0].Pid)
	victim.Kill()
	s.world.open("mend")
	if _, err := s.engine.Publish(t.Context(), flow.Event{Type: "mended", Data: raw(1)}); err != nil {
		t.Fatal(err)
	}
	v := s.await(t, id, flow.Completed, time.Minute)
	if v.Generation != 1 {
		t.Errorf("it was retried %d times, want once", v.Generation)
	}
	s.wantOnce(t, "/effect/mend_made", 4)
	s.wantOnce(t, "/effect/mend_after", 4)
	if n := len(byKey(s.world.calls("/broken/pay"))); n != 3 {
		t.Errorf("there were payments under %d keys, want 3", n)
	}
	s.rerunKeeps(t, id)
}

// rerunKeeps runs the execution again from where the items have been worked on: nothing in the loop happens again.
func (s *system) rerunKeeps(t *testing.T, id string) {
	t.Helper()
	plan := s.request(t, "POST", "/v1/executions/"+id+":rerun", map[string]any{"from": "after", "plan": true})
	if plan.status != 200 || plan.text(t, "from") != "each" {
		t.Errorf("the plan is %d %s", plan.status, plan.body)
	}
	if a := s.request(t, "POST", "/v1/executions/"+id+":rerun", map[string]any{"from": "nobody"}); a.status != 404 || a.text(t, "code") != "node_not_found" {
		t.Errorf("an unknown node: %d %s", a.status, a.body)
	}
}
