package integration

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"prana/cmd/prana/app"
	"prana/engine/definition"
	"prana/engine/flow"
	"prana/handlers/nodes"
	"prana/engine/node"
	"prana/engine/plan"
)

func TestSmoke(t *testing.T) {
	var calls atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := calls.Add(1)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/flaky" && n < 3:
			w.WriteHeader(503)
		case r.URL.Path == "/job" && n < 3:
			w.Write([]byte(`{"status":"running"}`))
		default:
			w.Write([]byte(`{"status":"completed","n":1}`))
		}
	}))
	defer srv.Close()
	ctx := context.Background()
	c := app.TestConfig()
	a, err := app.Start(ctx, app.Options{Config: c, API: true, Worker: true, Dev: true, Listen: "127.0.0.1:0", Logger: slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelInfo}))})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	}()
	reg := node.NewRegistry(nodes.Builtin(nodes.Options{})...)
	run := func(src string, input string, between func(id string)) *flow.View {
		w, _, diags := definition.Check("x.yaml", []byte(src), reg, plan.Options{})
		if plan.HasErrors(diags) {
			t.Fatal(diags)
		}
		if _, _, err := a.Deploy(ctx, w); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		r, err := a.Engine().Start(ctx, flow.StartRequest{Workflow: w.ID, Input: json.RawMessage(input)})
		if err != nil {
			t.Fatal(err)
		}
		if between != nil {
			between(r.ExecutionID)
		}
		cctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		v, err := a.Engine().Await(cctx, r.ExecutionID)
		raw, _ := json.MarshalIndent(v, "", " ")
		if err != nil || v.Status != flow.Completed {
			t.Fatalf("%v %s", err, raw)
		}
		t.Logf("%s took %s: %s", w.ID, time.Since(began), v.Output)
		return v
	}
	chain := "id: chain\nnodes:\n  - {key: start, type: manual.trigger}\n"
	conn := "connections:\n"
	prev := "start"
	for _, k := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
		chain += "  - {key: " + k + ", type: core.log, params: {message: hi}}\n"
		conn += "  - " + prev + " -> " + k + "\n"
		prev = k
	}
	for range 3 {
		run(chain+conn, `{"x":1}`, nil)
	}
	run(`
id: delayed
nodes:
  - {key: start, type: manual.trigger}
  - {key: wait, type: time.delay, params: {duration_ms: 1500}}
connections: [start -> wait]
`, `{}`, nil)
	run(`
id: event
nodes:
  - {key: start, type: manual.trigger}
  - {key: wait, type: wait.wait_for_event, params: {event_type: go, event_filter: {id: $input.id}, timeout_ms: 10000}}
connections: [start -> wait]
`, `{"id": 7}`, func(id string) {
		r, err := a.Engine().Publish(ctx, flow.Event{Type: "go", Data: json.RawMessage(`{"id":7,"ok":true}`)})
		t.Log(r, err)
	})
	run(`
id: poll
nodes:
  - {key: start, type: manual.trigger}
  - {key: poll, type: poll.poll_until, params: {endpoint: "`+srv.URL+`/job", condition: "$response.status == 'completed'", interval_ms: 300, max_attempts: 10}}
connections: [start -> poll]
`, `{}`, nil)
	calls.Store(0)
	run(`
id: retry
nodes:
  - {key: start, type: manual.trigger}
  - {key: call, type: http.request, params: {url: "`+srv.URL+`/flaky"}, settings: {retry_on_failed: true, max_retries: 3, retry_delay_ms: 200}}
connections: [start -> call]
`, `{}`, nil)
	for _, mode := range []string{"sync", "async", "fire_and_forget"} {
		run(`
id: parent_`+mode+`
nodes:
  - {key: start, type: manual.trigger}
  - {key: child, type: workflow.execute_workflow, params: {workflow_id: delayed, execution_mode: `+mode+`}}
connections: [start -> child]
`, `{}`, nil)
	}
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) { w.t.Log(string(b)); return len(b), nil }
