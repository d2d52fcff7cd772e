package integration

import (
	"testing"
	"time"

	"prana/engine/flow"
)

// The five patterns of the guide, each through two worker processes.

func TestExternalEventCompletesWithTheEventsData(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, `
id: pattern_event
nodes:
  - {key: start, type: manual.trigger}
  - {key: wait, type: wait.wait_for_event, params: {event_type: pattern_go, event_filter: {id: $input.id}, timeout_ms: 60000}}
  - {key: after, type: data.set_data, params: {mapping_map: {by: "{{ $input.who }}", asked: "{{ $nodes.start.output.id }}"}}}
connections: [start -> wait, wait -> after]
`)
	id := s.start(t, "pattern_event", map[string]any{"id": 7})
	s.await(t, id, flow.Suspended, 10*time.Second)
	r, err := s.engine.Publish(t.Context(), flow.Event{Type: "pattern_go", Data: raw(map[string]any{"id": 7, "who": "ada"})})
	if err != nil || r.Matched != 1 || r.Executions[0] != id {
		t.Fatalf("publishing: %+v, %v", r, err)
	}
	out := output(t, s.await(t, id, flow.Completed, 10*time.Second))
	if out["by"] != "ada" || out["asked"] != 7.0 {
		t.Errorf("output is %v", out)
	}
}

func TestSubWorkflowInEveryModeCompletes(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, `
id: pattern_child
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: 50}}
  - {key: done, type: data.set_data, params: {mapping_map: {hello: "{{ $nodes.start.output.user }}"}}}
connections: [start -> nap, nap -> done]
`)
	for mode, check := range map[string]func(t *testing.T, out map[string]any){
		"sync":            wantHello,
		"async":           wantHello,
		"fire_and_forget": wantChildID,
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s.deploy(t, `
id: pattern_parent_`+mode+`
nodes:
  - {key: start, type: manual.trigger}
  - {key: child, type: workflow.execute_workflow, params: {workflow_id: pattern_child, execution_mode: `+mode+`}}
connections: [start -> child]
`)
			v := s.await(t, s.start(t, "pattern_parent_"+mode, map[string]any{"user": "ada"}), flow.Completed, 15*time.Second)
			check(t, output(t, v))
			if len(v.Children) != 1 {
				t.Fatalf("children: %v", v.Children)
			}
			child := s.await(t, v.Children[0].ChildID, flow.Completed, 15*time.Second)
			if child.ParentID != v.ID {
				t.Errorf("the parent of the child is %q", child.ParentID)
			}
		})
	}
}

func wantHello(t *testing.T, out map[string]any) {
	t.Helper()
	if out["hello"] != "ada" {
		t.Errorf("output is %v", out)
	}
}

func wantChildID(t *testing.T, out map[string]any) {
	t.Helper()
	if id, _ := out["execution_id"].(string); id == "" {
		t.Errorf("output is %v", out)
	}
}

func TestPollingAsksUntilTheConditionHolds(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, `
id: pattern_poll
nodes:
  - {key: start, type: manual.trigger}
  - {key: poll, type: poll.poll_until, params: {endpoint: "WORLD/job/pattern?after=2", condition: "$response.status == 'completed'", interval_ms: 100, max_attempts: 10}}
connections: [start -> poll]
`)
	out := output(t, s.await(t, s.start(t, "pattern_poll", nil), flow.Completed, 15*time.Second))
	if out["attempts"] != 3.0 || len(s.world.calls("/job/pattern")) != 3 {
		t.Errorf("output is %v after %d calls", out, len(s.world.calls("/job/pattern")))
	}
}

func TestDelayLeavesWhenItEnded(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, `
id: pattern_delay
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: 700}}
connections: [start -> nap]
`)
	v := s.await(t, s.start(t, "pattern_delay", nil), flow.Completed, 15*time.Second)
	if out := output(t, v); out["type"] != "delay_completed" || out["resumed_at"] == nil {
		t.Errorf("output is %v", out)
	}
	if slept := v.EndedAt.Sub(v.CreatedAt); slept < 700*time.Millisecond {
		t.Errorf("it took %s", slept)
	}
}

func TestRetryCarriesOneKeyThroughAllAttempts(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, `
id: pattern_retry
nodes:
  - {key: start, type: manual.trigger}
  - {key: pay, type: http.request, params: {url: "WORLD/flaky/pattern?fail=2", method: POST, json: {x: 1}}, settings: {retry_on_failed: true, max_retries: 3, retry_delay_ms: 100}}
connections: [start -> pay]
`)
	v := s.await(t, s.start(t, "pattern_retry", nil), flow.Completed, 15*time.Second)
	calls := byKey(s.world.calls("/flaky/pattern"))
	if len(calls) != 1 || run(t, v, "pay").Attempt != 2 || len(run(t, v, "pay").Attempts) != 2 {
		t.Errorf("calls by key: %v; the node: %+v", calls, run(t, v, "pay"))
	}
	for key, c := range calls {
		if key == "" || len(c) != 3 {
			t.Errorf("key %q was used %d times", key, len(c))
		}
	}
}
