package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
)

// badDefinitions are refused with a code at a place.
var badDefinitions = map[string]struct{ src, code, at string }{
	"typo in a parameter": {`id: bad
nodes:
  - key: start
    type: manual.trigger
  - key: nap
    type: time.delay
    params: {duraton_ms: 5}
connections: [start -> nap]
`, "UNKNOWN_PARAM", "7:14"},
	"typo in a type": {`id: bad
nodes:
  - {key: start, type: manual.triger}
`, "UNKNOWN_TYPE", "3:24"},
	"dangling connection": {`id: bad
nodes:
  - {key: start, type: manual.trigger}
connections:
  - start -> nowhere
`, "DANGLING_CONNECTION", "5:14"},
	"duplicate key": {`id: bad
nodes:
  - {key: start, type: manual.trigger}
  - {key: a, type: core.log, params: {message: x}}
  - {key: a, type: core.log, params: {message: y}}
connections: [start -> a]
`, "DUPLICATE_KEY", "5:11"},
	"cycle without exit": {`id: bad
nodes:
  - {key: start, type: manual.trigger}
  - {key: a, type: core.log, params: {message: x}}
  - {key: b, type: core.log, params: {message: y}}
connections:
  - start -> a
  - a -> b
  - b -> a
`, "ENDLESS_CYCLE", "4:5"},
	"bad expression": {`id: bad
nodes:
  - {key: start, type: manual.trigger}
  - key: a
    type: core.log
    params:
      message: "{{ $input.x + }}"
connections: [start -> a]
`, "BAD_EXPRESSION", "7:30"},
	"unknown root": {`id: bad
nodes:
  - {key: start, type: manual.trigger}
  - key: a
    type: core.log
    params:
      message: "{{ $inptu.x }}"
connections: [start -> a]
`, "UNKNOWN_ROOT", "7:20"},
	"bad port": {`id: bad
nodes:
  - {key: start, type: manual.trigger}
  - {key: if, type: logic.if_condition, params: {condition: "$input.x"}}
  - {key: a, type: core.log, params: {message: x}}
connections:
  - start -> if
  - if.maybe -> a
`, "UNKNOWN_FROM_PORT", "8:8"},
}

func TestBadDefinitionIsRefusedWithCodeAndPlace(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	for name, bad := range badDefinitions {
		t.Run(name, func(t *testing.T) {
			a := s.must(t, 422, "POST", "/v1/workflows?file=bad.yaml", bad.src)
			if a.header.Get("Content-Type") != "application/problem+json" || a.text(t, "code") != "definition_invalid" {
				t.Errorf("%s %s", a.header, a.body)
			}
			list, _ := a.json(t)["diagnostics"].([]any)
			for _, d := range list {
				m, _ := d.(map[string]any)
				at := fmt.Sprintf("%v:%v", m["line"], m["column"])
				if m["code"] == bad.code && at == bad.at {
					t.Logf("%s %s: %v", at, m["code"], m["message"])
					return
				}
			}
			t.Errorf("no %s at %s: %s", bad.code, bad.at, a.body)
		})
	}
	s.must(t, 404, "GET", "/v1/workflows/bad", nil)
}

func TestBadRequestsAreRefusedAndNothingIsLost(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, `
id: refusals
input_schema: {type: object, required: [request_id]}
nodes:
  - {key: start, type: manual.trigger}
  - {key: wait, type: wait.wait_for_event, params: {event_type: never, timeout_ms: 60000}}
connections: [start -> wait]
`)
	input := map[string]any{"request_id": 1}
	waiting, finished, cancelled := s.start(t, "refusals", input), s.start(t, "refusals", input), s.start(t, "refusals", input)
	for _, id := range []string{waiting, finished, cancelled} {
		s.await(t, id, flow.Suspended, 10*time.Second)
	}
	s.must(t, 202, "POST", "/v1/executions/"+finished+":resume", map[string]any{})
	s.must(t, 202, "POST", "/v1/executions/"+cancelled+":cancel", map[string]any{"reason": "test"})
	s.await(t, finished, flow.Completed, 10*time.Second)
	s.await(t, cancelled, flow.Cancelled, 10*time.Second)
	unknown := flow.NewExecutionID(0)
	huge := []byte(`{"input":"` + strings.Repeat("x", 2<<20) + `"}`)
	big := map[string]any{"input": map[string]any{"request_id": strings.Repeat("x", 300<<10)}}
	for _, r := range []struct {
		name, path string
		body       any
		status     int
		code       string
	}{
		{"oversized body", "/v1/workflows/refusals/executions", huge, 413, "payload_too_large"},
		{"oversized input", "/v1/workflows/refusals/executions", big, 413, "payload_too_large"},
		{"oversized event", "/v1/events", map[string]any{"type": "x", "data": strings.Repeat("x", 300<<10)}, 413, "payload_too_large"},
		{"broken JSON", "/v1/workflows/refusals/executions", []byte(`{"input":`), 400, "invalid_json"},
		{"unknown member", "/v1/workflows/refusals/executions", []byte(`{"inptu":{}}`), 400, "invalid_json"},
		{"input against its schema", "/v1/workflows/refusals/executions", map[string]any{"input": map[string]any{}}, 400, "invalid"},
		{"unknown workflow", "/v1/workflows/nobody_wrote_this/executions", map[string]any{}, 404, "not_found"},
		{"resume of something unknown", "/v1/executions/" + unknown + ":resume", map[string]any{}, 404, "not_found"},
		{"resume of nonsense", "/v1/executions/nonsense:resume", map[string]any{}, 404, "not_found"},
		{"resume of something finished", "/v1/executions/" + finished + ":resume", map[string]any{}, 409, "conflict"},
		{"resume of something cancelled", "/v1/executions/" + cancelled + ":resume", map[string]any{}, 409, "conflict"},
		{"resume of an unknown node", "/v1/executions/" + waiting + ":resume", map[string]any{"node": "nobody"}, 404, "not_found"},
		{"cancel of something finished", "/v1/executions/" + finished + ":cancel", map[string]any{}, 409, "conflict"},
		{"cancel of something unknown", "/v1/executions/" + unknown + ":cancel", map[string]any{}, 404, "not_found"},
		{"event without type", "/v1/events", map[string]any{"data": 1}, 400, "invalid"},
		{"unknown verb", "/v1/executions/" + waiting + ":dance", map[string]any{}, 404, "no_route"},
	} {
		a := s.request(t, "POST", r.path, r.body)
		if a.status != r.status || a.text(t, "code") != r.code || a.text(t, "detail") == "" {
			t.Errorf("%s: got %d %.300s, want %d %s", r.name, a.status, a.body, r.status, r.code)
		}
		if a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: the answer is %s", r.name, a.header.Get("Content-Type"))
		}
	}
	s.await(t, waiting, flow.Suspended, time.Second)
	s.must(t, 202, "POST", "/v1/executions/"+waiting+":resume", map[string]any{})
	s.await(t, waiting, flow.Completed, 10*time.Second)
}

func TestRedisAwayIsSaidSoAndNothingIsLost(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
	s.deploy(t, waitsTwice)
	id := s.start(t, "waits_twice", map[string]any{"id": "away"})
	s.await(t, id, flow.Suspended, 10*time.Second)
	s.writeThrough(t)
	s.redis.Kill()
	for path, body := range map[string]any{
		"/v1/workflows/waits_twice/executions": map[string]any{"input": map[string]any{"id": 1}},
		"/v1/executions/" + id + ":resume":     map[string]any{},
		"/v1/executions/" + id + ":cancel":     map[string]any{},
		"/v1/events":                           map[string]any{"type": "five"},
		"/v1/workflows":                        strings.Replace(waitsTwice, "waits_twice", "while_away", 1),
	} {
		began := time.Now()
		a := s.request(t, "POST", path, body)
		if a.status != 503 || a.text(t, "code") != "unavailable" || a.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s %v", path, a.status, a.body, a.header)
		}
		t.Logf("%s was refused after %s", path, time.Since(began).Round(time.Millisecond))
	}
	if a := s.request(t, "GET", "/readyz", nil); a.status != 503 {
		t.Errorf("/readyz answers %d", a.status)
	}
	s.must(t, 200, "GET", "/healthz", nil)
	if err := s.redis.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.await(t, id, flow.Suspended, 10*time.Second)
	s.must(t, 202, "POST", "/v1/executions/"+id+":resume", map[string]any{})
	s.staysAt(t, id, "second")
}
