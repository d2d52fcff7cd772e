package app

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/plan"
	"prana/handlers/api/client"
	"prana/handlers/api/wire"
	"prana/suspend"
	"prana/tasks"
)

// serving is a server with a worker on a Redis of its own.
func serving(t *testing.T) (*redis.Client, *App, *client.Client) {
	t.Helper()
	rdb, o := examined(t)
	o.Worker, o.API, o.Dev, o.Listen = true, true, true, "127.0.0.1:0"
	a, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(a.URL(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		if err := a.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return rdb, a, c
}

// eventually asks until it is so: what asynq tells of workers comes every five seconds.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); !so(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("never: " + what)
		}
	}
}

func publish(t *testing.T, a *App, src string) {
	t.Helper()
	w, _, diags := definition.Check("w.yaml", []byte(src), a.registry, plan.Options{})
	if plan.HasErrors(diags) {
		t.Fatal(diags)
	}
	if _, _, err := a.Deploy(t.Context(), w); err != nil {
		t.Fatal(err)
	}
}

// TestWorkersTellWhatTheyRun: a step that takes its time is found at its worker, with the execution and the node.
func TestWorkersTellWhatTheyRun(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	partner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(partner.Close)
	_, a, c := serving(t)
	t.Cleanup(func() { close(release) })
	publish(t, a, `
id: slowly
nodes:
  - {key: start, type: manual.trigger}
  - {key: call, type: http.request, params: {url: "`+partner.URL+`"}, settings: {queue: slow}}
connections: [start -> call]
`)
	res, err := a.Engine().Start(t.Context(), flow.StartRequest{Workflow: "slowly"})
	if err != nil {
		t.Fatal(err)
	}
	var w wire.Worker
	eventually(t, "the step is told", func() bool {
		page, err := c.Workers(t.Context(), wire.PageFilter{})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) == 1 {
			w = page.Items[0]
		}
		return len(w.Tasks) == 1
	})
	got := w.Tasks[0]
	if got.ExecutionID != res.ExecutionID || got.Workflow != "slowly" || got.Node != "call" || got.Queue != "prana-0.slow" || time.Since(got.StartedAt) > time.Minute {
		t.Errorf("it runs %+v", got)
	}
	if w.PID == 0 || w.Concurrency != a.o.Config.Worker.Concurrency || w.Running != 1 || !slices.Equal(w.Queues, []string{"default", "prana", "slow"}) {
		t.Errorf("the worker is %+v", w)
	}
	page, err := c.Queues(t.Context(), wire.QueueFilter{Name: "slow"})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	if q := page.Items[0]; q.Active != 1 || q.Orphaned != 0 || q.Workers != 1 || !slices.Equal(q.ServedBy, []string{w.ID}) || *q.Partition != 0 || q.Name != "slow" {
		t.Errorf("the queue is %+v", q)
	}
}

// TestFiguresOfQueues: every figure is that of asynq's keys, also when the hash of a task is gone.
func TestFiguresOfQueues(t *testing.T) {
	t.Parallel()
	rdb, _ := examined(t)
	q := queues{rdb, suspend.New(rdb, tasks.Encoder{}, suspend.Options{})}
	ctx, key, now := t.Context(), keyOf("prana-0"), time.Now()
	today := now.UTC().Format(time.DateOnly)
	if err := errors.Join(
		rdb.LPush(ctx, key+"pending", "old", "new", "ghost").Err(), rdb.HSet(ctx, key+"t:old", "pending_since", now.Add(-time.Hour).UnixNano()).Err(),
		rdb.HSet(ctx, key+"t:new", "pending_since", now.UnixNano()).Err(), rdb.RPush(ctx, key+"pending", "overtakes").Err(),
		rdb.LPush(ctx, key+"active", "a", "b").Err(), rdb.ZAdd(ctx, key+"lease", redis.Z{Member: "a", Score: 1}, redis.Z{Member: "b", Score: float64(now.Unix() + 99)}).Err(),
		rdb.ZAdd(ctx, key+"scheduled", redis.Z{Member: "s"}).Err(), rdb.ZAdd(ctx, key+"retry", redis.Z{Member: "r"}).Err(), rdb.ZAdd(ctx, key+"archived", redis.Z{Member: "z"}).Err(),
		rdb.Set(ctx, key+"processed:"+today, 9, 0).Err(), rdb.Set(ctx, key+"failed:"+today, 2, 0).Err(), rdb.Set(ctx, key+"paused", 1, 0).Err(),
		rdb.SAdd(ctx, "prana:queues", "slow").Err(), rdb.Set(ctx, "prana:partitions", 2, 0).Err(),
	); err != nil {
		t.Fatal(err)
	}
	var names []string
	f := wire.QueueFilter{PageFilter: wire.PageFilter{Limit: 2}}
	for {
		page, err := q.Queues(ctx, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range page.Items {
			names = append(names, one.Queue)
		}
		if f.Cursor = page.Cursor; f.Cursor == "" {
			break
		}
	}
	if want := []string{"prana", "prana-0", "prana-0.slow", "prana-1", "prana-1.slow"}; !slices.Equal(names, want) {
		t.Errorf("the queues are %v, want %v", names, want)
	}
	page, err := q.Queues(ctx, wire.QueueFilter{Name: "prana-0"})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	got := page.Items[0]
	if ms := got.LatencyMS; ms < time.Hour.Milliseconds() || ms > 2*time.Hour.Milliseconds() {
		t.Errorf("the oldest waits for %d ms", ms)
	}
	got.LatencyMS, got.Partition = 0, nil
	want := wire.Queue{
		Queue: "prana-0", Name: "default", Pending: 4, Active: 2, Orphaned: 1, Scheduled: 1, Retry: 1, Archived: 1, ProcessedToday: 9, FailedToday: 2, Paused: true,
	}
	if got.ServedBy == nil || len(got.ServedBy) != 0 {
		t.Errorf("it is served by %v", got.ServedBy)
	}
	if got.ServedBy = nil; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestDeadTasks: a message that was refused is found with its reason, runs again when its cause is mended, and can be deleted.
func TestDeadTasks(t *testing.T) {
	t.Parallel()
	rdb, a, c := serving(t)
	ctx := t.Context()
	service := asynq.NewClientFromRedisClient(rdb)
	for _, id := range []string{"order:1", "order:2/run"} {
		if _, err := tasks.Enqueue(ctx, service, tasks.Start{Workflow: "late"}, nil, asynq.TaskID(id)); err != nil {
			t.Fatal(err)
		}
	}
	var dead []wire.DeadTask
	left := func(n int) func() bool {
		return func() (so bool) {
			var err error
			if dead, err = c.AllDead(ctx); err != nil {
				t.Fatal(err)
			}
			return len(dead) == n
		}
	}
	eventually(t, "two are given up", left(2))
	d, err := c.DeadTask(ctx, "order:1")
	if err != nil || d.Type != tasks.TypeStart || !strings.Contains(d.Reason, `"late"`) || d.Payload != `{"v":1,"workflow":"late"}` || time.Since(d.GivenUpAt) > time.Minute {
		t.Errorf("%+v, %v", d, err)
	}
	publish(t, a, "id: late\nnodes: [{key: start, type: manual.trigger}]\n")
	if err := c.RunDead(ctx, "order:1"); err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteDead(ctx, "order:2/run"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it runs", func() bool {
		page, err := c.List(ctx, flow.ExecutionFilter{Workflow: "late"})
		return err == nil && len(page.Items) == 1
	})
	if !left(0)() {
		t.Errorf("still dead: %+v", dead)
	}
	for _, end := range []error{c.RunDead(ctx, "order:1"), c.DeleteDead(ctx, "order:2/run"), c.RunDead(ctx, "never")} {
		if !errors.Is(end, flow.ErrNotFound) {
			t.Errorf("got %v", end)
		}
	}
}

// TestTheLivingAreNoDeadTasks: what waits in the intake queue is neither shown nor deleted as dead.
func TestTheLivingAreNoDeadTasks(t *testing.T) {
	t.Parallel()
	rdb, _ := examined(t)
	q, ctx := queues{rdb, suspend.New(rdb, tasks.Encoder{}, suspend.Options{})}, t.Context()
	if page, err := q.Dead(ctx, wire.PageFilter{}); err != nil || len(page.Items) != 0 {
		t.Errorf("where there is no queue: %+v, %v", page, err)
	}
	if _, err := tasks.Enqueue(ctx, asynq.NewClientFromRedisClient(rdb), tasks.Start{Workflow: "w"}, nil, asynq.TaskID("alive")); err != nil {
		t.Fatal(err)
	}
	_, shown := q.DeadTask(ctx, "alive")
	for _, err := range []error{shown, q.RunDead(ctx, "alive"), q.DeleteDead(ctx, "alive")} {
		if !errors.Is(err, flow.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	}
	if n := rdb.LLen(ctx, keyOf(tasks.IntakeQueue)+"pending").Val(); n != 1 {
		t.Errorf("%d tasks wait", n)
	}
}

func TestTokensOfDeadTasksAreHidden(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]string{
		`{"v":1,"token":"s3cret","data":{"a":1}}`:  `{"data":{"a":1},"token":"[REDACTED]","v":1}`,
		`{"v":1,"token":{"inside":"s3cret"}}`:      `{"token":"[REDACTED]","v":1}`,
		`{"v":1,"token":"s3cret"`:                  "[REDACTED]",
		`{"v":1,"execution_id":"x","data":"kept"}`: `{"v":1,"execution_id":"x","data":"kept"}`,
	} {
		d := deadTask(&asynq.TaskInfo{Type: tasks.TypeResume, Payload: []byte(payload), LastErr: "no token s3cret"}, 1000)
		if d.Payload != want || strings.Contains(payload, `"token":"s3cret",`) && strings.Contains(d.Reason, "s3cret") {
			t.Errorf("%s: got %+v", payload, d)
		}
	}
	d := deadTask(&asynq.TaskInfo{Type: tasks.TypeEvent, Payload: []byte(strings.Repeat("ü", 300))}, 256)
	if !d.Truncated || d.Size != 600 || len(d.Payload) > 256+len("…") {
		t.Errorf("got %d bytes of %+v", len(d.Payload), d)
	}
}
