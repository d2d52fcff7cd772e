package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
)

// guide publishes a file of testdata/guide over the API. Only hosts are replaced, by the world's address.
func guide(t *testing.T, s *system, name string, replace ...string) {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("testdata", "guide", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	a := s.request(t, "POST", "/v1/workflows?file="+name+".yaml", strings.NewReplacer(replace...).Replace(string(src)))
	if a.status != 201 && a.status != 200 {
		t.Fatalf("publishing %s: %d %s", name, a.status, a.body)
	}
}

// begun starts an execution over the API.
func begun(t *testing.T, s *system, workflow string, input any) string {
	t.Helper()
	return s.must(t, 201, "POST", "/v1/workflows/"+workflow+"/executions", map[string]any{"input": input}).text(t, "execution_id")
}

// theSuspension waits for the only suspension of an execution, in the list of all.
func theSuspension(t *testing.T, s *system, id string) map[string]any {
	t.Helper()
	s.await(t, id, flow.Suspended, 15*time.Second)
	list := s.must(t, 200, "GET", "/v1/suspensions?execution_id="+id, nil).items(t)
	if len(list) != 1 {
		t.Fatalf("suspensions of %s: %v", id, list)
	}
	return list[0]
}

// TestGuidesOwnTest is the test that the guide shows: suspend, find the suspension,
// resume, completed, suspension gone.
func TestGuidesOwnTest(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	guide(t, s, "external_event")
	id := begun(t, s, "guide_external_event", map[string]any{"request_id": "r-1"})

	suspended := theSuspension(t, s, id)
	if suspended["suspend_type"] != "external_event" || suspended["node"] != "wait_approval" || suspended["timeout_at"] == nil {
		t.Errorf("the suspension is %v", suspended)
	}
	event := map[string]any{"type": "approval", "approved": true}
	s.must(t, 202, "POST", "/v1/executions/"+id+":resume", map[string]any{"data": event})

	s.await(t, id, flow.Completed, 15*time.Second)
	done := s.must(t, 200, "GET", "/v1/executions/"+id, nil).json(t)
	if done["status"] != "completed" {
		t.Errorf("it is %v", done["status"])
	}
	if left := s.must(t, 200, "GET", "/v1/suspensions?execution_id="+id, nil).items(t); len(left) != 0 {
		t.Errorf("suspensions are left: %v", left)
	}
	if out := s.must(t, 200, "GET", "/v1/executions/"+id+"/output", nil).json(t); out["approved"] != true || out["request_id"] != "r-1" {
		t.Errorf("output is %v", out)
	}
}

func TestGuidesExternalEventIsRoutedByItsFilter(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	guide(t, s, "external_event")
	mine := begun(t, s, "guide_external_event", map[string]any{"request_id": "r-mine"})
	other := begun(t, s, "guide_external_event", map[string]any{"request_id": "r-other"})
	theSuspension(t, s, mine)
	theSuspension(t, s, other)
	a := s.must(t, 202, "POST", "/v1/events", map[string]any{"type": "approval_response", "data": map[string]any{"request_id": "r-mine", "approved": false}})
	if a.json(t)["matched"] != 1.0 {
		t.Errorf("the event answered %s", a.body)
	}
	if out := output(t, s.await(t, mine, flow.Completed, 15*time.Second)); out["approved"] != false {
		t.Errorf("output is %v", out)
	}
	theSuspension(t, s, other)
	s.must(t, 202, "POST", "/v1/executions/"+other+":cancel", map[string]any{"reason": "the test is over"})
}

func TestGuidesSubWorkflowLeavesItsChildsResultAndRelation(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	guide(t, s, "user_onboarding_flow")
	guide(t, s, "sub_workflow")
	id := begun(t, s, "guide_sub_workflow", map[string]any{"user": "ada"})
	if out := output(t, s.await(t, id, flow.Completed, 15*time.Second)); out["welcome"] != "hello, ada" {
		t.Errorf("output is %v", out)
	}
	r := s.must(t, 200, "GET", "/v1/relations?parent_execution_id="+id, nil).items(t)
	if len(r) != 1 || r[0]["relationship_type"] != "sub_workflow" {
		t.Errorf("relations are %v", r)
	}
}

func TestGuidesPollingAsksAtOnceThenEveryThirtySeconds(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	guide(t, s, "polling", "https://jobs.example.com/42", s.world.URL+"/job/guide?after=1")
	id := begun(t, s, "guide_polling", nil)
	p := theSuspension(t, s, id)
	if p["suspend_type"] != "polling" || len(s.world.calls("/job/guide")) != 1 {
		t.Errorf("the suspension is %v after %d polls", p, len(s.world.calls("/job/guide")))
	}
	if until := between(t, p["suspended_at"], p["resume_at"]); until != 30*time.Second {
		t.Errorf("the next poll is %s later", until)
	}
	// Whoever has the answer may end the polling with it, as the guide's worker does.
	s.must(t, 202, "POST", "/v1/executions/"+id+":resume", map[string]any{"data": map[string]any{"status": "completed"}})
	if out := output(t, s.await(t, id, flow.Completed, 15*time.Second)); out["status"] != "completed" {
		t.Errorf("output is %v", out)
	}

	guide(t, s, "polling", "https://jobs.example.com/42", s.world.URL+"/job/quick?after=1", "interval_ms: 30000", "interval_ms: 300")
	if out := output(t, s.await(t, begun(t, s, "guide_polling", nil), flow.Completed, 15*time.Second)); out["attempts"] != 2.0 {
		t.Errorf("output is %v", out)
	}
}

func TestGuidesDelayIsListedAndCanBeCutShort(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	guide(t, s, "delay")
	id := begun(t, s, "guide_delay", nil)
	theSuspension(t, s, id)
	d := s.must(t, 200, "GET", "/v1/delays?execution_id="+id, nil).items(t)
	if len(d) != 1 || d[0]["status"] != "pending" || between(t, d[0]["suspended_at"], d[0]["resume_at"]) != time.Hour {
		t.Fatalf("delays are %v", d)
	}
	s.must(t, 202, "POST", "/v1/executions/"+id+":resume", map[string]any{"data": "no time"})
	if out := output(t, s.await(t, id, flow.Completed, 15*time.Second)); out["type"] != "delay_completed" || out["data"] != "no time" {
		t.Errorf("output is %v", out)
	}
}

func TestGuidesRetryWaitsFiveSecondsThenSucceeds(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	guide(t, s, "retry", "https://api.example.com/data", s.world.URL+"/flaky/guide?fail=1")
	id := begun(t, s, "guide_retry", nil)
	r := theSuspension(t, s, id)
	data, _ := r["suspension_data"].(map[string]any)
	if r["suspend_type"] != "retry" || data["attempt_number"] != 1.0 || data["max_attempts"] != 3.0 || data["original_error"] == nil || data["resumed_at"] == nil {
		t.Errorf("the suspension is %v", r)
	}
	s.await(t, id, flow.Completed, 20*time.Second)
	calls := s.world.calls("/flaky/guide")
	if len(calls) != 2 || calls[1].At.Sub(calls[0].At) < 5*time.Second {
		t.Errorf("calls: %v", calls)
	}
}

// between is the time from one stamp of the API to another.
func between(t *testing.T, from, to any) time.Duration {
	t.Helper()
	times := [2]time.Time{}
	for i, v := range []any{from, to} {
		text, _ := v.(string)
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatalf("%v is no time: %v", v, err)
		}
		times[i] = at
	}
	return times[1].Sub(times[0])
}
