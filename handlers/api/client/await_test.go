package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// turns answers each request with the next one of these, the last for ever: an error, or what becomes JSON.
func turns(t *testing.T, answers ...any) (*Client, *atomic.Int32) {
	t.Helper()
	var asked atomic.Int32
	return dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/stream" {
			http.NotFound(w, r)
			return
		}
		turn := min(int(asked.Add(1)), len(answers))
		switch a := answers[turn-1].(type) {
		case error:
			wire.ProblemOf(a).Write(w)
		default:
			_ = json.NewEncoder(w).Encode(a)
		}
	})), &asked
}

func noOutput(s flow.Status, left *flow.Problem) error {
	p := flow.Problemf("no_output", "it is %s", s)
	p.Details = map[string]any{"status": s}
	if left != nil {
		p.Details["error"] = left
	}
	return p
}

type receipt struct{ Total int }

func TestTypedWorkflow(t *testing.T) {
	t.Parallel()
	e := &engine{status: flow.Completed, output: `{"total":7}`}
	orders := For[map[string]int, receipt](serve(t, e), "order")
	at := moment1.Add(time.Hour)
	x, err := orders.Start(t.Context(), map[string]int{"a": 1}, WithID("i"), WithVersion("v"), WithTags(map[string]string{"k": "v"}), StartAt(at))
	want := fmt.Sprint(flow.StartRequest{
		Workflow: "order", Version: "v", Input: []byte(`{"a":1}`), ID: "i", StartAt: at, Tags: map[string]string{"k": "v"}, Trace: map[string]string{},
	})
	if got := fmt.Sprint(e.asked); err != nil || x.ID != execID || got != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
	if out, err := x.Wait(t.Context()); err != nil || out.Total != 7 {
		t.Errorf("waited for %+v, %v", out, err)
	}
	if out, err := orders.Run(t.Context(), nil); err != nil || out.Total != 7 {
		t.Errorf("ran: %+v, %v", out, err)
	}
	if _, err := x.Resume(t.Context(), "n", receipt{1}); err != nil || string(e.asked.(flow.ResumeRequest).Data) != `{"Total":1}` {
		t.Errorf("resumed: %+v, %v", e.asked, err)
	}
	if err := Attach[receipt](x.client, execID).Cancel(t.Context(), "r"); err != nil || e.asked != (flow.CancelRequest{Execution: execID, Reason: "r"}) {
		t.Errorf("cancelled: %+v, %v", e.asked, err)
	}
}

func TestWrongTypesAreTold(t *testing.T) {
	t.Parallel()
	c := serve(t, &engine{status: flow.Completed, output: `{"total":"many"}`})
	if _, err := Attach[receipt](c, execID).Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "the output of execution "+execID) {
		t.Errorf("output: %v", err)
	}
	if _, err := For[chan int, receipt](c, "order").Start(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "the input of workflow order") {
		t.Errorf("input: %v", err)
	}
}

// The answers are those of the real API.
func TestEndsThatAreNoOutput(t *testing.T) {
	t.Parallel()
	for status, kind := range map[flow.Status]error{flow.Failed: ErrFailed, flow.TimedOut: ErrTimedOut, flow.Cancelled: ErrCancelled} {
		e := &engine{status: status, left: &flow.Problem{Code: "not_found", Message: "m", Node: "n", Details: map[string]any{"a": int64(1)}}}
		_, err := serve(t, e).Output(t.Context(), execID)
		var ended *ExecutionError
		if !errors.Is(err, kind) || !errors.As(err, &ended) || ended.Status != status || ended.ExecutionID != execID || ended.Problem.Node != "n" {
			t.Errorf("%s: got %v", status, err)
		}
		if errors.Is(err, ErrNotFound) {
			t.Error("what the execution did not find is taken for the execution")
		}
	}
	if _, err := serve(t, &engine{err: flow.ErrNotFound}).Output(t.Context(), execID); !errors.Is(err, ErrNotFound) || errors.Is(err, ErrFailed) {
		t.Errorf("no execution: %v", err)
	}
}

func TestOutputAsksUntilTheEnd(t *testing.T) {
	t.Parallel()
	c, asked := turns(t, noOutput(flow.Suspended, nil), noOutput(flow.Suspended, nil), nil)
	if raw, err := c.Output(t.Context(), execID); err != nil || string(raw) != "null" || asked.Load() != 3 {
		t.Errorf("got %s, %v after %d questions", raw, err, asked.Load())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	c, _ = turns(t, noOutput(flow.Running, nil))
	c.pause = time.Hour
	if _, err := c.Output(ctx, execID); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func history(s flow.Status, runs ...flow.NodeRun) wire.History {
	return wire.History{ExecutionID: execID, Status: s, Items: runs}
}

func nodeRun(node string, index int, s flow.StepStatus) flow.NodeRun {
	return flow.NodeRun{Node: node, RunIndex: index, Status: s}
}

func TestFollowTellsEachChangeOnce(t *testing.T) {
	t.Parallel()
	a, waits := nodeRun("a", 0, flow.StepCompleted), nodeRun("b", 0, flow.StepSuspended)
	resumed := waits
	resumed.ResumedAt = &moment1 // and it waits again
	c, _ := turns(t,
		history(flow.Running, a, nodeRun("b", 0, flow.StepPending)),
		history(flow.Suspended, a, waits),
		history(flow.Suspended, a, waits),
		history(flow.Suspended, a, resumed),
		history(flow.Completed, a, nodeRun("b", 0, flow.StepCompleted), nodeRun("b", 1, flow.StepCompleted)),
	)
	var got []string
	for u, err := range c.Follow(t.Context(), execID) {
		if err != nil {
			t.Fatal(err)
		}
		line := string(u.Status)
		if u.Run != nil {
			line = fmt.Sprint(u.Run.Node, u.Run.RunIndex, " ", u.Run.Status)
		}
		got = append(got, line)
	}
	want := []string{"a0 completed", "b0 pending", "running", "b0 suspended", "suspended", "b0 suspended", "b0 completed", "b1 completed", "completed"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestFollowEnds(t *testing.T) {
	t.Parallel()
	c, asked := turns(t, history(flow.Running, nodeRun("a", 0, flow.StepPending)), flow.NotFound("execution", execID))
	var last error
	for _, err := range c.Follow(t.Context(), execID) {
		last = err
	}
	if !errors.Is(last, ErrNotFound) || asked.Load() != 2 {
		t.Errorf("by an error: %v after %d questions", last, asked.Load())
	}
	c, asked = turns(t, history(flow.Running, nodeRun("a", 0, flow.StepPending)))
	for u, err := range c.Follow(t.Context(), execID) {
		if err != nil || u.Run == nil {
			t.Errorf("the first: %+v, %v", u, err)
		}
		break
	}
	if asked.Load() != 1 {
		t.Errorf("%d questions of who stops at the first", asked.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c, _ = turns(t, history(flow.Running, nodeRun("a", 0, flow.StepPending)))
	c.pause = time.Hour
	for _, err := range c.Follow(ctx, execID) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("by its context: %v", last)
	}
}

// What is in quarantine goes on when a person says so, and who follows is not to wait for that.
func TestFollowEndsInQuarantine(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, asked := turns(t, history(flow.Running, nodeRun("a", 0, flow.StepPending)), history(flow.Quarantined, nodeRun("a", 0, flow.StepQuarantined)))
	var last Update
	for u, err := range c.Follow(ctx, execID) {
		if err != nil {
			t.Fatal(err)
		}
		last = u
	}
	if last.Status != flow.Quarantined || last.Run != nil || asked.Load() != 2 {
		t.Errorf("it ended with %+v after %d questions", last, asked.Load())
	}
}

// Following a long execution is not to cost its server more than following a short one.
func TestLongHistoriesAreAskedForSeldom(t *testing.T) {
	t.Parallel()
	for runs, want := range map[int]time.Duration{0: time.Second, 10_000: 11 * time.Second, 1_000_000: longWait} {
		if got := new(bell).between(false, runs); got != want {
			t.Errorf("%d runs: %s", runs, got)
		}
	}
}

func TestAllGoesThroughThePages(t *testing.T) {
	t.Parallel()
	page := func(cursor string, ids ...string) flow.Page[flow.Summary] {
		p := flow.Page[flow.Summary]{Items: []flow.Summary{}, Cursor: cursor}
		for _, id := range ids {
			p.Items = append(p.Items, flow.Summary{ID: id})
		}
		return p
	}
	c, asked := turns(t, page("1", "a", "b"), page("2"), page("", "c"))
	var got []string
	for x, err := range c.AllExecutions(t.Context(), flow.ExecutionFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, x.ID)
	}
	if !slices.Equal(got, []string{"a", "b", "c"}) || asked.Load() != 3 {
		t.Errorf("got %q with %d requests", got, asked.Load())
	}
	c, _ = turns(t, page("1", "a"), flow.ErrInvalid)
	n := 0
	var last error
	for _, err := range c.AllExecutions(t.Context(), flow.ExecutionFilter{}) {
		n++
		last = err
	}
	if !errors.Is(last, ErrInvalid) || n != 2 {
		t.Errorf("an error: %v after %d", last, n)
	}
	c, asked = turns(t, page("1", "a"), page("", "b"))
	for x, err := range c.AllExecutions(t.Context(), flow.ExecutionFilter{}) {
		if err != nil || x.ID != "a" {
			t.Errorf("the first: %+v, %v", x, err)
		}
		break
	}
	if asked.Load() != 1 {
		t.Errorf("%d requests of who stops at the first", asked.Load())
	}
}

// Every list is asked with the filter on each page, and with the cursor of the page before.
func TestAllKeepsTheFilter(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		goThrough func(*Client) error
		query     string
	}{
		"executions":  {drain(flow.ExecutionFilter{Workflow: "w", Limit: 1}, (*Client).AllExecutions), "limit=1&workflow=w"},
		"suspensions": {drain(flow.SuspensionFilter{Type: "delay"}, (*Client).AllSuspensions), "type=delay"},
		"delays":      {drain(flow.DelayFilter{Workflow: "w"}, (*Client).AllDelays), "workflow=w"},
		"relations":   {drain(flow.RelationFilter{Parent: "p"}, (*Client).AllRelations), "parent_execution_id=p"},
		"schedules":   {drain(flow.ScheduleFilter{Workflow: "w"}, (*Client).AllSchedules), "workflow=w"},
		"workflows":   {drain(0, func(c *Client, ctx context.Context, _ int) seq[flow.WorkflowInfo] { return c.AllWorkflows(ctx) }), ""},
	} {
		var queries []string
		c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			queries = append(queries, strings.Trim(r.URL.RawQuery, "&"))
			if len(queries) == 1 {
				_, _ = w.Write([]byte(`{"items":[],"cursor":"at"}`))
				return
			}
			_, _ = w.Write([]byte(`{"items":[{}]}`))
		}))
		if err := tt.goThrough(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		second := strings.Trim("cursor=at&"+tt.query, "&")
		if !slices.Equal(queries, []string{tt.query, second}) {
			t.Errorf("%s: asked for %q", name, queries)
		}
	}
}

type seq[T any] = func(yield func(T, error) bool)

// drain goes through a whole list.
func drain[F, T any, S ~seq[T]](f F, method func(*Client, context.Context, F) S) func(*Client) error {
	return func(c *Client) error {
		n := 0
		for _, err := range method(c, context.Background(), f) {
			if n++; err != nil {
				return err
			}
		}
		if n != 1 {
			return fmt.Errorf("%d items", n)
		}
		return nil
	}
}

// TestNobodyWaitsForAQuarantine: only a person moves such an execution.
func TestNobodyWaitsForAQuarantine(t *testing.T) {
	t.Parallel()
	e := &engine{status: flow.Quarantined, left: &flow.Problem{Code: "poison", Message: "m", Node: "n"}}
	c := serve(t, e)
	v, err := c.Await(t.Context(), execID)
	if err != nil || v.Status != flow.Quarantined {
		t.Errorf("Await gives %+v, %v", v, err)
	}
	_, err = c.Output(t.Context(), execID)
	ended, ok := errors.AsType[*ExecutionError](err)
	if !ok || !errors.Is(err, ErrQuarantined) || ended.Status != flow.Quarantined || ended.Problem.Code != "poison" {
		t.Errorf("Output gives %v", err)
	}
}
