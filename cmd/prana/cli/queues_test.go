package cli

import (
	"net/http"
	"slices"
	"testing"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

func TestQueues(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{
		"GET /v1/queues": flow.Page[wire.Queue]{Cursor: "next", Items: []wire.Queue{
			{Queue: "prana", Archived: 2, Workers: 1, ProcessedToday: 7, FailedToday: 3},
			{Queue: "prana-0", Pending: 4, LatencyMS: 1500, Active: 3, Orphaned: 1, Scheduled: 5, Retry: 6, Paused: true},
		}},
		"GET /v1/workers": flow.Page[wire.Worker]{Items: []wire.Worker{{
			ID: "web:1", Status: "active", StartedAt: noon, Queues: []string{"default", "prana"}, Concurrency: 16, Running: 3,
			Tasks: []wire.Running{{Type: "prana:step", Queue: "prana-0", ExecutionID: "x", Workflow: "order", Node: "pay", StartedAt: later}, {Type: "prana:event", Queue: "prana", StartedAt: later}},
		}}},
	})
	r := prana(t, f.url, "queues", "slow", "--limit", "2")
	r.wants(t, 0, "", "--cursor next")
	if got, want := trimmed(r.stdout), trimmed(`
		QUEUE    PENDING  OLDEST  ACTIVE  SCHEDULED  RETRY  ARCHIVED  TODAY  FAILED  WORKERS  STATE
		prana    0                0       0          0      2         7      3       1
		prana-0  4        1.5s    3       5          6      0         0      0       0        is paused, nobody serves it, 1 of a dead worker`); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := f.only(t).query.Encode(); got != "limit=2&name=slow" {
		t.Errorf("asked with %s", got)
	}
	if got, want := trimmed(prana(t, f.url, "queues", "workers").stdout), trimmed(`
		WORKER         STATUS  RUNNING  QUEUES         SINCE
		web:1          active  3 of 16  default,prana  2026-01-02T12:00:00.000Z
		x order pay                   prana-0        2026-01-02T12:00:01.500Z
		prana:event                   prana          2026-01-02T12:00:01.500Z
		and 1 more`); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestNoSuchQueue: a name that nothing has is told as that of a workflow or a hook.
func TestNoSuchQueue(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{"GET /v1/queues": flow.Page[wire.Queue]{Items: []wire.Queue{}}})
	prana(t, f.url, "queues", "nope").wants(t, 4, "", `there is no queue "nope"`)
}

// deadTasks answers for three of them, of which one goes meanwhile.
func deadTasks(t *testing.T) *fake {
	t.Helper()
	page := flow.Page[wire.DeadTask]{Items: []wire.DeadTask{
		{ID: "a:1", Type: "prana:start", Reason: "no\nworkflow", GivenUpAt: noon, MaxRetry: 25, Payload: `{"v":1}`, Size: 700, Truncated: true},
		{ID: "gone"},
		{ID: "b/2"},
	}}
	done := wire.Dead{ID: "a:1"}
	return newFake(t, map[string]any{
		"GET /v1/dead": page, "GET /v1/dead/a:1": page.Items[0],
		"POST /v1/dead/a:1:run": done, "POST /v1/dead/b/2:run": done, "POST /v1/dead/gone:run": flow.NotFound("dead task", "gone"),
		"DELETE /v1/dead/a:1": done, "DELETE /v1/dead/b/2": done, "DELETE /v1/dead/gone": flow.NotFound("dead task", "gone"),
	})
}

func TestDead(t *testing.T) {
	t.Parallel()
	f := deadTasks(t)
	prana(t, f.url, "dead").wants(t, 0, "a:1   prana:start  2026-01-02T12:00:00.000Z  0        no workflow", "")
	prana(t, f.url, "dead", "show", "a:1").wants(t, 0, `{"v":1} (700 bytes)`, "")
	prana(t, f.url, "dead", "run", "a:1", "b/2").wants(t, 0, "run again  b/2", "")
	prana(t, f.url, "dead", "delete", "a:1", "-o", "json").wants(t, 0, `{"items":[{"id":"a:1"}]}`, "")
	for _, args := range [][]string{{"run"}, {"run", "a", "--all"}, {"delete"}, {"show"}} {
		prana(t, f.url, append([]string{"dead"}, args...)...).wants(t, 2, "", "")
	}
}

// TestAllDead: what is done to all is done to what was counted, after a question.
func TestAllDead(t *testing.T) {
	t.Parallel()
	for verb, method := range map[string]string{"run": http.MethodPost, "delete": http.MethodDelete} {
		f := deadTasks(t)
		prana(t, f.url, "dead", verb, "--all").wants(t, 2, "", verb+" 3 dead tasks; --yes")
		if n := len(f.asked()); n != 1 {
			t.Errorf("%s without an answer: %d requests, want the one that counts", verb, n)
		}
		prana(t, f.url, "dead", verb, "--all", "--yes").wants(t, 4, "b/2", `there is no dead task "gone"`)
		var ended []string
		for _, r := range f.asked() {
			if r.header.Get("Content-Type") == "" && r.line[:len(method)] == method {
				ended = append(ended, r.line)
			}
		}
		if len(ended) != 3 || !slices.ContainsFunc(ended, func(line string) bool { return line == "DELETE /v1/dead/b/2" || line == "POST /v1/dead/b/2:run" }) {
			t.Errorf("%s: asked %v", verb, ended)
		}
	}
	none := newFake(t, map[string]any{"GET /v1/dead": map[string]any{"items": []any{}}})
	prana(t, none.url, "dead", "delete", "--all").wants(t, 0, "", "no task was deleted")
}
