package cli

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"prana/engine/flow"
)

func TestResult(t *testing.T) {
	t.Parallel()
	for status, want := range map[flow.Status]struct {
		code   int
		stdout string
		stderr string
	}{
		flow.Completed: {0, `{"n":1}` + "\n", ""},
		flow.Failed:    {1, "", "execution x1 is failed: http_status at node call: 503\n"},
		flow.TimedOut:  {1, "", "execution x1 is timed_out: http_status at node call: 503\n"},
		flow.Suspended: {8, "", "execution x1 is suspended\n"},
		flow.Cancelled: {9, "", "execution x1 is cancelled: it hangs\n"},
	} {
		f := newFake(t, map[string]any{"GET /v1/executions/x1": viewOf(status)})
		if got := prana(t, f.url, "result", "x1"); got != (ran{want.code, want.stdout, want.stderr}) {
			t.Errorf("%s: got %+v, want %+v", status, got, want)
		}
	}
	f := newFake(t, map[string]any{"GET /v1/executions/x1": viewOf(flow.Completed)})
	prana(t, f.url, "result", "x1", "-o", "yaml").wants(t, 0, "n: 1\n", "")
	f = newFake(t, map[string]any{"GET /v1/executions/x1": flow.NotFound("execution", "x1")})
	prana(t, f.url, "result", "x1").wants(t, 4, "", "")
}

func TestResultWaits(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{"GET /v1/executions/x1": blocking(make(chan struct{}, 1))})
	prana(t, f.url, "result", "x1", "--wait", "--timeout", "20ms").wants(t, 8, "", "execution x1 is suspended")

	asked := make(chan struct{}, 1)
	f = newFake(t, map[string]any{"GET /v1/executions/x1": blocking(asked)})
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		<-asked
		interrupt()
	}()
	r := pranaWith(t, ctx, f.url, "", "result", "x1", "--wait")
	r.wants(t, 130, "", "the execution goes on")
	for _, q := range f.asked() {
		if !strings.HasPrefix(q.line, "GET ") {
			t.Errorf("an interrupt did %s", q.line)
		}
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	v := viewOf(flow.Failed)
	v.CreatedAt, v.EndedAt = noon, &later
	middle := noon.Add(500_000_000)
	v.Nodes = []flow.NodeRun{
		{Node: "old", Kept: true, Status: flow.StepCompleted, CreatedAt: noon, StartedAt: &noon, EndedAt: &noon},
		{
			Node: "call", Status: flow.StepFailed, Attempt: 1, CreatedAt: noon, StartedAt: &middle, EndedAt: &later, Error: &flow.Problem{Code: "c", Message: "502"},
			Attempts: []flow.AttemptView{{Number: 0, StartedAt: &noon, EndedAt: middle, Error: &flow.Problem{Code: "c", Message: "503"}}},
		},
		{Node: "ask", RunIndex: 1, Status: flow.StepCompleted, CreatedAt: noon, StartedAt: &noon, EndedAt: &middle, ResumedAt: &middle, ResumedBy: "manual", Actor: "Ada", Port: "approved"},
	}
	v.Suspensions = []flow.Suspension{{Node: "ask", RunIndex: 1, Type: "custom", SuspendedAt: middle}}
	v.Nodes[1].Deaths = 2 // of the last attempt: others began anew
	f := newFake(t, map[string]any{"GET /v1/executions/x1": v})
	got := trimmed(prana(t, f.url, "history", "x1").stdout)
	want := trimmed(`
		TIME                      AFTER  NODE    WHAT
		2026-01-02T12:00:00.000Z  0s             started order v1
		2026-01-02T12:00:00.000Z  0s     old     kept from the execution before
		2026-01-02T12:00:00.000Z  0s     call    started
		2026-01-02T12:00:00.000Z  0s     ask #2  started
		2026-01-02T12:00:00.500Z  500ms  call    attempt 1 failed: c: 503
		2026-01-02T12:00:00.500Z  500ms  call    started, attempt 2
		2026-01-02T12:00:00.500Z  500ms  call    2 of its workers died running it, from here on
		2026-01-02T12:00:00.500Z  500ms  ask #2  waits (custom)
		2026-01-02T12:00:00.500Z  500ms  ask #2  resumed by manual (Ada)
		2026-01-02T12:00:00.500Z  500ms  ask #2  completed by port approved
		2026-01-02T12:00:01.500Z  1.5s   call    failed at attempt 2: 502
		2026-01-02T12:00:01.500Z  1.5s           failed: http_status at node call: 503`)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var h struct {
		ExecutionID string `json:"execution_id"`
		Status      string
		Items       []json.RawMessage
	}
	if err := json.Unmarshal([]byte(prana(t, f.url, "history", "x1", "-o", "json").stdout), &h); err != nil || h.ExecutionID != "x1" || h.Status != "failed" || len(h.Items) != 3 {
		t.Errorf("got %+v, %v", h, err)
	}
	lines := strings.Split(strings.TrimSpace(prana(t, f.url, "history", "x1", "-o", "jsonl").stdout), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines, want 3", len(lines))
	}
	same(t, lines[2], string(h.Items[2]))
}
