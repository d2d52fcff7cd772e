package definition_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/plan"
)

// imports reads a source, and reads it again after it was rewritten into
// either notation: it must stay the same workflow, and the second time nothing
// is left to be told.
func imports(t *testing.T, src string) *flow.Workflow {
	t.Helper()
	w, _, found := definition.Read("flow", []byte(src))
	if w == nil || plan.HasErrors(found) {
		t.Fatalf("reading:\n%s", text(found))
	}
	for _, to := range []definition.Notation{definition.YAML, definition.JSON} {
		again := read(t, rewrite(t, src, to))
		if !reflect.DeepEqual(w, again) {
			a, _ := definition.Format(w)
			b, _ := definition.Format(again)
			t.Errorf("by way of %s:\n%s\nwas:\n%s", to, b, a)
		}
	}
	return w
}

// guideNodes are the nodes of the guide's use cases, in its own words, and what they are here.
var guideNodes = map[string]struct {
	src  string
	want flow.Node
}{
	"external event": {
		`{"id": "wait_approval", "type": "action", "integration_name": "wait", "action_name": "wait_for_event",
		  "settings": {"event_type": "approval_response", "event_filter": {"request_id": "$input.request_id"}, "timeout_ms": 86400000, "on_timeout": "escalate"}}`,
		flow.Node{Key: "wait_approval", Type: "wait.wait_for_event", Params: map[string]any{
			"event_type": "approval_response", "event_filter": map[string]any{"request_id": "$input.request_id"}, "timeout_ms": 86400000, "on_timeout": "escalate",
		}},
	},
	"sub-workflow": {
		`{"id": "user_onboarding", "type": "action", "integration_name": "workflow", "action_name": "execute_workflow",
		  "settings": {"workflow_id": "user_onboarding_flow", "input_data": "$input", "wait_for_completion": true, "timeout_ms": 300000}}`,
		flow.Node{Key: "user_onboarding", Type: "workflow.execute_workflow", Params: map[string]any{
			"workflow_id": "user_onboarding_flow", "input_data": "$input", "execution_mode": "sync", "timeout_ms": 300000,
		}},
	},
	"polling": {
		`{"id": "poll_job_status", "type": "action", "integration_name": "poll", "action_name": "poll_until",
		  "settings": {"endpoint": "$variables.job_status_url", "condition": "$response.status == 'completed'", "interval_ms": 30000, "timeout_ms": 3600000, "max_attempts": 120}}`,
		flow.Node{Key: "poll_job_status", Type: "poll.poll_until", Params: map[string]any{
			"endpoint": "$variables.job_status_url", "condition": "$response.status == 'completed'", "interval_ms": 30000, "timeout_ms": 3600000, "max_attempts": 120,
		}},
	},
	"delay": {
		`{"id": "delay_1_hour", "type": "action", "integration_name": "time", "action_name": "delay", "settings": {"duration_ms": 3600000}}`,
		flow.Node{Key: "delay_1_hour", Type: "time.delay", Params: map[string]any{"duration_ms": 3600000}},
	},
	"retry": {
		`{"key": "api_call", "type": "http.request", "params": {"url": "https://api.example.com/data"},
		  "settings": {"retry_on_failed": true, "max_retries": 3, "retry_delay_ms": 5000}}`,
		flow.Node{
			Key: "api_call", Type: "http.request", Params: map[string]any{"url": "https://api.example.com/data"},
			Settings: flow.Settings{RetryOnFailed: true, MaxRetries: 3, RetryDelayMS: new(int64(5000))},
		},
	},
}

func TestGuideNodesImport(t *testing.T) {
	t.Parallel()
	for name, tt := range guideNodes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, connections := range []string{`[]`, `{}`, `{"start": {"main": [{"from": "start", "from_port": "main", "to": "` + tt.want.Key + `", "to_port": "main"}]}}`} {
				start := `{"id": "start", "type": "trigger", "integration_name": "manual", "action_name": "trigger", "settings": {}}`
				w := imports(t, `{"id": "guide", "nodes": [`+start+`, `+tt.src+`], "connections": `+connections+`}`)
				if !reflect.DeepEqual(w.Nodes[1], tt.want) {
					t.Errorf("got  %#v\nwant %#v", w.Nodes[1], tt.want)
				}
			}
		})
	}
}

func TestGuideFilesRoundTrip(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("../../integration/testdata/guide/*.yaml")
	if len(files) < 5 {
		t.Fatalf("only %d files of the guide", len(files))
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		imports(t, string(src))
	}
}

// pranas is a file with every field that Prana writes.
func pranas(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile("testdata/prana.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestPranaImports(t *testing.T) {
	t.Parallel()
	want := &flow.Workflow{
		ID: "orders", Name: "Orders",
		Variables: map[string]any{"limit": 5, "none": nil, "deep": map[string]any{"list": []any{1, 2.5, nil, map[string]any{"x": "é"}}}},
		Nodes: []flow.Node{
			{Key: "start", Name: "Start", Type: "manual.trigger", Settings: flow.Settings{MaxRetries: 1, RetryDelayMS: new(int64(1000)), OnError: "stop_workflow"}},
			{
				Key: "check", Name: "Check", Type: "logic.if_condition", Params: map[string]any{"condition": "{{ $input.total > $vars.limit }}"},
				Metadata: map[string]any{"loop_level": 1, "loop_ids": []any{"loop_1"}, "loop_role": "start_loop"},
			},
			{Key: "join", Name: "Join", Type: "data.merge", Params: map[string]any{
				"input_a": "{{ $inputs.input_a }}", "input_b": `{{ $inputs["input_b"].x | default($inputs.input_a) }}`, "strategy": "merge",
			}},
			{
				Key: "log", Type: "core.log",
				Params:   map[string]any{"message": `got {{ $input }} of {{ "$input.main" }}`, "data": map[string]any{"keep": nil, "list": []any{nil, "{{$input.a}}"}}},
				Settings: flow.Settings{RetryOnFailed: true, MaxRetries: 10, RetryDelayMS: new(int64(0)), OnError: "continue_error_output"},
			},
		},
		Connections: []flow.Connection{
			{From: "start", To: "check"},
			{From: "start", To: "log"},
			{From: "check", FromPort: "true", To: "join", ToPort: "input_a"},
			{From: "check", FromPort: "false", To: "join", ToPort: "input_b"},
		},
	}
	if got := imports(t, pranas(t)); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	_, _, found := definition.Read("orders.json", []byte(pranas(t)))
	if len(found) != 1 || found[0].Code != plan.CodeIgnoredField || found[0].Path != "version" {
		t.Errorf("told:\n%s", text(found))
	}
}

// Whatever stands in a file of Prana is read, or told: a field of no name that is
// known is an error at each level.
func TestNothingOfPranaIsDroppedSilently(t *testing.T) {
	t.Parallel()
	for _, at := range []string{`"id": "orders"`, `"key": "check"`, `"retry_delay_ms": 0`, `"from": "start", "to": "log"`} {
		src := strings.Replace(pranas(t), at, at+`, "unheard_of": {"a": null}`, 1)
		if _, _, found := definition.Read("orders.json", []byte(src)); !strings.Contains(text(found), `"unheard_of"`) {
			t.Errorf("after %s:\n%s", at, text(found))
		}
	}
	for _, node := range []string{
		`{"id": "n", "integration_name": "core", "action_name": "log", "params": [1], "settings": {"level": "info"}}`,
		`{"id": "n", "integration_name": "core", "action_name": "log", "params": {"level": "info"}, "settings": {"level": "error"}}`,
		`{"id": "n", "integration_name": "core", "action_name": "log", "type": "http.request"}`,
		`{"id": "n", "integration_name": "core", "action_name": "log", "settings": [1]}`,
		`{"id": "n", "key": "m", "type": "core.log"}`,
		`{"id": "n", "integration_name": "core", "type": "core.log"}`,
	} {
		if _, _, found := definition.Read("f", []byte(`{"id": "a", "nodes": [`+node+`], "connections": {}}`)); len(found) == 0 {
			t.Errorf("nothing is told of %s", node)
		}
	}
}

// A position inside a string that was rewritten is that of what is written.
func TestPlacesInRewrittenStrings(t *testing.T) {
	t.Parallel()
	src := "id: a\nnodes:\n  - { key: start, type: manual.trigger }\n  - key: log\n    type: core.log\n    params:\n" +
		"      message: 'it''s {{ $input.main.x }} and {{ $inptu.y }}'\nconnections: { start: { main: log } }\n"
	_, _, found := definition.Check("f", []byte(src), types(), plan.Options{})
	if len(found) != 1 || found[0].Line != 7 || found[0].Column != strings.Index("      message: 'it''s {{ $input.main.x }} and {{ $inptu.y }}'", "$inptu")+1 {
		t.Errorf("told:\n%s", text(found))
	}
}
