package cli

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// started is the answer to a start.
var started = flow.StartResult{ExecutionID: "x1", Workflow: "order", Version: "v1"}

func viewOf(s flow.Status) *flow.View {
	v := &flow.View{Summary: flow.Summary{ID: "x1", Workflow: "order", Version: "v1", Status: s}, Output: json.RawMessage("null")}
	switch s {
	case flow.Completed:
		v.Output = json.RawMessage(`{"n":1}`)
	case flow.Cancelled:
		v.Error = &flow.Problem{Code: "cancelled", Message: "it hangs"}
	case flow.Failed, flow.TimedOut:
		v.Error = &flow.Problem{Code: "http_status", Message: "503", Node: "call"}
	}
	return v
}

func TestRunWaits(t *testing.T) {
	t.Parallel()
	for status, code := range map[flow.Status]int{flow.Completed: 0, flow.Failed: 1, flow.TimedOut: 1, flow.Cancelled: 9} {
		f := newFake(t, map[string]any{"POST /v1/workflows/order/executions": started, "GET /v1/executions/x1": viewOf(status)})
		r := prana(t, f.url, "run", "order", "--wait", "-o", "json")
		r.wants(t, code, `"status":"`+string(status)+`"`, "")
	}
}

// TestRunEndsInQuarantine: nothing but a person moves such an execution, so that nobody waits for it for ever.
func TestRunEndsInQuarantine(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{"POST /v1/workflows/order/executions": started, "GET /v1/executions/x1": viewOf(flow.Quarantined)})
	for _, how := range []string{"--wait", "--follow"} {
		r := prana(t, f.url, "run", "order", how, "-o", "json")
		r.wants(t, 1, `"status":"quarantined"`, "It is in quarantine")
	}
}

func TestRunPrintsTheResult(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{"POST /v1/workflows/order/executions": started, "GET /v1/executions/x1": viewOf(flow.Completed)})
	r := prana(t, f.url, "run", "order", "--wait", "-o", "json", "-i", "name=Ada", "-i", "n:=[1]", "--id", "once", "--from", "pay", "--only")
	want := `{"execution_id":"x1","workflow":"order","version":"v1","status":"completed","output":{"n":1},"error":null}` + "\n"
	if r.stdout != want {
		t.Errorf("got %s, want %s", r.stdout, want)
	}
	seen := f.asked()[0]
	same(t, seen.body, `{"input":{"name":"Ada","n":[1]},"id":"once","from":"pay","only":true}`)
	if got := seen.header.Get("Authorization"); got != "Bearer sesame" {
		t.Errorf("Authorization is %q", got)
	}
}

// TestCharactersOfHTMLAreSentAsTheyAre: escaped, an input within its limit would be beyond it.
func TestCharactersOfHTMLAreSentAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"run", "order", "--input-json", `{"a":"<b>&"}`},
		{"run", "order", "-i", "a=<b>&"},
		{"event", "send", "t", "--data", `{"a":"<b>&"}`},
		{"resume", "x1", "--data", `{"a":"<b>&"}`},
	} {
		f := newFake(t, map[string]any{
			"POST /v1/workflows/order/executions": started, "GET /v1/executions/x1": viewOf(flow.Suspended),
			"POST /v1/events": flow.PublishResult{ID: "e"}, "POST /v1/executions/x1:resume": wire.Resumed{ExecutionID: "x1"},
		})
		prana(t, f.url, args...).wants(t, 0, "", "")
		if body := f.asked()[0].body; !strings.Contains(body, `{"a":"<b>&"}`) {
			t.Errorf("%v sends %s", args, body)
		}
	}
}

func TestRunDoesNotWaitUnlessAsked(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{"POST /v1/workflows/order/executions": started, "GET /v1/executions/x1": viewOf(flow.Suspended)})
	prana(t, f.url, "run", "order", "-o", "json").wants(t, 0, `"status":"suspended"`, "")
}

// TestATimeoutNeedsAWait: one that bounds nothing, or has no end, is no wish of anybody's.
func TestATimeoutNeedsAWait(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{})
	for _, line := range []string{"retry 07NZ4Qk0Qk0Qk0Qk0Qk0Qk0", "rerun 07NZ4Qk0Qk0Qk0Qk0Qk0Qk0", "result 07NZ4Qk0Qk0Qk0Qk0Qk0Qk0"} {
		verb := strings.Fields(line)
		prana(t, f.url, append(verb, "--timeout", "1s")...).wants(t, 2, "", "add --wait")
		prana(t, f.url, append(verb, "--wait", "--timeout", "-1s")...).wants(t, 2, "", "without it a wait has no end")
	}
	if asked := f.asked(); len(asked) > 0 {
		t.Errorf("the server was asked: %v", asked)
	}
}

// blocking never answers a question that may wait, and the others at once.
func blocking(asked chan<- struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Prefer") != "" {
			asked <- struct{}{}
			<-r.Context().Done()
			return
		}
		_ = json.NewEncoder(w).Encode(viewOf(flow.Suspended))
	}
}

func TestRunGivesUpWaiting(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{"POST /v1/workflows/order/executions": started, "GET /v1/executions/x1": blocking(make(chan struct{}, 1))})
	r := prana(t, f.url, "run", "order", "--wait", "--timeout", "20ms", "-o", "json")
	r.wants(t, 8, `"status":"suspended"`, "the execution goes on")
}

func TestInterruptDetaches(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	f := newFake(t, map[string]any{"POST /v1/workflows/order/executions": started, "GET /v1/executions/x1": blocking(asked)})
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		<-asked
		interrupt()
	}()
	r := pranaWith(t, ctx, f.url, "", "run", "order", "--wait")
	r.wants(t, 130, "", "prana show x1")
	for _, q := range f.asked() {
		if q.line == "POST /v1/executions/x1:cancel" {
			t.Error("an interrupt must not cancel the execution")
		}
	}
}

func TestRunFollows(t *testing.T) {
	t.Parallel()
	v := viewOf(flow.Completed)
	v.Nodes = []flow.NodeRun{{Node: "call", Type: "http.request", Status: flow.StepCompleted, Attempt: 2}}
	f := newFake(t, map[string]any{"POST /v1/workflows/order/executions": started, "GET /v1/executions/x1": v})
	prana(t, f.url, "run", "order", "--follow").wants(t, 0, "completed", "call: completed at attempt 3\ncompleted\n")
}

func TestRunPublishesAFile(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{
		"POST /v1/workflows":                  wire.Deployed{ID: "order", Version: "v1", Created: true, Diagnostics: []json.RawMessage{}},
		"POST /v1/workflows/order/executions": started,
		"GET /v1/executions/x1":               viewOf(flow.Running),
	})
	prana(t, f.url, "run", filepath.Join("testdata", "good.yaml")).wants(t, 0, "x1", "")
	seen := f.asked()
	same(t, seen[1].body, `{"version":"v1"}`)
}

func TestRunTellsTheDiagnosticsOfTheServer(t *testing.T) {
	t.Parallel()
	d := json.RawMessage(`{"severity":"error","code":"UNKNOWN_TYPE","message":"there is no type x","file":"a.yaml","line":3,"column":11,"excerpt":"    type: x"}`)
	f := newFake(t, map[string]any{"POST /v1/workflows": wire.Undefinable([]json.RawMessage{d})})
	r := prana(t, f.url, "run", filepath.Join("testdata", "good.yaml"))
	r.wants(t, 3, "", "a.yaml:3:11 error UNKNOWN_TYPE there is no type x\n        type: x\n              ^\n")
}

func TestRunWithoutServer(t *testing.T) {
	t.Parallel()
	r := prana(t, "http://127.0.0.1:1", "run", "order")
	r.wants(t, 6, "", "prana dev")
	r.wants(t, 6, "", "--embedded")
}

func TestRunOfAFileThatIsNotThere(t *testing.T) {
	t.Parallel()
}

// TestFollowLooksWhenItIsTold: once the server tells what happens, it is asked when something did, and not otherwise.
func TestFollowLooksWhenItIsTold(t *testing.T) {
	t.Parallel()
	news := make(chan struct{}, 1)
	var looks atomic.Int32
	f := newFake(t, map[string]any{
		"GET /v1/stream": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", wire.StreamType)
			for block := "id: 1\n\n"; ; block = "id: 2\nevent: node_completed\ndata: {}\n\n" {
				_, _ = io.WriteString(w, block)
				_ = http.NewResponseController(w).Flush()
				select {
				case <-news:
				case <-r.Context().Done():
					return
				}
			}
		}),
		"GET /v1/executions/x1": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			status := flow.Suspended
			switch looks.Add(1) {
			case 2:
				time.AfterFunc(4*followEvery, func() { news <- struct{}{} }) // no look comes before that
			case 3:
				status = flow.Completed
			}
			_ = json.NewEncoder(w).Encode(viewOf(status))
		}),
	})
	prana(t, f.url, "show", "x1", "--follow").wants(t, 0, "completed", "completed\n")
	if n := looks.Load(); n != 3 {
		t.Errorf("it looked %d times", n)
	}
}

// TestRunFollowsEmbedded follows a real execution, from its start to its end.
func TestRunFollowsEmbedded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := pranaWith(t, ctx, "", "", "run", "--embedded", "--redis", "miniredis", filepath.Join("testdata", "nap.yaml"), "--follow")
	r.wants(t, 0, "status     completed", "nap: sleeps 400ms\nnap: completed\nend: completed\ncompleted\n")
}

func TestRunEmbedded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := pranaWith(t, ctx, "", "", "run", "--embedded", "--redis", "miniredis", filepath.Join("testdata", "good.yaml"), "-i", "name=Ada", "-o", "json")
	r.wants(t, 0, `"status":"completed","output":{"hello":"Ada"}`, "")
}
