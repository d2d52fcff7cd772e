package definition_test

import (
	"fmt"
	"strings"
	"testing"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/plan"
)

// read fails the test unless the source is clean.
func read(t *testing.T, src string) *flow.Workflow {
	t.Helper()
	w, _, found := definition.Read("flow.yaml", []byte(src))
	if len(found) > 0 {
		t.Fatalf("reading:\n%s", text(found))
	}
	return w
}

func version(t *testing.T, src string) string {
	t.Helper()
	v, err := read(t, src).Version()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const canonical = `
id: approval
nodes:
  - key: start
    type: manual.trigger
  - key: wait_approval
    type: wait.wait_for_event
    params:
      event_type: approval_response
      event_filter: { request_id: $input.request_id }
      timeout_ms: 86400000
      on_timeout: escalate
    settings: { retry_on_failed: true, max_retries: 3 }
  - key: child
    type: workflow.execute_workflow
    params: { workflow_id: user_onboarding_flow, input_data: $input, execution_mode: sync, timeout_ms: 300000 }
connections:
  - start -> wait_approval
  - wait_approval.escalate -> child
`

// The same workflow in every form that is accepted.
var forms = map[string]string{
	"objects": strings.Replace(strings.Replace(canonical,
		"- start -> wait_approval", "- { from: start, from_port: main, to: wait_approval, to_port: main }", 1),
		"- wait_approval.escalate -> child", `- "wait_approval.escalate->child.main"`, 1),
	"json": `{"connections": ["start -> wait_approval", {"to": "child", "from": "wait_approval", "from_port": "escalate"}],
	 "nodes": [
	  {"key": "start", "type": "manual.trigger"},
	  {"settings": {"max_retries": 3, "retry_on_failed": "true"}, "key": "wait_approval", "type": "wait.wait_for_event", "params":
	   {"on_timeout": "escalate", "timeout_ms": 86400000, "event_filter": {"request_id": "$input.request_id"}, "event_type": "approval_response"}},
	  {"key": "child", "type": "workflow.execute_workflow", "params":
	   {"workflow_id": "user_onboarding_flow", "input_data": "$input", "execution_mode": "sync", "timeout_ms": 3e5}}],
	 "id": "approval"}`,
	"guide": `
id: approval
nodes:
  - { id: start, type: trigger, integration_name: manual, action_name: trigger, settings: {} }
  - id: wait_approval
    type: action
    integration_name: wait
    action_name: wait_for_event
    settings:
      event_type: approval_response
      event_filter: { request_id: $input.request_id }
      timeout_ms: 86400000
      on_timeout: escalate
      retry_on_failed: true
      max_retries: 3
  - id: child
    type: action
    integration_name: workflow
    action_name: execute_workflow
    settings: { workflow_id: user_onboarding_flow, input_data: $input, wait_for_completion: true, timeout_ms: 300000 }
connections:
  start: { main: [ { from: start, to: wait_approval } ] }
  wait_approval: { escalate: [ child ] }
`,
}

func TestFormsGiveOneVersion(t *testing.T) {
	t.Parallel()
	want := version(t, canonical)
	for name, src := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := version(t, src); got != want {
				a, _ := definition.Format(read(t, src))
				b, _ := definition.Format(read(t, canonical))
				t.Errorf("version %s, want %s:\n%s\nwant:\n%s", got, want, a, b)
			}
		})
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	got, err := definition.Format(read(t, forms["guide"]))
	if err != nil {
		t.Fatal(err)
	}
	want := `id: approval
nodes:
  - key: start
    type: manual.trigger
  - key: wait_approval
    type: wait.wait_for_event
    params:
      event_filter:
        request_id: $input.request_id
      event_type: approval_response
      on_timeout: escalate
      timeout_ms: 86400000
    settings:
      retry_on_failed: true
      max_retries: 3
  - key: child
    type: workflow.execute_workflow
    params:
      execution_mode: sync
      input_data: $input
      timeout_ms: 300000
      workflow_id: user_onboarding_flow
connections:
  - start -> wait_approval
  - wait_approval.escalate -> child
`
	if string(got) != want {
		t.Errorf("got:\n%s", got)
	}
}

func TestScalars(t *testing.T) {
	t.Parallel()
	w := read(t, `
id: a
variables:
  word: yes
  off: off
  date: 2024-01-31
  int: 014
  hex: 0x1F
  float: 1.50
  none: ~
  quoted: "12"
  tagged: !!str 12
  200: ok
`)
	want := map[string]any{
		"word": "yes", "off": "off", "date": "2024-01-31", "int": 14, "hex": 31, "float": 1.5, "none": nil,
		"quoted": "12", "tagged": "12", "200": "ok",
	}
	for name, v := range want {
		if got := w.Variables[name]; got != v {
			t.Errorf("%s is %#v, want %#v", name, got, v)
		}
	}
}

func TestKeyFromName(t *testing.T) {
	t.Parallel()
	w := read(t, "id: a\nnodes: [ { name: ' Call the API (v2) ', type: core.log } ]")
	if got := w.Nodes[0].Key; got != "call_the_api_v2" {
		t.Errorf("key is %q", got)
	}
}

func TestPosition(t *testing.T) {
	t.Parallel()
	src := "id: a\nnodes:\n  - key: start\n    params:\n      \"x.y\": [ 1, two ]\nconnections:\n  - a.b -> c\n"
	_, s, _ := definition.Read("f", []byte(src))
	places := map[string]string{
		"id": "1:5", "nodes": "3:3", "nodes[0].key": "3:10", `nodes[0].params["x.y"][1]`: "5:19",
		"nodes[0].params.missing": "5:7", "nodes[0].settings.join": "3:5", "nodes[7]": "3:3",
		"connections[0].from_port": "7:7", "connections[0].to": "7:12", "": "1:1",
	}
	for path, want := range places {
		line, column := s.Position(path)
		if got := fmt.Sprintf("%d:%d", line, column); got != want {
			t.Errorf("%s is at %s, want %s", path, got, want)
		}
	}
}

// Bounds that need sources too long for a golden.
func TestBounds(t *testing.T) {
	t.Parallel()
	start := "\nnodes: [ { key: start, type: manual.trigger } ]\n"
	sources := map[string]string{
		plan.CodeTooLarge:           "id: a\ndescription: " + strings.Repeat("x", plan.MaxBytes) + start,
		plan.CodeExpressionTooLarge: "id: a\noutput: '{{ " + strings.Repeat("1 + ", 2000) + "1 }}'" + start,
		plan.CodeTooDeep:            "id: a\nvariables: " + strings.Repeat("{ a: ", 5000) + strings.Repeat(" }", 5000) + start,
		plan.CodeBadSyntax:          "id: \xff",
	}
	for code, src := range sources {
		_, p, found := definition.Check("f", []byte(src), types(), plan.Options{})
		if p != nil || len(found) != 1 || found[0].Code != code {
			t.Errorf("want %s, got:\n%.400s", code, text(found))
		}
	}
}

// An alias would make a small file a huge value.
func TestNoAliasBomb(t *testing.T) {
	t.Parallel()
	src := "id: a\nvariables:\n  l0: &l0 [x, x]\n"
	for i := range 40 {
		src += fmt.Sprintf("  l%d: &l%d [*l%d, *l%d]\n", i+1, i+1, i, i)
	}
	w, _, found := definition.Read("f", []byte(src))
	if w != nil || len(found) == 0 || found[0].Code != plan.CodeAlias {
		t.Errorf("%v", text(found))
	}
}

// roundTrip formats a workflow and reads it back.
func roundTrip(t *testing.T, w *flow.Workflow) {
	want, err := w.Version()
	if err != nil {
		t.Fatal(err)
	}
	out, err := definition.Format(w)
	if err != nil {
		t.Fatal(err)
	}
	if got := version(t, string(out)); got != want {
		t.Fatalf("version %s became %s:\n%s", want, got, out)
	}
}
