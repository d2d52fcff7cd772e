package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"prana/engine/flow"
	"prana/handlers/api/explain"
	"prana/handlers/api/wire"
)

// shown is an execution with something of everything.
func shown() *flow.View {
	v := viewOf(flow.Suspended)
	v.CreatedAt = noon
	v.Nodes = []flow.NodeRun{
		{
			Node: "call", Type: "http.request", Status: flow.StepCompleted, Attempt: 1, Port: "main", CreatedAt: noon, StartedAt: &noon, EndedAt: &later,
			Input: map[string]json.RawMessage{"main": json.RawMessage("1")}, Output: json.RawMessage(`{"n":1}`),
			Attempts: []flow.AttemptView{{Number: 0, StartedAt: &noon, EndedAt: later, Error: &flow.Problem{Code: "http_status", Message: "503"}}},
		},
		{Node: "nap", Status: flow.StepSuspended, RunIndex: 1, CreatedAt: later, Children: []string{"kid"}},
	}
	v.Suspensions = []flow.Suspension{{ID: "s", Node: "nap", RunIndex: 1, Type: "custom", SuspendedAt: later}}
	return v
}

func TestShow(t *testing.T) {
	t.Parallel()
	v := shown()
	f := newFake(t, map[string]any{"GET /v1/executions/x1": v})
	r := prana(t, f.url, "show", "x1")
	for _, want := range []string{
		"⏸ order  x1  suspended", "├─ ✓ call  done", "1.5s; attempt 2\n│  └─ attempt 1 failed after 1.5s: http_status: 503", "└─ ⏸ nap   waiting", "child kid",
		"created  2026-01-02T12:00:00.000Z", "It waits at nap (custom)", "\n  prana resume x1         # end the wait by hand\n",
	} {
		r.wants(t, 0, want, "")
	}
	if strings.Contains(r.stdout, "\x1b") {
		t.Error("a pipe gets no escapes")
	}
	same(t, prana(t, f.url, "show", "x1", "-o", "json").stdout, string(mustJSON(t, v)))
	for _, ascii := range [][]string{{"show", "x1", "--ascii"}, {"show", "x1", "--timeline", "--ascii"}, {"show", "x1", "--node", "call", "--ascii"}} {
		if r := prana(t, f.url, ascii...); r.code != 0 || strings.ContainsFunc(r.stdout, func(c rune) bool { return c > 127 }) {
			t.Errorf("%v: exit %d, stdout\n%s", ascii, r.code, r.stdout)
		}
	}
	prana(t, f.url, "show", "x1", "--timeline").wants(t, 0, "░ waiting", "")
	prana(t, f.url, "show", "x1", "--timeline", "--follow").wants(t, 2, "", "timeline")
}

func TestShowNode(t *testing.T) {
	t.Parallel()
	v := shown()
	f := newFake(t, map[string]any{"GET /v1/executions/x1": v})
	for _, want := range []string{"input main  1\n", "output      {\n                \"n\": 1\n              }\n", "attempt 1   failed: 2026-01-02T12:00:00.000Z, 1.5s"} {
		prana(t, f.url, "show", "x1", "--node", "call").wants(t, 0, want, "")
	}
	same(t, prana(t, f.url, "show", "x1", "--node", "call", "-o", "json").stdout, string(mustJSON(t, wire.History{ExecutionID: "x1", Status: v.Status, Items: v.Nodes[:1]})))
	prana(t, f.url, "show", "x1", "--node", "cal").wants(t, 4, "", "those that did: call, nap")
}

func TestShowFollows(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{"GET /v1/executions/x1": viewOf(flow.Failed)})
	prana(t, f.url, "show", "x1", "--follow").wants(t, 1, "status     failed", "failed: http_status at node call: 503")
}

// TestLocales: what a locale cannot show is not drawn.
func TestLocales(t *testing.T) {
	t.Parallel()
	for pairs, want := range map[string]bool{
		"": true, "LANG=C.UTF-8": true, "LANG=de_DE.utf8": true, "LANG=C": false, "LC_ALL=POSIX LANG=en_US.UTF-8": false,
		"LC_CTYPE=en_US.UTF-8 LANG=C": true, "TERM=dumb": false, "NO_UNICODE=1 LANG=C.UTF-8": false, "NO_COLOR=1": true,
	} {
		if got := (&shell{environ: strings.Fields(pairs)}).unicode(); got != want {
			t.Errorf("with %q: unicode is %v, want %v", pairs, got, want)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	v := viewOf(flow.Suspended)
	v.Suspensions = []flow.Suspension{{ID: "x1:1.000:1", Node: "ok", Type: flow.Approval, Data: json.RawMessage(`{"title":"A desk?","assignees":["ada"]}`), SuspendedAt: noon}}
	f := newFake(t, map[string]any{"GET /v1/executions/x1": v, "GET /v1/executions/y": flow.NotFound("execution", "y")})
	prana(t, f.url, "explain", "x1").wants(t, 0, `It waits at ok for ada to approve "A desk?", since `, "")
	r := prana(t, "", "explain", "x1", "--server", f.url)
	r.wants(t, 0, "\n  prana reject x1 --server "+f.url, "")
	var e explain.Explanation
	if err := json.Unmarshal([]byte(prana(t, f.url, "explain", "x1", "-o", "json").stdout), &e); err != nil || len(e.Reasons) != 1 || e.Reasons[0].SuspensionID != "x1:1.000:1" {
		t.Errorf("got %+v, %v", e, err)
	}
	prana(t, f.url, "explain", "y").wants(t, 4, "", `there is no execution "y"`)
}

// TestOffersCanBeTyped: every command that is offered is one that the command line takes.
func TestOffersCanBeTyped(t *testing.T) {
	t.Parallel()
	offered := map[string]bool{}
	for _, status := range []flow.Status{flow.Completed, flow.Failed, flow.TimedOut, flow.Cancelled, flow.Quarantined, flow.Pending, flow.Cancelling, flow.Paused} {
		v := shown()
		v.Status, v.Nodes[0].Status, v.ParentID = status, flow.StepFailed, "p1"
		for _, c := range explain.Of(v, noon).Next {
			offered[c.Line] = true
		}
	}
	for _, kind := range []string{flow.ExternalEvent, flow.SubWorkflow, flow.Polling, flow.Delay, flow.Approval, flow.Webhook, flow.Concurrency, flow.CustomWait} {
		v := shown()
		v.Suspensions[0].Type, v.Suspensions[0].Data, v.Suspensions[0].ChildID = kind, json.RawMessage(`{"event_type":"t","event_filter":{"a":1},"match":"true"}`), "kid"
		for _, c := range explain.Of(v, noon).Next {
			offered[c.Line] = true
		}
	}
	for line := range offered {
		words := strings.Fields(line)[1:]
		cmd, rest, err := (&shell{environ: []string{}}).root().Find(words)
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err == nil {
			err = cmd.ValidateArgs(cmd.Flags().Args())
		}
		if err != nil || !cmd.Runnable() {
			t.Errorf("%s: %v", line, err)
		}
	}
}
