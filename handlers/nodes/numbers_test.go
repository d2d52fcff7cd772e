package nodes_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/handlers/nodes"
)

// awkward are numbers that an int or a float64 would change.
const awkward = `{"big":12345678901234567890,"dec":0.1234567890123456789,"huge":1e400,"max":9223372036854775807,"odd":9007199254740993,"one":1.0,"price":98.50,"none":null}`

// TestNumbersTravelUnchanged sends them along every way that data takes.
func TestNumbersTravelUnchanged(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, nodes.Builtin(nodes.Options{})...)
	env.Deploy(`
id: child
nodes: [ { key: start, type: manual.trigger } ]
`)
	env.Deploy(`
id: numbers
variables: { big: 12345678901234567890, dec: 0.1234567890123456789, huge: 1e400 }
output:
  passed: $nodes.branch.output
  lone: $nodes.lone.output
  json: $nodes.json.output
  child: $nodes.child.output
  state: $execution.state
  event: $nodes.event.output
  resumed: $nodes.resumed.output
  vars: "{{ [$vars.big, $vars.dec, $vars.huge] }}"
  code: $nodes.code.output
nodes:
  - { key: start, type: manual.trigger }
  - { key: branch, type: logic.if_condition, params: { condition: $input.big > 12345678901234567889 } }
  - key: lone
    type: data.set_data
    params: { mapping_map: { all: "{{ $input }}", list: { "#map": ["{{ [$input.big, $input.dec] }}", "{{ $loop.item }}"] } } }
  - key: json
    type: data.set_data
    params: { mode: json, json_template: '{"all": {{ $trigger }}, "big": {{ $trigger.big }}, "dec": {{ $trigger.dec }}}' }
  - { key: child, type: workflow.execute_workflow, params: { workflow_id: child, input_data: "{{ $trigger }}" } }
  - { key: code, type: code.expr, params: { expression: "$trigger.max + 1" } }
  - { key: state, type: workflow.set_state, params: { n: "{{ $trigger }}" } }
  - { key: event, type: wait.wait_for_event, params: { event_type: paid, event_filter: { "order.big": $trigger.big, "order.dec": $trigger.dec, "order.one": 1 }, timeout_ms: 60000 } }
  - { key: resumed, type: wait.wait_for_event, params: { event_type: never, timeout_ms: 60000 } }
connections: [ start -> branch, branch.true -> lone, lone -> json, json -> child, child -> code, code -> state, state -> event, event -> resumed ]
`)
	in := json.RawMessage(awkward)
	id := env.Start("numbers", in)
	env.Run()
	near := json.RawMessage(`{"order":{"big":12345678901234567891,"dec":0.1234567890123456789,"one":1}}`)
	if got := env.Publish("paid", near); got.Matched != 0 {
		t.Fatal("an event for the next number matched")
	}
	if got := env.Publish("paid", json.RawMessage(`{"order":`+awkward+`}`)); got.Matched != 1 {
		t.Fatalf("the event matched %d waits", got.Matched)
	}
	env.Run()
	env.Resume(id, "resumed", in)
	env.Run()
	env.WantStatus(id, flow.Completed)
	var out map[string]json.RawMessage
	if err := json.Unmarshal(env.Execution(id).Output, &out); err != nil {
		t.Fatal(err)
	}
	const same = `{"big":12345678901234567890,"dec":0.1234567890123456789,"huge":1e400,"max":9223372036854775807,"none":null,"odd":9007199254740993,"one":1,"price":98.5}`
	for name, want := range map[string]string{
		"passed":  same,
		"lone":    `{"all":` + same + `,"list":[12345678901234567890,0.1234567890123456789]}`,
		"json":    `{"all":` + same + `,"big":12345678901234567890,"dec":0.1234567890123456789}`,
		"child":   same,
		"state":   `{"n":` + same + `}`,
		"event":   `{"order":` + same + `}`,
		"resumed": same,
		"vars":    `[12345678901234567890,0.1234567890123456789,1e400]`,
		"code":    `9223372036854775808`,
	} {
		if got := string(out[name]); got != want {
			t.Errorf("%s is\n%s, want\n%s", name, got, want)
		}
	}
}

func TestNumbersBeyondTheLimitsAreRefused(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, nodes.Builtin(nodes.Options{})...)
	env.Deploy("id: a\nnodes: [ { key: start, type: manual.trigger } ]\n")
	for _, input := range []string{`{"n":1e1000}`, `1e-99999999999`} {
		_, err := env.Engine().Start(t.Context(), flow.StartRequest{Workflow: "a", Input: json.RawMessage(input)})
		if err == nil {
			t.Errorf("%s was taken", input)
		} else {
			t.Log(err)
		}
	}
}

// TestWaitsRememberNumbers: what a wait notes of users' numbers, which may be beyond a float64, keeps no wait from going on.
func TestWaitsRememberNumbers(t *testing.T) {
	t.Parallel()
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, awkward)
	}))
	t.Cleanup(partner.Close)
	client := nodes.NewClient(nodes.Egress{AllowPrivate: true})
	t.Cleanup(client.CloseIdleConnections)
	env := enginetest.New(t, nodes.Builtin(nodes.Options{HTTP: client})...)
	env.Deploy(`
id: waits
nodes:
  - { key: start, type: manual.trigger }
  - { key: event, type: wait.wait_for_event, params: { event_type: paid, event_filter: { n: $input.huge }, timeout_ms: 1000 } }
  - { key: poll, type: poll.poll_until, params: { endpoint: "` + partner.URL + `", condition: "false", max_attempts: 3 } }
  - { key: ask, type: wait.approval, params: { title: well, form: { type: object, properties: { n: { maximum: 1e400 } } }, remind: { every_ms: 1000 }, timeout_ms: 5000 } }
  - { key: end, type: data.set_data, params: { mapping_map: { ok: true } } }
connections: [ start -> event, event.timeout -> poll, poll.timeout -> ask, ask.timeout -> end ]
`)
	id := env.Start("waits", json.RawMessage(awkward))
	env.Advance(time.Hour)
	env.WantPath(id, "start", "event.timeout", "poll.timeout", "ask.timeout", "end")
}
