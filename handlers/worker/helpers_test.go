package worker_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"prana/config/localredis"
	"prana/engine/flow"
	"prana/handlers/worker"
	"prana/tasks"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := goleak.Find(); err != nil {
		slog.Error("goroutines were left behind", "error", err)
		code = 1
	}
	os.Exit(code)
}

// patience bounds every wait for a signal; longHold is longer, so that the end
// of a hold is never mistaken for a wake-up.
const (
	patience = 30 * time.Second
	longHold = time.Minute
)

func onEach(t *testing.T, test func(t *testing.T, client *redis.Client)) {
	t.Helper()
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		test(t, connect(t, &redis.Options{Addr: miniredis.RunT(t).Addr()}))
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, connect(t, realRedis(t)))
	})
}

func realRedis(t *testing.T) *redis.Options {
	t.Helper()
	s, err := localredis.Start(patient(t), localredis.Options{})
	if errors.Is(err, localredis.ErrNotFound) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	o, err := redis.ParseURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func connect(t *testing.T, o *redis.Options) *redis.Client {
	t.Helper()
	c := redis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	t.Cleanup(cancel)
	return ctx
}

func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not happen", what)
		panic("unreachable")
	}
}

// eventually is for what only Redis can tell.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		if holds() {
			tick.Stop()
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s did not happen", what)
		}
	}
}

// watch is a hook that reports commands before they are sent.
type watch func(cmd redis.Cmder)

func (w watch) DialHook(next redis.DialHook) redis.DialHook { return next }

func (w watch) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		w(cmd)
		return next(ctx, cmd)
	}
}

func (w watch) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			w(cmd)
		}
		return next(ctx, cmds)
	}
}

// runner is a Runner that a test steers.
type runner func(ctx context.Context, d flow.Dispatch) error

func (r runner) RunStep(ctx context.Context, d flow.Dispatch) error { return r(ctx, d) }

func start(t *testing.T, cfg worker.Config) *worker.Worker {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	w := worker.New(cfg)
	if err := w.Start(patient(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, w) })
	return w
}

func stop(t *testing.T, w *worker.Worker) {
	t.Helper()
	if err := w.Shutdown(patient(t)); err != nil {
		t.Error(err)
	}
}

func newWaker(t *testing.T, client redis.UniversalClient) *tasks.Waker {
	t.Helper()
	w := tasks.NewWaker(client, tasks.WakerOptions{Hold: longHold})
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// sleeping makes a channel that tells when a process begins to sleep.
func sleeping(client *redis.Client) <-chan struct{} {
	ch := make(chan struct{}, 1000)
	client.AddHook(watch(func(cmd redis.Cmder) {
		if cmd.Name() == "sadd" && strings.HasSuffix(cmd.Args()[1].(string), ":sleepers") {
			ch <- struct{}{}
		}
	}))
	return ch
}

func dispatch() flow.Dispatch {
	return flow.Dispatch{
		Kind: flow.KindStep, Execution: flow.NewExecutionID(0), Step: flow.StepID{Node: 1}, Token: flow.NewToken(),
		Workflow: "w@1", Trace: map[string]string{"traceparent": "00-a-b-01"},
	}
}

// commit writes the task as a commit does, without waking anybody.
func commit(t *testing.T, client redis.UniversalClient, d flow.Dispatch) flow.Task {
	t.Helper()
	task, err := tasks.Encoder{}.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	ctx := patient(t)
	pipe := client.TxPipeline()
	pipe.HSet(ctx, task.Key, "msg", task.Message, "state", "pending", "pending_since", time.Now().UnixNano())
	pipe.RPush(ctx, task.Pending, task.ID)
	if _, err := pipe.Exec(ctx); err != nil {
		t.Fatal(err)
	}
	return task
}

func state(t *testing.T, client redis.UniversalClient, task flow.Task) string {
	t.Helper()
	return client.HGet(patient(t), task.Key, "state").Val()
}

// request is what the fake engine was asked.
type request struct {
	kind string
	what any
	id   string
}

// engine is an Intaker that remembers ids and answers as told.
type engine struct {
	asked  chan request
	answer func(kind, id string) error
}

func newEngine() *engine {
	return &engine{asked: make(chan request, 100), answer: func(string, string) error { return nil }}
}

func (e *engine) take(kind, id string, what any) error {
	e.asked <- request{kind, what, id}
	return e.answer(kind, id)
}

func (e *engine) Start(_ context.Context, r flow.StartRequest) (flow.StartResult, error) {
	return flow.StartResult{}, e.take("start", r.ID, r)
}

func (e *engine) Publish(_ context.Context, ev flow.Event) (flow.PublishResult, error) {
	return flow.PublishResult{}, e.take("event", ev.ID, ev)
}

func (e *engine) Resume(_ context.Context, r flow.ResumeRequest) (flow.ResumeResult, error) {
	if r.Token != "" {
		return flow.ResumeResult{}, e.take("token", r.Token, string(r.Data))
	}
	return flow.ResumeResult{}, e.take("resume", r.ID, r)
}

func (e *engine) Cancel(_ context.Context, r flow.CancelRequest) error {
	return e.take("cancel", r.ID, r)
}

func inspector(client redis.UniversalClient) *asynq.Inspector {
	return asynq.NewInspectorFromRedisClient(client)
}
