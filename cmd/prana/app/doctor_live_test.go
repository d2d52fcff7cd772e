package app

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/handlers/nodes"
)

// busy are workflows that sleep, wake, fail, retry, join and have children within a second.
var busy = []string{`
id: child
nodes:
  - {key: start, type: manual.trigger}
  - {key: rest, type: time.delay, params: {duration_ms: 50}}
connections: [start -> rest]
`, `
id: busy
timeout_ms: 60000
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: 30}, settings: {queue: slow}}
  - {key: hear, type: wait.wait_for_event, params: {event_type: go, event_filter: {id: $input.id}, timeout_ms: 20000}}
  - {key: child, type: workflow.execute_workflow, params: {workflow_id: child, execution_mode: sync}}
  - {key: flaky, type: http.request, params: {url: "http://127.0.0.1:1/"}, settings: {retry_on_failed: true, max_retries: 2, retry_delay_ms: 20, on_error: continue}}
  - {key: both, type: data.merge}
connections:
  - start -> nap
  - start -> hear
  - start -> child
  - start -> flaky
  - nap -> both
  - hear -> both
  - child -> both
  - flaky -> both
`}

// TestDoctorWhileRunning: the invariants hold while executions run, and after they ended.
func TestDoctorWhileRunning(t *testing.T) {
	t.Parallel()
	_, o := examined(t)
	o.Worker, o.Dev = true, true
	a, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	reg := node.NewRegistry(nodes.Builtin(nodes.Options{})...)
	for _, src := range busy {
		w, _, diags := definition.Check("w.yaml", []byte(src), reg, plan.Options{})
		if plan.HasErrors(diags) {
			t.Fatal(diags)
		}
		if _, _, err := a.Deploy(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	var ids []string
	for i := range 40 {
		r, err := a.Engine().Start(t.Context(), flow.StartRequest{Workflow: "busy", Input: json.RawMessage(fmt.Sprintf(`{"id":%d}`, i))})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ExecutionID)
		if i%4 == 3 {
			wantHealthy(t, o)
		}
	}
	for i, id := range ids {
		if i%10 == 9 {
			if err := a.Engine().Cancel(t.Context(), flow.CancelRequest{Execution: id}); err != nil {
				t.Fatal(err)
			}
			wantHealthy(t, o)
			continue
		}
		if _, err := a.Engine().Publish(t.Context(), flow.Event{Type: "go", Data: json.RawMessage(fmt.Sprintf(`{"id":%d}`, i))}); err != nil {
			t.Fatal(err)
		}
	}
	for i, id := range ids {
		want := flow.Completed
		if i%10 == 9 {
			want = flow.Cancelled
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		if v, err := a.Engine().Await(ctx, id); err != nil || v.Status != want {
			t.Errorf("execution %s is %+v, %v; want %s", id, v, err, want)
		}
		cancel()
	}
	wantHealthy(t, o)
}

func wantHealthy(t *testing.T, o Options) {
	t.Helper()
	for _, c := range examine(t, o).Checks {
		if c.Status == Failed || c.Status == Warning {
			t.Errorf("%+v", c)
		}
	}
}
