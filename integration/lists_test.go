package integration

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"
	"time"

	"prana/engine/flow"
)

// The family of TestDebugLists: a parent that waits for its child, which starts a child that it does not wait for, and
// sleeps. The youngest waits for an event.
const (
	listedTop = `
id: listed_top
nodes:
  - { key: start, type: manual.trigger }
  - { key: call, type: workflow.execute_workflow, params: { workflow_id: listed_mid, input_data: $input } }
connections: [start -> call]`
	listedMid = `
id: listed_mid
nodes:
  - { key: start, type: manual.trigger }
  - { key: send, type: workflow.execute_workflow, params: { workflow_id: listed_leaf, input_data: $input, execution_mode: fire_and_forget } }
  - { key: nap, type: time.delay, params: { duration_ms: 3600000 } }
connections: [start -> send, send -> nap]`
	listedLeaf = `
id: listed_leaf
nodes:
  - { key: start, type: manual.trigger }
  - { key: wait, type: wait.wait_for_event, params: { event_type: listed_event, timeout_ms: 7200000 } }
connections: [start -> wait]`
)

// TestDebugLists is the guide's debug lists at work: what waits for what, who belongs to whom, what sleeps until when.
func TestDebugLists(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, listedLeaf, listedMid, listedTop)
	top := s.start(t, "listed_top", map[string]any{})
	s.await(t, top, flow.Suspended, 15*time.Second)
	mid := s.must(t, 200, "GET", "/v1/relations?parent="+top, nil).items(t)[0]["child_execution_id"].(string)
	s.await(t, mid, flow.Suspended, 15*time.Second)
	leaf := s.must(t, 200, "GET", "/v1/relations?parent="+mid, nil).items(t)[0]["child_execution_id"].(string)
	s.await(t, leaf, flow.Suspended, 15*time.Second)

	var tree flow.Family
	if err := json.Unmarshal([]byte(s.must(t, 200, "GET", "/v1/executions/"+mid+"/relations", nil).body), &tree); err != nil {
		t.Fatal(err)
	}
	var links []string
	for _, l := range tree.Items {
		links = append(links, fmt.Sprintf("%d %s %s %s %s", l.Distance, l.Node, l.Mode, l.Workflow, l.Status))
	}
	if want := "[-1 call sync listed_mid suspended 1 send fire_and_forget listed_leaf suspended]"; fmt.Sprint(links) != want || tree.Truncated || tree.Root == nil || tree.Root.ID != top {
		t.Errorf("the tree is %v, want %s; root %+v", links, want, tree.Root)
	}

	in := func(d time.Duration) string { return url.QueryEscape(time.Now().Add(d).Format(time.RFC3339)) }
	for query, want := range map[string]string{
		"/v1/suspensions?event_type=listed_event":                                                    leaf,
		"/v1/suspensions?event_type=listed_event&type=external_event&workflow=listed_leaf":           leaf,
		"/v1/suspensions?event_type=listed_event&type=webhook":                                       "",
		"/v1/suspensions?workflow=listed_leaf&expires_before=" + in(3*time.Hour):                     leaf,
		"/v1/suspensions?workflow=listed_leaf&expires_before=" + in(time.Hour):                       "",
		"/v1/suspensions?workflow=listed_leaf&expires_after=" + in(3*time.Hour):                      "",
		"/v1/suspensions?workflow=listed_top&type=sub_workflow":                                      top,
		"/v1/delays?workflow=listed_mid":                                                             mid,
		"/v1/delays?workflow=listed_mid&from=" + in(30*time.Minute) + "&until=" + in(90*time.Minute): mid,
		"/v1/delays?workflow=listed_mid&until=" + in(30*time.Minute):                                 "",
		"/v1/executions?workflow=listed_leaf&status=suspended":                                       leaf,
		"/v1/executions?workflow=listed_leaf&status=suspended&since=" + in(time.Hour):                "",
		"/v1/executions?workflow=listed_leaf&status=running":                                         "",
	} {
		got := ""
		for _, item := range s.must(t, 200, "GET", query, nil).items(t) {
			got += item["execution_id"].(string)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}

	s.must(t, 202, "POST", "/v1/events", map[string]any{"type": "listed_event", "data": map[string]any{}})
	s.await(t, leaf, flow.Completed, 15*time.Second)
	if left := s.must(t, 200, "GET", "/v1/suspensions?workflow=listed_leaf", nil).items(t); len(left) != 0 {
		t.Errorf("suspensions are left: %v", left)
	}
	if ended := s.must(t, 200, "GET", "/v1/executions?workflow=listed_leaf&status=completed", nil).items(t); len(ended) != 1 {
		t.Errorf("completed are %v", ended)
	}
}
