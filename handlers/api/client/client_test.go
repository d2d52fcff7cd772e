package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"prana/engine/flow"
	"prana/handlers/api"
	"prana/handlers/api/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	execID = "07NZ4Qk0Qk0Qk0Qk0Qk0Qk0"
	token  = "a token"
)

// engine is behind the server; it remembers the request and answers with what
// a test wants.
type engine struct {
	err    error
	asked  any
	repeat bool
	status flow.Status
	output string
	left   *flow.Problem
	mu     sync.Mutex // of asked: a request whose caller heard nothing may still be under way
}

func (e *engine) ask(v any) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = v
	return e.err
}

func (e *engine) Deploy(_ context.Context, w *flow.Workflow) (string, bool, error) {
	return "v1", true, e.ask(w.ID)
}

func (e *engine) Start(_ context.Context, r flow.StartRequest) (flow.StartResult, error) {
	return flow.StartResult{ExecutionID: execID, Workflow: r.Workflow, Version: "v1", Replayed: e.repeat}, e.ask(r)
}

func (e *engine) Resume(_ context.Context, r flow.ResumeRequest) (flow.ResumeResult, error) {
	return flow.ResumeResult{Suspension: execID + ":1.000:1", Node: "n", Repeated: e.repeat}, e.ask(r)
}

func (e *engine) ResumeToken(_ context.Context, token string) (flow.ResumeView, error) {
	return flow.ResumeView{Status: flow.ResumeActive}, e.ask(token)
}

func (e *engine) ResumeByToken(_ context.Context, token string, _ flow.ResumeRequest) (string, error) {
	return execID, e.ask(token)
}

func (e *engine) Publish(_ context.Context, ev flow.Event) (flow.PublishResult, error) {
	return flow.PublishResult{ID: cmp.Or(ev.ID, "e1"), Executions: []string{}, Buffered: true, Repeated: e.repeat}, e.ask(ev)
}

func (e *engine) DryRun(_ context.Context, ev flow.Event) (flow.EventPreview, error) {
	return flow.EventPreview{Matched: 2, DryRun: true}, e.ask(ev)
}

func (e *engine) End(_ context.Context, r flow.CancelRequest, hard bool) (flow.CancelResult, error) {
	res := flow.CancelResult{ExecutionID: r.Execution, Repeated: e.repeat}
	if e.repeat {
		res.Status = flow.Cancelled
	}
	if hard {
		return res, e.ask("terminate " + r.Execution + r.Reason + r.ID)
	}
	return res, e.ask(r)
}

func (e *engine) Pause(_ context.Context, r flow.PauseRequest) error { return e.ask(r) }
func (e *engine) Unpause(_ context.Context, r flow.PauseRequest) error {
	return e.ask("unpause " + r.Execution + r.By + r.Reason)
}

func (e *engine) Retry(_ context.Context, r flow.RetryRequest) (flow.RetryResult, error) {
	return flow.RetryResult{ExecutionID: r.Execution, Status: flow.Running, Generation: 1, Repeated: e.repeat}, e.ask(r)
}

func (e *engine) Rerun(_ context.Context, r flow.RerunRequest) (flow.RerunResult, error) {
	return flow.RerunResult{RerunOf: r.Execution, StartResult: flow.StartResult{ExecutionID: execID, Workflow: "order", Version: "v1", Replayed: e.repeat}}, e.ask(r)
}

func (e *engine) PlanRerun(_ context.Context, r flow.RerunRequest) (flow.RerunPlan, error) {
	return flow.RerunPlan{RerunOf: r.Execution, From: r.From}, e.ask(r)
}

func (e *engine) Describe(_ context.Context, id string) (*flow.View, error) {
	return &flow.View{Summary: flow.Summary{ID: id, Status: cmp.Or(e.status, flow.Running), Error: e.left}, Output: wire.OrNull([]byte(e.output))}, e.ask(id)
}

func (e *engine) Await(ctx context.Context, id string) (*flow.View, error) {
	return e.Describe(ctx, id)
}

func (e *engine) Executions(_ context.Context, f flow.ExecutionFilter) (flow.Page[flow.Summary], error) {
	return flow.Page[flow.Summary]{Items: []flow.Summary{{ID: execID}}, Cursor: "next&1"}, e.ask(f)
}

func (e *engine) Suspensions(_ context.Context, f flow.SuspensionFilter) (flow.Page[flow.Suspension], error) {
	return flow.Page[flow.Suspension]{Items: []flow.Suspension{{ExecutionID: execID}}}, e.ask(f)
}

func (e *engine) Relations(_ context.Context, f flow.RelationFilter) (flow.Page[flow.Relation], error) {
	return flow.Page[flow.Relation]{Items: []flow.Relation{{ParentID: execID}}}, e.ask(f)
}

func (e *engine) Delays(_ context.Context, f flow.DelayFilter) (flow.Page[flow.DelayView], error) {
	return flow.Page[flow.DelayView]{Items: []flow.DelayView{{ExecutionID: execID}}}, e.ask(f)
}

func (e *engine) Schedules(_ context.Context, f flow.ScheduleFilter) (flow.Page[flow.ScheduleState], error) {
	return flow.Page[flow.ScheduleState]{Items: []flow.ScheduleState{{Workflow: "order"}}}, e.ask(f)
}

func (e *engine) Workflows(context.Context) ([]flow.WorkflowInfo, error) {
	return []flow.WorkflowInfo{{ID: "order"}}, e.ask("workflows")
}

func (e *engine) Workflow(_ context.Context, id, version string) (*flow.Workflow, string, error) {
	return &flow.Workflow{ID: id}, "v1", e.ask(id + "@" + version)
}

func (e *engine) Versions(_ context.Context, id string) ([]flow.WorkflowInfo, error) {
	return []flow.WorkflowInfo{{ID: id}}, e.ask("versions of " + id)
}
func (e *engine) Ready(context.Context) error { return e.err }

func check(file string, src []byte) (*flow.Workflow, []any, bool) {
	if strings.Contains(string(src), "broken") {
		return nil, []any{file}, false
	}
	return &flow.Workflow{ID: "order"}, []any{}, true
}

// serve starts a server over the engine, and gives a client of it.
func serve(t *testing.T, e *engine) *Client {
	t.Helper()
	return dial(t, api.New(api.Config{Engine: e, Store: e, Check: check, Token: token}))
}

func dial(t *testing.T, h http.Handler) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := New(s.URL+"/", token)
	if err != nil {
		t.Fatal(err)
	}
	c.HTTP.Transport = s.Client().Transport
	c.pause, c.Patience = 0, 0
	return c
}

var (
	moment1 = time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	wait    = flow.SuspensionID{Execution: execID, Step: flow.StepID{Node: 1}, Turn: 1}
	carrier = map[string]string{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
)

// What the client is asked must arrive at the engine unchanged.
func TestRequestsArriveAsTheyWereMade(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		call func(*Client) error
		want any
	}{
		"start": ask(flow.StartRequest{
			Workflow: "order", Version: "v", Input: []byte(`{"a":1}`), ID: "i", StartAt: moment1, From: "n", Only: true,
			Tags: map[string]string{"k": "v"}, Trace: carrier,
		}, (*Client).Start),
		"retry":       ask(flow.RetryRequest{Execution: execID, ID: "i"}, (*Client).Retry),
		"rerun":       ask(flow.RerunRequest{Execution: execID, From: "n", Input: []byte(`{"a":1}`), Version: "v", ID: "i", Trace: carrier}, (*Client).Rerun),
		"its plan":    ask(flow.RerunRequest{Execution: execID, From: "n", Input: []byte(`null`)}, (*Client).PlanRerun),
		"bare start":  ask(flow.StartRequest{Workflow: "order"}, (*Client).Start),
		"resume":      ask(flow.ResumeRequest{Execution: execID, Node: "n", Data: []byte(`1`), ID: "i"}, (*Client).Resume),
		"with error":  ask(flow.ResumeRequest{Execution: execID, Error: flow.Problemf("c", "m")}, (*Client).Resume),
		"suspension":  ask(flow.ResumeRequest{Execution: execID, Suspension: &wait, Data: []byte(`1`)}, (*Client).Resume),
		"event":       ask(flow.Event{ID: "i", Type: "t", Data: []byte(`{}`), TTL: time.Second, Keep: true, Limit: 3, Trace: carrier}, (*Client).Publish),
		"dry run":     ask(flow.Event{ID: "i", Type: "t", Data: []byte(`{}`), TTL: time.Second, Limit: 3, Trace: carrier}, (*Client).DryRun),
		"not kept":    ask(flow.Event{Type: "t", TTL: -1}, (*Client).Publish),
		"executions":  ask(flow.ExecutionFilter{Status: flow.Failed, Workflow: "w", Tags: map[string]string{"team": "a&b", "x": "=y"}, Parent: "p", Error: "net refused", Prefix: "0ab", Since: moment1, Until: moment1, Limit: 7}, (*Client).List),
		"suspensions": ask(flow.SuspensionFilter{Type: "t", EventType: "e", Workflow: "w", Execution: "x", ExpiresBefore: moment1, ExpiresAfter: moment1, Limit: 7}, (*Client).Suspensions),
		"delays":      ask(flow.DelayFilter{Workflow: "w", Execution: "x", From: moment1, Until: moment1}, (*Client).Delays),
		"schedules":   ask(flow.ScheduleFilter{Workflow: "w", Limit: 2}, (*Client).Schedules),
		"relations":   ask(flow.RelationFilter{Parent: "p", Child: "c", Limit: 1}, (*Client).Relations),
		"show":        ask(execID, (*Client).Show),
		"versions": {func(c *Client) error {
			_, err := c.Versions(t.Context(), "order")
			return err
		}, "versions of order"},
		"cancel": {func(c *Client) error {
			_, err := c.Cancel(t.Context(), flow.CancelRequest{Execution: execID, Reason: "r", ID: "i"})
			return err
		}, flow.CancelRequest{Execution: execID, Reason: "r", ID: "i"}},
		"terminate": {func(c *Client) error {
			_, err := c.Terminate(t.Context(), flow.CancelRequest{Execution: execID, Reason: "r", ID: "i"})
			return err
		}, "terminate " + execID + "ri"},
		"pause": {func(c *Client) error {
			return c.Pause(t.Context(), flow.PauseRequest{Execution: execID, By: "a", Reason: "r"})
		}, flow.PauseRequest{Execution: execID, By: "a", Reason: "r"}},
		"unpause": {func(c *Client) error {
			return c.Unpause(t.Context(), flow.PauseRequest{Execution: execID, By: "a", Reason: "r"})
		}, "unpause " + execID + "ar"},
		"source": {func(c *Client) error {
			_, _, err := c.WorkflowSource(t.Context(), "order", "v1")
			return err
		}, "order@v1"},
		"newest source": {func(c *Client) error {
			_, _, err := c.WorkflowSource(t.Context(), "order", "")
			return err
		}, "order@"},
	} {
		e := &engine{}
		if err := tt.call(serve(t, e)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(e.asked, tt.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, e.asked, tt.want)
		}
	}
}

// What is sent is as long as the bounds of the server count it, and is what the caller gave.
func TestCharactersOfHTMLAreSentAsTheyAre(t *testing.T) {
	t.Parallel()
	text := "<a href=\"?b&c\">"
	raw := json.RawMessage(`"<a href=\"?b&c\">"`)
	for name, call := range map[string]func(*Client) error{
		"start":  ask(flow.StartRequest{Workflow: "order", Input: raw}, (*Client).Start).call,
		"rerun":  ask(flow.RerunRequest{Execution: execID, Input: raw}, (*Client).Rerun).call,
		"resume": ask(flow.ResumeRequest{Execution: execID, Data: raw}, (*Client).Resume).call,
		"event":  ask(flow.Event{Type: "t", Data: raw}, (*Client).Publish).call,
		"typed": ask(text, func(c *Client, ctx context.Context, in string) (any, error) {
			return For[string, any](c, "order").Start(ctx, in)
		}).call,
		"typed data": ask(text, func(c *Client, ctx context.Context, in string) (any, error) {
			return Attach[any](c, execID).Resume(ctx, "", in)
		}).call,
		"sent": ask(text, func(c *Client, ctx context.Context, in string) (any, error) { return c.Send(ctx, "t", in) }).call,
		"by URL": ask(text, func(c *Client, ctx context.Context, in string) (any, error) {
			return c.ResumeByURL(ctx, c.URL("/resume/t"), in)
		}).call,
	} {
		c := dial(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if body, err := io.ReadAll(r.Body); err != nil || !strings.Contains(string(body), string(raw)) {
				t.Errorf("%s: sent %s, %v", name, body, err)
			}
		}))
		_ = call(c) // the answer says nothing
	}
}

// A typed nothing is null, whatever its type.
func TestNothingIsNull(t *testing.T) {
	t.Parallel()
	e := &engine{}
	if _, err := For[json.RawMessage, any](serve(t, e), "order").Start(t.Context(), nil); err != nil || string(e.asked.(flow.StartRequest).Input) != "null" {
		t.Errorf("asked %+v, %v", e.asked, err)
	}
}

type asking = struct {
	call func(*Client) error
	want any
}

func ask[Q, A any](q Q, method func(*Client, context.Context, Q) (A, error)) asking {
	return asking{func(c *Client) error {
		_, err := method(c, context.Background(), q)
		return err
	}, q}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	e := &engine{repeat: true}
	c, ctx := serve(t, e), t.Context()
	if res, err := c.Start(ctx, flow.StartRequest{Workflow: "order", ID: "i"}); err != nil || res != (flow.StartResult{ExecutionID: execID, Workflow: "order", Version: "v1", Replayed: true}) {
		t.Errorf("start: %+v, %v", res, err)
	}
	if res, err := c.Resume(ctx, flow.ResumeRequest{Execution: execID, ID: "i"}); err != nil || res != (flow.ResumeResult{Suspension: wait.String(), Node: "n", Repeated: true}) {
		t.Errorf("resume: %+v, %v", res, err)
	}
	for name, end := range map[string]func(context.Context, flow.CancelRequest) (flow.CancelResult, error){"cancel": c.Cancel, "terminate": c.Terminate} {
		res, err := end(ctx, flow.CancelRequest{Execution: execID, ID: "i"})
		if err != nil || res != (flow.CancelResult{ExecutionID: execID, Status: flow.Cancelled, Repeated: true}) {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
	}
	if res, err := c.Publish(ctx, flow.Event{Type: "t", ID: "i"}); err != nil || !res.Repeated || !res.Buffered || res.ID != "i" {
		t.Errorf("publish: %+v, %v", res, err)
	}
	page, err := c.List(ctx, flow.ExecutionFilter{})
	if err != nil || page.Cursor == "" || page.Items[0].ID != execID {
		t.Errorf("list: %+v, %v", page, err)
	}
	if _, err := c.List(ctx, flow.ExecutionFilter{Cursor: page.Cursor}); err != nil || e.asked.(flow.ExecutionFilter).Cursor != "next&1" {
		t.Errorf("the next page: %v, asked %+v", err, e.asked)
	}
	if _, err := c.Delays(ctx, flow.DelayFilter{Cursor: page.Cursor}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a cursor of another list: %v", err)
	}
	if list, err := c.Workflows(ctx); err != nil || len(list) != 1 {
		t.Errorf("workflows: %+v, %v", list, err)
	}
	if err := c.Ping(ctx); err != nil {
		t.Errorf("ping: %v", err)
	}
}

func TestDefinitions(t *testing.T) {
	t.Parallel()
	c, ctx := serve(t, &engine{}), t.Context()
	if d, err := c.Deploy(ctx, "a.yaml", []byte("id: order")); err != nil || d.ID != "order" || d.Version != "v1" || !d.Created {
		t.Errorf("deploy: %+v, %v", d, err)
	}
	if v, err := c.Validate(ctx, "a.yaml", []byte("broken")); err != nil || v.Valid || string(v.Diagnostics[0]) != `"a.yaml"` {
		t.Errorf("validate: %+v, %v", v, err)
	}
	_, err := c.Deploy(ctx, "", []byte("broken"))
	var refused *Error
	if !errors.As(err, &refused) || refused.Status != 422 || len(refused.Diagnostics) != 1 || !errors.Is(err, flow.ErrInvalid) {
		t.Errorf("broken: %+v", err)
	}
}

func TestErrorsKeepTheirKind(t *testing.T) {
	t.Parallel()
	for _, want := range []*flow.Problem{
		flow.ErrNotFound, flow.ErrConflict, flow.ErrInvalid, flow.ErrGone, flow.ErrMismatch, flow.ErrUnavailable, flow.ErrTooLarge,
	} {
		sent := &flow.Problem{Code: want.Code, Message: "says it", Node: "n", Details: map[string]any{"execution_id": execID, "winner": "timeout"}}
		_, err := serve(t, &engine{err: sent}).Resume(t.Context(), flow.ResumeRequest{Execution: execID})
		var got *Error
		if !errors.As(err, &got) || !errors.Is(err, want) || errors.Is(err, ErrUnreachable) {
			t.Fatalf("%s came back as %v", want.Code, err)
		}
		p := flow.AsProblem(err)
		if p.Message != "says it" || p.Node != "n" || !reflect.DeepEqual(p.Details, sent.Details) {
			t.Errorf("%s: got %+v", want.Code, p)
		}
		if (p.RetryAfter > 0) != (want == flow.ErrUnavailable) {
			t.Errorf("%s: RetryAfter is %v", want.Code, p.RetryAfter)
		}
	}
}

func TestWrongToken(t *testing.T) {
	t.Parallel()
	c := serve(t, &engine{})
	c.token = ""
	if _, err := c.Workflows(t.Context()); !errors.Is(err, wire.ErrUnauthorized) {
		t.Errorf("got %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	c, err := New(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	c.Patience = 0
	if _, err := c.Workflows(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("nobody there: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Workflows(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnreachable) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestSomebodyElseAnswers(t *testing.T) {
	t.Parallel()
	c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) }))
	_, err := c.Show(t.Context(), execID)
	if p := flow.AsProblem(err); p.Code != "http_502" || strings.Contains(p.Message, "html") || !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}

// Whatever stands where the server should: its 200 is no success.
func TestAnswersOfSomethingElseAreNotBelieved(t *testing.T) {
	t.Parallel()
	calls := map[string]func(*Client) error{
		"start":     ask(flow.StartRequest{Workflow: "order"}, (*Client).Start).call,
		"resume":    ask(flow.ResumeRequest{Execution: execID}, (*Client).Resume).call,
		"cancel":    ask(flow.CancelRequest{Execution: execID}, (*Client).Cancel).call,
		"retry":     ask(flow.RetryRequest{Execution: execID}, (*Client).Retry).call,
		"rerun":     ask(flow.RerunRequest{Execution: execID}, (*Client).Rerun).call,
		"its plan":  ask(flow.RerunRequest{Execution: execID}, (*Client).PlanRerun).call,
		"event":     ask(flow.Event{Type: "t"}, (*Client).Publish).call,
		"dry run":   ask(flow.Event{Type: "t"}, (*Client).DryRun).call,
		"show":      ask(execID, (*Client).Show).call,
		"show JSON": ask(execID, (*Client).ShowJSON).call,
		"await":     ask(execID, (*Client).Await).call,
		"list":      ask(flow.ExecutionFilter{}, (*Client).List).call,
		"dead":      ask(execID, (*Client).DeadTask).call,
		"pause":     func(c *Client) error { return c.Pause(context.Background(), flow.PauseRequest{Execution: execID}) },
		"ping":      func(c *Client) error { return c.Ping(context.Background()) },
		"follow": func(c *Client) error {
			for _, err := range c.Follow(context.Background(), execID) {
				return err
			}
			return nil
		},
	}
	for _, answer := range []string{`{}`, `null`, `[]`, `"in"`, `{"error":"log in"}`, "<html>", ""} {
		c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) }))
		for name, call := range calls {
			if err := call(c); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "not as a Prana server does") {
				t.Errorf("%s, answered %q: got %v", name, answer, err)
			}
		}
	}
}

// A proxy may speak of problems as the server does, but its problems have no code of the API.
func TestProblemsOfProxies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status  int
		doc     string
		want    string
		nowhere bool
	}{
		{502, `{"type":"about:blank","title":"Bad Gateway","status":502,"detail":"upstream is down"}`, "as a Prana server does: Bad Gateway: upstream is down", true},
		{503, `{"title":"Be back soon"}`, "as a Prana server does: Be back soon", true},
		{504, `{"type":"about:blank","status":504}`, "as a Prana server does", true},
		{404, `{"detail":"no such host"}`, "as a Prana server does: no such host", false},
		{500, `null`, "as a Prana server does", false},
	} {
		c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			wire.Write(w, tt.status, wire.ProblemType, []byte(tt.doc))
		}))
		_, err := c.Show(t.Context(), execID)
		if p := flow.AsProblem(err); p.Code != fmt.Sprintf("http_%d", tt.status) || !strings.HasSuffix(p.Message, tt.want) || errors.Is(err, ErrUnreachable) != tt.nowhere {
			t.Errorf("%d %s: got %v", tt.status, tt.doc, err)
		}
	}
}

func TestBadURLs(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"", "localhost:8484", "ftp://x", "http://", "http://a b"} {
		if _, err := New(u, ""); err == nil {
			t.Errorf("%q was accepted", u)
		}
	}
}

func TestAwaitAsksUntilTheEnd(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := flow.View{Summary: flow.Summary{ID: execID, Status: flow.Suspended}}
		if r.Header.Get("Prefer") != "wait=30" {
			t.Errorf("Prefer is %q", r.Header.Get("Prefer"))
		}
		if asked.Add(1) == 3 {
			v.Status = flow.Cancelled
		}
		_ = json.NewEncoder(w).Encode(v)
	}))
	v, err := c.Await(t.Context(), execID)
	if err != nil || v.Status != flow.Cancelled || asked.Load() != 3 {
		t.Errorf("got %+v, %v after %d questions", v, err, asked.Load())
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(flow.View{Summary: flow.Summary{ID: execID, Status: flow.Suspended}})
	}))
	c.pause = time.Hour
	go func() {
		defer cancel()
		for range 2 { // a second question shows that the first was answered
			_, _ = c.Show(ctx, execID)
		}
	}()
	if _, err := c.Await(ctx, execID); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
