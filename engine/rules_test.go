package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/telemetry"
)

// code is that of the problem an error carries.
func code(err error) string {
	if err == nil {
		return ""
	}
	return flow.AsProblem(err).Code
}

func TestStartIDCountsOnce(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(chain)
	var mu sync.Mutex
	ids, first := map[string]bool{}, 0
	race(t, 5, func() error {
		r, err := env.Engine().Start(t.Context(), flow.StartRequest{Workflow: "chain", ID: "order-7", Input: []byte(`{"a":1,"b":2}`)})
		mu.Lock()
		defer mu.Unlock()
		ids[r.ExecutionID] = true
		if !r.Replayed {
			first++
		}
		return err
	})
	if len(ids) != 1 || first != 1 {
		t.Errorf("%d executions, %d of them new; want one", len(ids), first)
	}
	env.Run()
	r, err := env.Engine().Start(t.Context(), flow.StartRequest{Workflow: "chain", ID: "order-7", Input: []byte(`{"b":2, "a":1.0}`)})
	if err != nil || !r.Replayed || !ids[r.ExecutionID] {
		t.Errorf("the same input in other words gives %v, %v", r, err)
	}
	_, err = env.Engine().Start(t.Context(), flow.StartRequest{Workflow: "chain", ID: "order-7", Input: []byte(`{"a":2}`)})
	if !errors.Is(err, flow.ErrMismatch) {
		t.Errorf("another input gives %v", err)
	}
	began := 0
	for _, n := range env.Notices() {
		if n.Name == flow.ExecutionStarted {
			began++
		}
	}
	if began != 1 {
		t.Errorf("middleware was told of %d starts", began)
	}
}

// TestStartIDNamesAllThatTheStartSaid: who repeats a start repeats all of it; what differs is told, and starts nothing.
func TestStartIDNamesAllThatTheStartSaid(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(chain)
	noon := time.Date(2031, 5, 1, 12, 0, 0, 0, time.UTC)
	same := func() flow.StartRequest {
		return flow.StartRequest{Workflow: "chain", ID: "order-7", Input: []byte(`1`), StartAt: noon, Tags: map[string]string{"team": "a"}}
	}
	first, err := env.Engine().Start(t.Context(), same())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*flow.StartRequest){
		"nothing": func(*flow.StartRequest) {},
		"version": func(r *flow.StartRequest) { r.Version = first.Version },
		"tags":    func(r *flow.StartRequest) { r.Tags = map[string]string{"team": "b"} },
		"no tags": func(r *flow.StartRequest) { r.Tags = nil },
		"time":    func(r *flow.StartRequest) { r.StartAt = noon.Add(time.Millisecond) },
		"no time": func(r *flow.StartRequest) { r.StartAt = time.Time{} },
		"node":    func(r *flow.StartRequest) { r.From = "b" },
	} {
		r := same()
		change(&r)
		again, err := env.Engine().Start(t.Context(), r)
		repeats := name == "nothing" || name == "version"
		if repeats && (err != nil || again.ExecutionID != first.ExecutionID || !again.Replayed) {
			t.Errorf("%s: it gives %+v, %v", name, again, err)
		}
		if !repeats && !errors.Is(err, flow.ErrMismatch) {
			t.Errorf("another %s gives %+v, %v", name, again, err)
		}
	}
}

// TestStartHolderDied: the process that reserved the id died before it created the execution.
func TestStartHolderDied(t *testing.T) {
	t.Parallel()
	var store *faulty
	env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(real engine.Store) engine.Store {
		store = newFaulty(real, fault{"Commit", 1, failsBefore})
		return store
	}})
	env.Deploy(chain)
	r := flow.StartRequest{Workflow: "chain", ID: "x", Input: []byte(`1`)}
	if _, err := env.Engine().Start(t.Context(), r); !errors.Is(err, flow.ErrUnavailable) {
		t.Fatalf("a start that cannot be stored gives %v", err)
	}
	res, err := env.Engine().Start(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	env.Run()
	env.WantStatus(res.ExecutionID, flow.Completed)
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	env := enginetest.Open(t, enginetest.Options{Types: types(), Limits: engine.Limits{Payload: 100}})
	env.Deploy(chain)
	for name, c := range map[string]struct {
		r    flow.StartRequest
		want string
	}{
		"an unknown workflow": {flow.StartRequest{Workflow: "nope"}, "not_found"},
		"an unknown version":  {flow.StartRequest{Workflow: "chain", Version: "0"}, "not_found"},
		"what is not JSON":    {flow.StartRequest{Workflow: "chain", Input: []byte(`{`)}, "invalid"},
		"two values":          {flow.StartRequest{Workflow: "chain", Input: []byte(`1 2`)}, "invalid"},
		"a tag without name":  {flow.StartRequest{Workflow: "chain", Tags: map[string]string{"": "a"}}, "invalid"},
		"a long tag":          {flow.StartRequest{Workflow: "chain", Tags: map[string]string{"a": strings.Repeat("x", flow.MaxTagValue+1)}}, "invalid"},
		"a tag of no filter":  {flow.StartRequest{Workflow: "chain", Tags: map[string]string{"a=b": "x"}}, "invalid"},
		"many tags":           {flow.StartRequest{Workflow: "chain", Tags: numbered(flow.MaxTags + 1)}, "invalid"},
		"a large input":       {flow.StartRequest{Workflow: "chain", Input: []byte(`"` + strings.Repeat("x", 100) + `"`)}, "payload_too_large"},
	} {
		if _, err := env.Engine().Start(t.Context(), c.r); code(err) != c.want {
			t.Errorf("%s gives %v, want code %s", name, err, c.want)
		}
	}
}

// numbered are so many tags.
func numbered(n int) map[string]string {
	tags := map[string]string{}
	for i := range n {
		tags[fmt.Sprint(i)] = "x"
	}
	return tags
}

// TestVersionStays: an execution keeps the version that it began with.
func TestVersionStays(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	definition := func(v int) string {
		return fmt.Sprintf(`{"id":"v","nodes":[{"key":"s","type":"test.start"},{"key":"w","type":"test.wait"},{"key":"e","type":"test.echo","params":{"value":%d}}],"connections":["s -> w","w -> e"]}`, v)
	}
	env.Deploy(definition(1))
	old := env.Start("v", nil)
	env.Run()
	env.Deploy(definition(2))
	young := env.Start("v", nil)
	env.Run()
	env.Publish("go", nil)
	env.Run()
	env.WantOutput(old, 1)
	env.WantOutput(young, 2)
}

func TestResumeByID(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(`{"id":"loop","nodes":[{"key":"s","type":"test.start"},{"key":"w","type":"test.twice"}],"connections":["s -> w"]}`)
	id := env.Start("loop", nil)
	env.Run()
	first := env.Execution(id).Suspensions[0].ID
	resume := func(r flow.ResumeRequest) (flow.ResumeResult, error) {
		r.Execution = id
		defer env.Run()
		return env.Engine().Resume(t.Context(), r)
	}
	r, err := resume(flow.ResumeRequest{Data: []byte(`1`), ID: "click"})
	if err != nil || r.Repeated || r.Suspension != first || r.Node != "w" {
		t.Fatalf("the first gives %+v, %v", r, err)
	}
	if r, err = resume(flow.ResumeRequest{Data: []byte(`1`), ID: "click"}); err != nil || !r.Repeated || r.Suspension != first {
		t.Errorf("the same again gives %+v, %v", r, err)
	}
	_, err = resume(flow.ResumeRequest{Token: first, Data: []byte(`9`)})
	if code(err) != "conflict" || flow.AsProblem(err).Details["resumed_by"] != flow.ByManual {
		t.Errorf("a wait that is over gives %v with %v", err, flow.AsProblem(err).Details)
	}
	if _, err = resume(flow.ResumeRequest{Token: env.Execution(id).Suspensions[0].ID, Data: []byte(`2`)}); err != nil {
		t.Errorf("the second wait gives %v", err)
	}
	env.WantOutput(id, []int{1, 2})
}

// TestResumeIDOfAnEarlierTurn: an id that was used up does not end another wait of the same node.
func TestResumeIDOfAnEarlierTurn(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(`{"id":"loop","nodes":[{"key":"s","type":"test.start"},{"key":"w","type":"test.wait"}],"connections":["s -> w","w -> w"]}`)
	id := env.Start("loop", nil)
	env.Run()
	suspension := func(run int) *flow.SuspensionID {
		return &flow.SuspensionID{Execution: id, Step: flow.StepID{Node: 1, Run: run}, Turn: 1}
	}
	for run, want := range []string{"", "conflict"} {
		_, err := env.Engine().Resume(t.Context(), flow.ResumeRequest{Execution: id, Suspension: suspension(run), ID: "click"})
		env.Run()
		if run == 1 && err == nil {
			continue // answered as the repetition that it is
		}
		if code(err) != want {
			t.Errorf("run %d gives %v", run, err)
		}
	}
	env.WantPath(id, "s", "w", "w#1!suspended")
}

func TestResumeRefuses(t *testing.T) {
	t.Parallel()
	env := enginetest.Open(t, enginetest.Options{Types: types(), Limits: engine.Limits{Payload: 100}})
	env.Deploy(waiter)
	id := env.Start("waiter", nil)
	env.Run()
	later := flow.SuspensionID{Execution: id, Step: flow.StepID{Node: 1}, Turn: 2}
	for name, c := range map[string]struct {
		r    flow.ResumeRequest
		want string
	}{
		"an unknown execution": {flow.ResumeRequest{Execution: flow.NewExecutionID(0)}, "not_found"},
		"no execution":         {flow.ResumeRequest{Execution: "../etc"}, "not_found"},
		"no token":             {flow.ResumeRequest{Token: "x"}, "not_found"},
		"a wait to come":       {flow.ResumeRequest{Execution: id, Suspension: &later}, "not_found"},
		"large data":           {flow.ResumeRequest{Execution: id, Data: []byte(`"` + strings.Repeat("x", 100) + `"`)}, "payload_too_large"},
		"what is not JSON":     {flow.ResumeRequest{Execution: id, Data: []byte(`{`)}, "invalid"},
	} {
		if _, err := env.Engine().Resume(t.Context(), c.r); code(err) != c.want {
			t.Errorf("%s gives %v, want code %s", name, err, c.want)
		}
	}
	env.Run()
	env.WantStatus(id, flow.Suspended)
}

// TestOneWinner lets an event, a person, the time and a cancellation end one wait at once.
func TestOneWinner(t *testing.T) {
	t.Parallel()
	for range 50 {
		env := enginetest.New(t, types()...)
		env.Deploy(waiter)
		id := env.Start("waiter", nil)
		env.Run()
		env.Pass(24 * time.Hour)
		env.Sweep()
		d, _ := env.Store().Pop(0)
		var won atomic.Int64
		count := func(err error) error {
			if err == nil {
				won.Add(1)
			}
			return nil
		}
		ends := []func() error{
			func() error { return env.Engine().RunStep(t.Context(), d) },
			func() error {
				_, err := env.Engine().Resume(t.Context(), flow.ResumeRequest{Execution: id})
				return count(err)
			},
			func() error {
				r, err := env.Engine().Publish(t.Context(), flow.Event{Type: "go", TTL: -1})
				won.Add(int64(r.Matched))
				return err
			},
		}
		var next atomic.Int64
		race(t, len(ends), func() error { return ends[next.Add(1)-1]() })
		env.Engine().Wait()
		env.Run()
		env.WantStatus(id, flow.Completed)
		if r := env.NodeRun(id, "w", 0); (r.Port == flow.PortTimeout) != (won.Load() == 0) || won.Load() > 1 {
			t.Fatalf("%d callers won, and the wait left by %s", won.Load(), r.Port)
		}
	}
}

func TestEventIDCountsOnce(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(waiter)
	ids := []string{env.Start("waiter", nil), env.Start("waiter", nil)}
	env.Run()
	race(t, 5, func() error {
		_, err := env.Engine().Publish(t.Context(), flow.Event{ID: "e", Type: "go", Data: []byte(`1`)})
		return err
	})
	env.Engine().Wait()
	r, err := env.Engine().Publish(t.Context(), flow.Event{ID: "e", Type: "go", Data: []byte(`1`)})
	if err != nil || !r.Repeated {
		t.Errorf("the event again gives %+v, %v", r, err)
	}
	env.Run()
	for _, id := range ids {
		env.WantStatus(id, flow.Completed)
	}
	third := env.Start("waiter", nil)
	env.Run()
	env.WantStatus(third, flow.Suspended)
}

func TestEventLimit(t *testing.T) {
	t.Parallel()
	env := enginetest.Open(t, enginetest.Options{Types: types(), Partitions: 3})
	env.Deploy(waiter)
	var ids []string
	for range 9 {
		ids = append(ids, env.Start("waiter", nil))
	}
	env.Run()
	r, err := env.Engine().Publish(t.Context(), flow.Event{Type: "go", Limit: 4})
	if err != nil || r.Matched != 4 || len(r.Executions) != 4 || r.Buffered {
		t.Errorf("it gives %+v, %v", r, err)
	}
	env.Run()
	left := 0
	for _, id := range ids {
		if env.Execution(id).Status == flow.Suspended {
			left++
		}
	}
	if left != 5 {
		t.Errorf("%d wait on, want 5", left)
	}
}

// TestEventToFirstAtOnce publishes one event for one wait many times at once.
func TestEventToFirstAtOnce(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(waiter)
	ids := []string{env.Start("waiter", 1), env.Start("waiter", 2), env.Start("waiter", 3)}
	env.Run()
	race(t, 5, func() error {
		_, err := env.Engine().Publish(t.Context(), flow.Event{ID: "e", Type: "go", Limit: 1})
		return err
	})
	env.Engine().Wait()
	env.Run()
	ids = append(ids, env.Start("waiter", 4))
	env.Run()
	taken := 0
	for _, id := range ids {
		if env.Execution(id).Status == flow.Completed {
			taken++
		}
	}
	if taken != 1 {
		t.Errorf("%d executions took it, want 1", taken)
	}
}

func TestEventKept(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(waiter)
	publish := func(e flow.Event) flow.PublishResult {
		e.Type = "go"
		r, err := env.Engine().Publish(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := publish(flow.Event{TTL: -1}); r.Buffered {
		t.Errorf("an event that is not to be kept is kept: %+v", r)
	}
	id := env.Start("waiter", nil)
	env.Run()
	env.WantStatus(id, flow.Suspended)
	if r := publish(flow.Event{Keep: true, Data: []byte(`7`)}); r.Matched != 1 || !r.Buffered {
		t.Errorf("an event to keep gives %+v", r)
	}
	env.Run()
	for range 2 {
		later := env.Start("waiter", nil)
		env.Run()
		env.WantStatus(later, flow.Completed)
		env.WantOutput(later, 7)
	}
}

// TestRetryDelays reads the times of every kind of backoff.
func TestRetryDelays(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string][]time.Duration{
		`"retry_delay_ms":100`:                                            {100, 100, 100, 100},
		`"retry_delay_ms":100,"backoff":"linear"`:                         {100, 200, 300, 400},
		`"retry_delay_ms":100,"backoff":"exponential"`:                    {100, 200, 400, 800},
		`"retry_delay_ms":100,"backoff":"exponential","max_delay_ms":250`: {100, 200, 250, 250},
		`"retry_delay_ms":0`:                                              {0, 0, 0, 0},
		``:                                                                {1000, 1000, 1000, 1000},
		`"retry_delay_ms":100,"retry_after":false,"backoff":"constant"|after`: {100, 100, 100, 100},
		`"retry_delay_ms":100,"backoff":"linear"|after`:                       {300, 300, 300, 400},
		`"retry_delay_ms":100,"jitter":true,"backoff":"exponential"|jitter`:   {100, 200, 400, 800},
	} {
		t.Run(settings, func(t *testing.T) {
			t.Parallel()
			settings, how, _ := strings.Cut(settings, "|")
			after := 0
			if how == "after" {
				after = 300
			}
			env := enginetest.New(t, types()...)
			env.Deploy(fmt.Sprintf(`{"id":"r","nodes":[{"key":"s","type":"test.start"},{"key":"f","type":"test.fail","params":{"retry_after_ms":%d},
				"settings":{"retry_on_failed":true,"max_retries":4%s}}],"connections":["s -> f"]}`, after, comma(settings)))
			id := env.Start("r", nil)
			for n, ms := range want {
				env.Run()
				if d := want[n]; d == 0 {
					break // at once
				}
				s := env.Execution(id).Suspensions[0]
				got, wanted := s.ResumeAt.Sub(env.Now()), ms*time.Millisecond
				if low := wanted / 2; how == "jitter" && got >= low && got <= wanted {
					env.Pass(got)
					continue
				}
				if got != wanted {
					t.Fatalf("retry %d is in %s, want %s", n+1, got, wanted)
				}
				checkRetryData(t, s.Data, n+1)
				env.Pass(got)
			}
			env.Run()
			env.WantStatus(id, flow.Failed)
			r := env.NodeRun(id, "f", 0)
			if r.Attempt != 4 || len(r.Attempts) != 4 || r.Attempts[0].Number != 0 || r.Attempts[3].Error == nil {
				t.Errorf("attempt %d, history %+v", r.Attempt, r.Attempts)
			}
		})
	}
}

func comma(s string) string {
	if s == "" {
		return ""
	}
	return "," + s
}

func checkRetryData(t *testing.T, raw json.RawMessage, number int) {
	t.Helper()
	var data struct {
		Number    int           `json:"attempt_number"`
		Max       int           `json:"max_attempts"`
		ResumeAt  time.Time     `json:"resume_at"`
		ResumedAt time.Time     `json:"resumed_at"`
		Error     *flow.Problem `json:"original_error"`
	}
	if err := json.Unmarshal(raw, &data); err != nil {
		t.Fatal(err)
	}
	if data.Number != number || data.Max != 4 || data.ResumeAt.IsZero() || !data.ResumeAt.Equal(data.ResumedAt) || data.Error.Code != "action_error" {
		t.Errorf("the data of retry %d is %s", number, raw)
	}
}

// TestAlerts tells each kind of receiver once, whatever fails in between.
func TestAlerts(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	posts := map[string]int{}
	env := enginetest.Open(t, enginetest.Options{
		Types: types(), Alert: &flow.Alert{URL: "https://pager.example"},
		Post: func(_ context.Context, url, id string, body []byte) error {
			mu.Lock()
			defer mu.Unlock()
			posts[url+" "+id]++
			if posts[url+" "+id] < 3 {
				return errors.New("busy")
			}
			return nil
		},
	})
	env.Deploy(`{"id":"r","nodes":[{"key":"s","type":"test.start"},{"key":"f","type":"test.fail","settings":{"retry_on_failed":true,"retry_delay_ms":0}}],"connections":["s -> f"]}`)
	env.Start("r", nil)
	env.Advance(time.Hour)
	if len(posts) != 1 {
		t.Errorf("the posts are %v, want one that is tried until it is taken", posts)
	}
	for post, n := range posts {
		if n != 3 {
			t.Errorf("%s was tried %d times, want 3", post, n)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	large := node.Type{Name: "test.large", Fields: []node.Field{{Name: "how", Kind: node.String}}, Run: func(_ context.Context, c *node.Call) (node.Outcome, error) {
		x := strings.Repeat("x", 2000)
		switch c.Params["how"] {
		case "state":
			return node.Outcome{State: map[string]any{"k": x}}, nil
		case "wait":
			return node.Outcome{Suspend: &node.Suspend{Data: x}}, nil
		case "func":
			return node.Outcome{Output: func() {}}, nil
		case "filter":
			return node.Outcome{Suspend: &node.Suspend{Event: &flow.Subscription{}}}, nil
		}
		return node.Outcome{Output: x}, nil
	}}
	env := enginetest.Open(t, enginetest.Options{Types: append(types(), large), Limits: engine.Limits{Payload: 1000, Transitions: 20}})
	for how, want := range map[string]string{
		"output": "payload_too_large", "state": "payload_too_large", "wait": "payload_too_large", "func": "invalid_output", "filter": "invalid_suspension",
	} {
		w := env.Deploy(fmt.Sprintf(`{"id":"%s","nodes":[{"key":"s","type":"test.start"},{"key":"l","type":"test.large","params":{"how":"%s"},"settings":{"retry_on_failed":true}}],"connections":["s -> l"]}`, how, how))
		id := env.Start(w, nil)
		env.Run()
		env.WantStatus(id, flow.Failed)
		env.WantError(id, want)
	}
	env.Deploy(`{"id":"spin","timeout_ms":60000,"nodes":[{"key":"s","type":"test.start"},{"key":"a","type":"test.echo"},{"key":"b","type":"test.echo"},{"key":"w","type":"test.wait"}],"connections":["s -> w","s -> a","a -> b","b -> a"]}`)
	id := env.Start("spin", nil)
	env.Run()
	env.WantStatus(id, flow.Failed)
	env.WantError(id, "too_many_transitions")
	if n := env.Execution(id).Transitions; n != 21 {
		t.Errorf("%d transitions", n)
	}
}

// TestPanickingMiddleware harms nothing, and does not keep the rest of the chain from being told.
func TestPanickingMiddleware(t *testing.T) {
	t.Parallel()
	var told atomic.Int64
	env := enginetest.Open(t, enginetest.Options{Types: types(), Middleware: []telemetry.Named{
		{Name: "bad", Call: func(context.Context, flow.Notice, flow.Next) { panic("boom") }},
		{Name: "good", Call: func(ctx context.Context, n flow.Notice, next flow.Next) { told.Add(1); next(ctx, n) }},
	}})
	env.Deploy(chain)
	id := env.Start("chain", 1)
	env.Run()
	env.WantStatus(id, flow.Completed)
	if n := len(env.Notices(id)); int(told.Load()) != n || n == 0 {
		t.Errorf("%d of %d notices reached the rest of the chain", told.Load(), n)
	}
}

// TestNotices reads everything that middleware is told of one story.
func TestNotices(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(`{"id":"n","nodes":[{"key":"s","type":"test.start"},{"key":"f","type":"test.fail","params":{"times":1},"settings":{"retry_on_failed":true,"retry_delay_ms":2000}},
		{"key":"w","type":"test.wait"}],"connections":["s -> f","f -> w"]}`)
	id := env.Start("n", nil)
	env.Advance(5 * time.Second)
	env.Publish("go", nil)
	env.Run()
	var got []string
	seq := int64(0)
	for _, n := range env.Notices(id) {
		if n.Seq > 0 {
			if seq++; n.Seq != seq {
				t.Errorf("record %d comes after %d", n.Seq, seq-1)
			}
		}
		if n.Execution != id || n.Workflow != "n" || n.Version == "" || n.Time.IsZero() {
			t.Errorf("%s does not say where it belongs: %+v", n.Name, n)
		}
		got = append(got, line(n))
	}
	want := []string{
		"execution_started",
		"node_starting s#0 attempt 0", "node_completed s#0 attempt 0 by main",
		"node_starting f#0 attempt 0", "node_suspended f#0 attempt 0 retry", "node_retry_scheduled f#0 attempt 0 retry error action_error", "execution_suspended",
		"node_starting f#0 attempt 1", "execution_resumed", "node_resumed f#0 attempt 1 retry slept 2s", "node_retry_succeeded f#0 attempt 1", "node_completed f#0 attempt 1 by main",
		"node_starting w#0 attempt 0", "node_suspended w#0 attempt 0 external_event", "execution_suspended",
		"execution_resumed", "node_resumed w#0 attempt 0 external_event slept 3s resumed by event",
		"node_starting w#0 attempt 0", "node_completed w#0 attempt 0 by main resumed by event", "execution_completed",
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("middleware was told\n%s\nwant\n%s", g, w)
	}
}

// line writes what a notice says.
func line(n flow.Notice) string {
	s := n.Name
	if n.Node != "" {
		s += fmt.Sprintf(" %s#%d attempt %d", n.Node, n.Run, n.Attempt)
	}
	for _, part := range []struct{ what, value string }{{"", n.SuspendType}, {"by ", n.Port}} {
		if part.value != "" {
			s += " " + part.what + part.value
		}
	}
	if n.Slept > 0 {
		s += " slept " + n.Slept.String()
	}
	if n.ResumedBy != "" {
		s += " resumed by " + n.ResumedBy
	}
	if n.Error != nil {
		s += " error " + n.Error.Code
	}
	return s
}

// TestCancelWhileRunning fences a step that runs: its result is refused.
func TestCancelWhileRunning(t *testing.T) {
	t.Parallel()
	d := newDying()
	env := enginetest.New(t, append(types(), d.Type())...)
	env.Deploy(mortal)
	id := env.Start("mortal", nil)
	env.Step()
	running := die(t, env, d)
	env.Cancel(id, "enough")
	close(d.release)
	if err := <-running.stopped; err != nil {
		t.Error(err)
	}
	env.Advance(time.Minute)
	env.WantStatus(id, flow.Cancelled)
	env.WantPath(id, "s"+"tart", "d!cancelled")
}

// TestCancelIDCountsOnce answers a repetition like the first.
func TestCancelIDCountsOnce(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(waiter)
	id := env.Start("waiter", nil)
	env.Run()
	for n, c := range []struct{ id, want string }{{"c1", ""}, {"c1", ""}, {"c2", "conflict"}, {"", "conflict"}} {
		err := env.Engine().Cancel(t.Context(), flow.CancelRequest{Execution: id, Reason: "why not", ID: c.id})
		if code(err) != c.want {
			t.Errorf("request %d gives %v, want code %q", n, err, c.want)
		}
	}
	if res, err := env.Engine().End(t.Context(), flow.CancelRequest{Execution: id, Reason: "why not", ID: "c1"}, false); err != nil || res != (flow.CancelResult{ExecutionID: id, Status: flow.Cancelled, Repeated: true}) {
		t.Errorf("a repetition is told %+v, %v", res, err)
	}
	if err := env.Engine().Cancel(t.Context(), flow.CancelRequest{Execution: flow.NewExecutionID(0)}); code(err) != "not_found" {
		t.Errorf("an unknown execution gives %v", err)
	}
}

// TestPassThroughIsStoredOnce: values that only pass through are references.
func TestPassThroughIsStoredOnce(t *testing.T) {
	t.Parallel()
	var most atomic.Int64
	env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(real engine.Store) engine.Store {
		return &weighing{Store: real, most: &most}
	}})
	env.Deploy(`{"id":"p","nodes":[{"key":"s","type":"test.start"},{"key":"a","type":"test.echo"},{"key":"b","type":"test.if","params":{"condition":true}},{"key":"c","type":"test.echo"}],"connections":["s -> a","a -> b","b.true -> c"]}`)
	big := strings.Repeat("x", 10_000)
	id := env.Start("p", big)
	env.Run()
	env.WantOutput(id, big)
	if most.Load() > 100 {
		t.Errorf("a step stored %d bytes of values", most.Load())
	}
}

// weighing notes the largest amount of values in one commit.
type weighing struct {
	engine.Store
	most *atomic.Int64
}

func (w *weighing) Commit(ctx context.Context, changes ...*flow.Change) error {
	for _, ch := range changes {
		n := 0
		for _, v := range ch.Values {
			n += len(v.Raw)
		}
		w.most.Store(max(w.most.Load(), int64(n)))
	}
	return w.Store.Commit(ctx, changes...)
}

// TestDeployRefuses what does not compile.
func TestDeployRefuses(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	_, _, err := env.Engine().Deploy(t.Context(), &flow.Workflow{ID: "x", Nodes: []flow.Node{{Key: "a", Type: "test.nope"}}})
	if !errors.Is(err, flow.ErrInvalid) || flow.AsProblem(err).Details["diagnostics"] == nil {
		t.Errorf("it gives %v", err)
	}
}
