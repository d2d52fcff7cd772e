package api

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"prana/engine/flow"
	"prana/handlers/api/stream"
	"prana/handlers/api/stream/streamtest"
	"prana/handlers/api/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	execID  = "07NZ4Qk0Qk0Qk0Qk0Qk0Qk0" // partition 0
	childID = "07NZ4Qk0Qk0Qk0Qk0Qk0Qk1"
	version = "0123456789abcdef"
)

var born = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// fake is an engine and a store: it remembers what it was asked, and answers
// with err when that is set.
type fake struct {
	mu        sync.Mutex
	err       error
	asked     any
	created   bool
	replayed  bool
	matched   []string
	view      *flow.View
	awaited   bool
	unending  bool // Await blocks until ctx is done
	panicking bool
	cursor    string
	published []flow.WorkflowInfo

	resume  flow.ResumeView // what a resume URL leads to; zero = a wait that is no approval
	refuse  error           // how its end is refused
	brought string          // to it
}

func newFake() *fake {
	return &fake{created: true, view: &flow.View{
		Summary: flow.Summary{ID: execID, Workflow: "order", Version: version, Status: flow.Completed, CreatedAt: born},
		Output:  []byte(`{"ok":true}`),
	}}
}

func (f *fake) ask(v any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = v
	if f.panicking {
		panic("told to")
	}
	return f.err
}

func (f *fake) last() any {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

func (f *fake) Deploy(_ context.Context, w *flow.Workflow) (string, bool, error) {
	return version, f.created, f.ask(w)
}

func (f *fake) Start(_ context.Context, r flow.StartRequest) (flow.StartResult, error) {
	return flow.StartResult{ExecutionID: execID, Workflow: r.Workflow, Version: version, Replayed: f.replayed}, f.ask(r)
}

func (f *fake) Resume(_ context.Context, r flow.ResumeRequest) (flow.ResumeResult, error) {
	return flow.ResumeResult{Suspension: execID + ":1.0:1", Node: "wait", Repeated: f.replayed}, f.ask(r)
}

func (f *fake) ResumeToken(_ context.Context, token string) (flow.ResumeView, error) {
	if f.resume.Status != "" {
		return f.resume, f.ask(token)
	}
	return flow.ResumeView{Status: flow.ResumeActive, Workflow: "order", Node: "wait", ExpiresAt: &born}, f.ask(token)
}

func (f *fake) ResumeByToken(_ context.Context, token string, r flow.ResumeRequest) (string, error) {
	f.brought = token + " " + string(r.Data)
	if err := f.ask(f.brought); err != nil {
		return "", err
	}
	return execID, f.refuse
}

func (f *fake) Publish(_ context.Context, e flow.Event) (flow.PublishResult, error) {
	return flow.PublishResult{ID: e.ID, Matched: len(f.matched), Executions: f.matched, Repeated: f.replayed}, f.ask(e)
}

func (f *fake) DryRun(_ context.Context, e flow.Event) (flow.EventPreview, error) {
	return flow.EventPreview{Matched: 3, DryRun: true}, f.ask(e)
}

func (f *fake) End(_ context.Context, r flow.CancelRequest, hard bool) (flow.CancelResult, error) {
	res := flow.CancelResult{ExecutionID: r.Execution, Repeated: f.replayed}
	if f.replayed {
		res.Status = flow.Cancelling
	}
	if hard {
		return res, f.ask(termination(r))
	}
	return res, f.ask(r)
}

func (f *fake) Pause(_ context.Context, r flow.PauseRequest) error { return f.ask(r) }

func (f *fake) Unpause(_ context.Context, r flow.PauseRequest) error { return f.ask(unpausing(r)) }

// unpausing tells a request to go on from one to pause.
type unpausing flow.PauseRequest

// termination tells a request to terminate from one to cancel.
type termination flow.CancelRequest

func (f *fake) Retry(_ context.Context, r flow.RetryRequest) (flow.RetryResult, error) {
	return flow.RetryResult{ExecutionID: r.Execution, Status: flow.Running, Generation: 1, Repeated: f.replayed}, f.ask(r)
}

func (f *fake) Rerun(_ context.Context, r flow.RerunRequest) (flow.RerunResult, error) {
	return flow.RerunResult{RerunOf: r.Execution, StartResult: flow.StartResult{ExecutionID: execID, Workflow: "order", Version: "v1", Replayed: f.replayed}}, f.ask(r)
}

func (f *fake) PlanRerun(_ context.Context, r flow.RerunRequest) (flow.RerunPlan, error) {
	return flow.RerunPlan{RerunOf: r.Execution, From: r.From}, f.ask(r)
}

func (f *fake) Describe(_ context.Context, id string) (*flow.View, error) {
	if err := f.ask(id); err != nil {
		return nil, err
	}
	return f.view, nil
}

func (f *fake) Await(ctx context.Context, id string) (*flow.View, error) {
	f.awaited = true
	if f.unending {
		<-ctx.Done()
		return f.view, ctx.Err()
	}
	return f.Describe(ctx, id)
}

func (f *fake) Executions(_ context.Context, q flow.ExecutionFilter) (flow.Page[flow.Summary], error) {
	page := flow.Page[flow.Summary]{Cursor: f.cursor}
	if q.ID != "" {
		page.Items = []flow.Summary{f.view.Summary}
	}
	return page, f.ask(q)
}

func (f *fake) Suspensions(_ context.Context, q flow.SuspensionFilter) (flow.Page[flow.Suspension], error) {
	return flow.Page[flow.Suspension]{}, f.ask(q)
}

func (f *fake) Relations(_ context.Context, q flow.RelationFilter) (flow.Page[flow.Relation], error) {
	return flow.Page[flow.Relation]{Items: []flow.Relation{{ParentID: execID, ChildID: childID}}}, f.ask(q)
}

func (f *fake) Delays(_ context.Context, q flow.DelayFilter) (flow.Page[flow.DelayView], error) {
	return flow.Page[flow.DelayView]{}, f.ask(q)
}

func (f *fake) Schedules(_ context.Context, q flow.ScheduleFilter) (flow.Page[flow.ScheduleState], error) {
	return flow.Page[flow.ScheduleState]{Cursor: f.cursor, Items: []flow.ScheduleState{
		{
			Workflow: "nightly", Version: version, After: born, Last: born, Now: born,
			Schedule: flow.Schedule{Pattern: "30 2 * * *", Timezone: "Europe/Berlin", Misfire: flow.MisfireAll},
		},
		{Workflow: "fresh", Version: version, After: born, Now: born.AddDate(0, 0, 1), Schedule: flow.Schedule{Pattern: "@daily", Timezone: "UTC", Misfire: flow.MisfireOnce}},
		{Workflow: "newer", Version: version, After: born, Last: born, Now: born, Schedule: flow.Schedule{Pattern: "@blue_moon", Timezone: "UTC", Misfire: flow.MisfireOnce}},
	}}, f.ask(q)
}

func (f *fake) Workflows(context.Context) ([]flow.WorkflowInfo, error) {
	return f.published, f.ask(nil)
}

func (f *fake) Workflow(_ context.Context, id, v string) (*flow.Workflow, string, error) {
	return &flow.Workflow{ID: id}, version, f.ask(id + "@" + v)
}

func (f *fake) Versions(_ context.Context, id string) ([]flow.WorkflowInfo, error) {
	if f.published != nil {
		return f.published, f.ask(id)
	}
	return []flow.WorkflowInfo{{ID: id, Version: version}}, f.ask(id)
}

func (f *fake) Ready(context.Context) error { return f.ask(nil) }

// fakeQueues has a dead task of every name.
type fakeQueues struct{ *fake }

func (q fakeQueues) Queues(_ context.Context, f wire.QueueFilter) (flow.Page[wire.Queue], error) {
	return flow.Page[wire.Queue]{Items: []wire.Queue{{Queue: "prana", ServedBy: []string{}}}, Cursor: q.cursor}, q.ask(f)
}

func (q fakeQueues) Workers(_ context.Context, f wire.PageFilter) (flow.Page[wire.Worker], error) {
	return flow.Page[wire.Worker]{Cursor: q.cursor}, q.ask(f)
}

func (q fakeQueues) Dead(_ context.Context, f wire.PageFilter) (flow.Page[wire.DeadTask], error) {
	return flow.Page[wire.DeadTask]{Cursor: q.cursor}, q.ask(f)
}

func (q fakeQueues) DeadTask(_ context.Context, id string) (wire.DeadTask, error) {
	return wire.DeadTask{ID: id}, q.ask("show " + id)
}

func (q fakeQueues) RunDead(_ context.Context, id string) error { return q.ask("run " + id) }

func (q fakeQueues) DeleteDead(_ context.Context, id string) error { return q.ask("delete " + id) }

// fakeHooks has a delivery wherever one is looked for.
type fakeHooks struct{ *fake }

func (fakeHooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, "hook "+r.PathValue("name"))
}

func (h fakeHooks) List(context.Context) ([]flow.HookView, error) {
	return []flow.HookView{{Name: "shop", Scheme: "github", Event: "e"}}, h.ask(nil)
}

func (h fakeHooks) History(_ context.Context, f flow.DeliveryFilter) (flow.Page[flow.Delivery], error) {
	return flow.Page[flow.Delivery]{Items: []flow.Delivery{{ID: "a1-0", Hook: f.Hook}}, Cursor: h.cursor}, h.ask(f)
}

func (h fakeHooks) Show(_ context.Context, hook, id string) (flow.Delivery, error) {
	return flow.Delivery{ID: id, Hook: hook, Body: "{}"}, h.ask([2]string{hook, id})
}

func (h fakeHooks) Replay(_ context.Context, hook, id, key string, _ map[string]string) (wire.Processed, bool, error) {
	return wire.Processed{Status: "processed", Executions: []string{execID}}, h.replayed, h.ask([3]string{hook, id, key})
}

// check accepts every source but those that say "broken".
func check(file string, src []byte) (*flow.Workflow, []any, bool) {
	if bytes.Contains(src, []byte("broken")) {
		return nil, []any{map[string]any{"code": "E1", "file": file}, map[string]any{"code": "E2"}}, false
	}
	return &flow.Workflow{ID: "order"}, nil, true
}

func config(f *fake) Config {
	return Config{
		Engine: f, Store: f, Check: check, NodeTypes: []string{"core.log"},
		Hooks: fakeHooks{f}, Queues: fakeQueues{f}, Stream: stream.NewHub(fakeFeed{streamtest.New(1), f}, 0, slog.New(slog.DiscardHandler)),
		Webhooks: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.Method+" "+r.PathValue("workflow")+" "+r.PathValue("path"))
		}),
	}
}

// fakeFeed is a feed that is lost as soon as somebody wants to go on in it, which ends every sample of a stream.
type fakeFeed struct {
	*streamtest.Source
	f *fake
}

func (f fakeFeed) Open(ctx context.Context, partition int) (flow.FeedPlace, error) {
	if err := f.f.ask(partition); err != nil {
		return flow.FeedPlace{}, err
	}
	return f.Source.Open(ctx, partition)
}

func (fakeFeed) Read(context.Context, int, flow.FeedPlace) ([]flow.FeedEntry, error) {
	return nil, flow.ErrUnavailable
}

// request is made to a server without token, from its own machine.
func request(method, target, body string, header ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "localhost:8484"
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func serve(c Config, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	New(c).ServeHTTP(w, r)
	return w
}

// send makes a request to an API over the fake.
func send(f *fake, method, target, body string, header ...string) *httptest.ResponseRecorder {
	return serve(config(f), request(method, target, body, header...))
}
