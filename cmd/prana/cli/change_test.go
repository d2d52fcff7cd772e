package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

func TestResume(t *testing.T) {
	t.Parallel()
	id := flow.NewExecutionID(0)
	suspension := id + ":1.000:1"
	done := wire.Resumed{ExecutionID: id, SuspensionID: suspension, Node: "w"}
	for _, c := range []struct {
		args       []string
		line, body string
	}{
		{[]string{id, "--node", "w", "-i", "ok:=true"}, "POST /v1/executions/" + id + ":resume", `{"node":"w","data":{"ok":true}}`},
		{[]string{id, "--data", "[1]", "--id", "k"}, "POST /v1/executions/" + id + ":resume", `{"data":[1],"id":"k"}`},
		{[]string{suspension, "--data", `{"a":1}`, "-i", "b=2"}, "POST /v1/suspensions/" + suspension + ":resume", `{"data":{"a":1,"b":"2"}}`},
	} {
		f := newFake(t, map[string]any{c.line: done})
		prana(t, f.url, append([]string{"resume"}, c.args...)...).wants(t, 0, "resumed "+id+" at node w", "")
		seen := f.only(t)
		if seen.line != c.line {
			t.Errorf("asked %s, want %s", seen.line, c.line)
		}
		same(t, seen.body, c.body)
	}
	prana(t, "", "resume", suspension, "--node", "w").wants(t, 2, "", "--node")
}

func TestEventSend(t *testing.T) {
	t.Parallel()
	res := flow.PublishResult{ID: "e1", Matched: 1, Executions: []string{"x1"}}
	for _, c := range []struct {
		args []string
		body string
	}{
		{[]string{"paid", "-i", "order:=7"}, `{"type":"paid","data":{"order":7}}`},
		{[]string{"paid", "--id", "e1", "--ttl", "2s"}, `{"type":"paid","id":"e1","ttl_ms":2000}`},
		{[]string{"paid", "--ttl", "0"}, `{"type":"paid","ttl_ms":0}`},
	} {
		f := newFake(t, map[string]any{"POST /v1/events": res})
		prana(t, f.url, append([]string{"event", "send"}, c.args...)...).wants(t, 0, "event e1 matched 1\n  x1\n", "")
		same(t, f.only(t).body, c.body)
	}
}

func TestEventIsNotKeptForLessThanNothing(t *testing.T) {
	t.Parallel()
	f := newFake(t, nil)
	prana(t, f.url, "event", "send", "paid", "--ttl", "-1s").wants(t, 2, "", "--ttl is -1s; it must be 0 or more")
	if seen := f.asked(); len(seen) > 0 {
		t.Errorf("the server was asked %+v", seen)
	}
}

func TestEventDryRun(t *testing.T) {
	t.Parallel()
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	f := newFake(t, map[string]any{"POST /v1/events": flow.EventPreview{Matched: 1, Executions: []string{"x1"}, DryRun: true, Waits: []flow.WaitPreview{
		{SuspensionID: "s1", Workflow: "order", Node: "w", Matches: true, Reasons: []flow.Mismatch{}},
		{SuspensionID: "s2", Workflow: "order", Node: "w", Reasons: []flow.Mismatch{{Path: "a.b", Want: raw(`7`), Got: raw(`"8"`)}, {Path: "c", Want: raw(`null`)}}},
		{SuspensionID: "s3", Workflow: "order", Node: "w", Reasons: []flow.Mismatch{{Match: "$event.data.ok", Got: raw(`false`)}}},
	}}})
	prana(t, f.url, "event", "send", "paid", "--data", `{"c":1}`, "--limit", "2", "--dry-run").wants(t, 0, `SUSPENSION  WORKFLOW  NODE  MATCHES  WHY NOT
s1          order     w     yes
s2          order     w     no       a.b: want 7, got "8"; c: want null, got nothing
s3          order     w     no       match $event.data.ok gave false
`, "1 would take it; nothing was sent")
	same(t, f.only(t).body, `{"type":"paid","data":{"c":1},"limit":2,"dry_run":true}`)
}

func TestEventFromStdin(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{"POST /v1/events": flow.PublishResult{ID: "e"}})
	pranaWith(t, t.Context(), f.url, `{"a":1}`, "event", "send", "paid", "--data", "-").wants(t, 0, "", "")
	same(t, f.only(t).body, `{"type":"paid","data":{"a":1}}`)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{"POST /v1/executions/x1:cancel": wire.Accepted{ExecutionID: "x1"}})
	prana(t, f.url, "cancel", "x1", "--reason", "no more", "-o", "json").wants(t, 0, `{"execution_id":"x1"}`, "")
	same(t, f.only(t).body, `{"reason":"no more"}`)
}

func TestTerminate(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{"POST /v1/executions/x1:terminate": wire.Accepted{ExecutionID: "x1"}})
	prana(t, f.url, "terminate", "x1", "--reason", "it hangs").wants(t, 0, "terminated x1", "")
	same(t, f.only(t).body, `{"reason":"it hangs"}`)
}

func TestPause(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{"POST /v1/executions/x1:pause": wire.Accepted{ExecutionID: "x1"}})
	prana(t, f.url, "pause", "x1", "--reason", "the partner is down").wants(t, 0, "paused x1", "")
	if body := f.only(t).body; !strings.Contains(body, `"reason":"the partner is down"`) {
		t.Errorf("the server was asked %s", body)
	}
	f = newFake(t, map[string]any{"POST /v1/executions/x1:unpause": wire.Accepted{ExecutionID: "x1"}})
	prana(t, f.url, "unpause", "x1").wants(t, 0, "unpaused x1", "")
}

func TestRetry(t *testing.T) {
	t.Parallel()
	done := flow.RetryResult{ExecutionID: "x1", Status: flow.Running, Generation: 2}
	f := newFake(t, map[string]any{"POST /v1/executions/x1:retry": done, "GET /v1/executions/x1": viewOf(flow.Failed)})
	prana(t, f.url, "retry", "x1", "--id", "k").wants(t, 0, "retried x1: it is running, generation 2", "")
	same(t, f.only(t).body, `{"id":"k"}`)
	prana(t, f.url, "retry", "x1", "-o", "json").wants(t, 0, `{"execution_id":"x1","status":"running","generation":2}`, "")
	prana(t, f.url, "retry", "x1", "--wait").wants(t, 1, "failed", "")
	refusing := newFake(t, map[string]any{"POST /v1/executions/x1:retry": flow.Problemf(flow.ErrConflict.Code, "it is completed")})
	prana(t, refusing.url, "retry", "x1").wants(t, 5, "", "it is completed")
}

func TestRerun(t *testing.T) {
	t.Parallel()
	res := flow.RerunResult{RerunOf: "x0", StartResult: flow.StartResult{ExecutionID: "x1", Workflow: "order", Version: "v1"}}
	f := newFake(t, map[string]any{"POST /v1/executions/x0:rerun": res, "GET /v1/executions/x1": viewOf(flow.Completed)})
	r := prana(t, f.url, "rerun", "x0", "--from", "pay", "-i", "n:=7", "--version", "latest", "--id", "k")
	r.wants(t, 0, "rerun of   x0", "")
	same(t, f.only(t).body, `{"from":"pay","input":{"n":7},"version":"latest","id":"k"}`)
	prana(t, f.url, "rerun", "x0", "--wait", "-o", "json").wants(t, 0, `"execution_id":"x1"`, "")
}

func TestRerunPlan(t *testing.T) {
	t.Parallel()
	plan := flow.RerunPlan{
		RerunOf: "x0", From: "pay", Input: map[string]any{"main": 7}, Warnings: []string{"it pays again"},
		Kept:  []flow.RerunNode{{Node: "start", Type: "manual.trigger", Runs: 1}},
		Again: []flow.RerunNode{{Node: "pay", Type: "http.request", Runs: 2}},
	}
	f := newFake(t, map[string]any{"POST /v1/executions/x0:rerun": plan})
	r := prana(t, f.url, "rerun", "x0", "--from", "pay", "--plan")
	r.wants(t, 0, "pay    http.request    runs again with {\"main\":7}  2", "note: it pays again")
	r.wants(t, 0, "start  manual.trigger  kept", "")
	same(t, f.only(t).body, `{"from":"pay","plan":true}`)
}

func TestInput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   input
		want string
		code int
	}{
		{input{}, "", 0},
		{input{whole: "[1]"}, "[1]", 0},
		{input{pieces: []string{"a=1", "b:=1", "c=x=y", "d="}}, `{"a":"1","b":1,"c":"x=y","d":""}`, 0},
		{input{pieces: []string{"a=1"}, whole: `{"a":0,"z":9007199254740993}`}, `{"a":"1","z":9007199254740993}`, 0},
		{input{pieces: []string{"a:=nope"}}, "", 3},
		{input{whole: "{"}, "", 3},
		{input{pieces: []string{"a"}}, "", 2},
		{input{pieces: []string{"=a"}}, "", 2},
		{input{pieces: []string{"a=1"}, whole: "[]"}, "", 2},
	} {
		got, err := c.in.read(nil)
		if exitCode(err) != c.code || string(got) != c.want {
			t.Errorf("%+v: got %s, %v; want %s, exit %d", c.in, got, err, c.want, c.code)
		}
	}
}
