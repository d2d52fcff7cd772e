package worker_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/handlers/worker"
	"prana/tasks"
)

// TestStep: a written task is run once, with what was dispatched, and acknowledged.
func TestStep(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client *redis.Client) {
		got := make(chan flow.Dispatch, 10)
		start(t, worker.Config{Redis: client, Partitions: []int{0}, Runner: runner(func(_ context.Context, d flow.Dispatch) error {
			got <- d
			return nil
		})})
		want := dispatch()
		task := commit(t, client, want)
		d := receive(t, "the step", got)
		if d.Kind != want.Kind || tasks.TaskID(d) != task.ID || d.Workflow != want.Workflow || d.Trace["traceparent"] != "00-a-b-01" {
			t.Errorf("ran %+v, want %+v", d, want)
		}
		eventually(t, "the acknowledgement", func() bool { return state(t, client, task) == "" })
		if len(got) > 0 {
			t.Errorf("ran again: %+v", <-got)
		}
		if !client.SIsMember(patient(t), "asynq:queues", task.Queue).Val() {
			t.Error("asynq's tools do not know the queue")
		}
	})
}

// TestWakeUp: idle servers start a step because they are woken, in this process
// and from another one; the poll would come much later.
func TestWakeUp(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]bool{"same process": false, "another process": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, client *redis.Client) {
				asleep, ran := sleeping(client), make(chan struct{}, 10)
				waker := newWaker(t, client)
				start(t, worker.Config{Redis: client, Partitions: []int{0}, Waker: waker, Runner: runner(func(context.Context, flow.Dispatch) error {
					ran <- struct{}{}
					return nil
				})})
				receive(t, "sleep", asleep)
				task := commit(t, client, dispatch())
				if other {
					waker = newWaker(t, connect(t, client.Options()))
				}
				if err := waker.Nudge(t.Context(), task.Queue, 1); err != nil {
					t.Fatal(err)
				}
				receive(t, "the step", ran)
			})
		})
	}
}

// TestManyPartitions: fewer servers than partitions still serve and wake for all.
func TestManyPartitions(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client *redis.Client) {
		ran := make(chan string, 10)
		waker := newWaker(t, client)
		start(t, worker.Config{
			Redis: client, Partitions: []int{0, 1, 2, 3, 4}, Servers: 2, Concurrency: 3, Waker: waker,
			Runner: runner(func(_ context.Context, d flow.Dispatch) error {
				ran <- d.Execution
				return nil
			}),
		})
		for p := range 5 {
			d := dispatch()
			d.Execution = flow.NewExecutionID(p)
			waker.Wake(commit(t, client, d).Queue)
			if got := receive(t, "the step", ran); got != d.Execution {
				t.Errorf("ran %s, want %s", got, d.Execution)
			}
		}
	})
}

// TestTriedAgain: an error or a panic brings the same hint again; it is never a failure.
func TestTriedAgain(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client *redis.Client) {
		var calls atomic.Int64
		done := make(chan struct{}, 10)
		start(t, worker.Config{Redis: client, Partitions: []int{0}, Runner: runner(func(context.Context, flow.Dispatch) error {
			switch calls.Add(1) {
			case 1:
				return flow.ErrUnavailable
			case 2:
				panic("as wanted")
			}
			done <- struct{}{}
			return nil
		})})
		task := commit(t, client, dispatch())
		eventually(t, "the second error", func() bool { return calls.Load() == 2 && state(t, client, task) == "retry" })
		info, err := inspector(client).GetTaskInfo(task.Queue, task.ID)
		if err != nil || info.Retried != 0 || !strings.Contains(info.LastErr, "panicked: as wanted") {
			t.Errorf("after a panic: %+v, %v", info, err)
		}
		receive(t, "the third attempt", done)
	})
}

// TestAckRepeated: an acknowledgement that failed once succeeds when asynq
// repeats it, seconds later and with a context that it cancelled itself.
func TestAckRepeated(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	var acks, runs atomic.Int64
	m.Server().SetPreHook(func(c *server.Peer, _ string, args ...string) bool {
		if len(args) < 6 || !strings.Contains(args[5], ":processed:") || acks.Add(1) > 1 {
			return false
		}
		c.WriteError("ERR as wanted")
		return true
	})
	client := connect(t, &redis.Options{Addr: m.Addr()})
	start(t, worker.Config{Redis: client, Partitions: []int{0}, Runner: runner(func(context.Context, flow.Dispatch) error {
		runs.Add(1)
		return nil
	})})
	task := commit(t, client, dispatch())
	eventually(t, "the repeated acknowledgement", func() bool { return acks.Load() > 1 && state(t, client, task) == "" })
	if n := runs.Load(); n != 1 {
		t.Errorf("the step ran %d times", n)
	}
}

func TestUnreadableStep(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client *redis.Client) {
		start(t, worker.Config{Redis: client, Partitions: []int{0}, Runner: runner(func(context.Context, flow.Dispatch) error {
			t.Error("garbage was run")
			return nil
		})})
		info := enqueue(t, client, tasks.TypeStep, `{"x":1}`, tasks.QueueOf(0))
		eventually(t, "the archiving", func() bool { return archived(t, client, info.Queue, info.ID) != "" })
	})
}

// TestIdle counts what an idle server asks in one held period: one dequeue, and
// at most one heartbeat (three commands) and one look of the forwarder (two).
func TestIdle(t *testing.T) {
	t.Parallel()
	client := connect(t, realRedis(t))
	var sent atomic.Int64
	dequeued := make(chan int64, 1000) // how many commands were sent before
	client.AddHook(watch(func(cmd redis.Cmder) {
		if n := sent.Add(1); isDequeue(cmd) {
			dequeued <- n
		}
	}))
	waker := tasks.NewWaker(client, tasks.WakerOptions{Hold: 500 * time.Millisecond})
	t.Cleanup(func() { _ = waker.Close() })
	start(t, worker.Config{Redis: client, Partitions: []int{0}, Servers: 1, Waker: waker, Runner: runner(nil)})
	for range 2 { // by digest, then by text: Redis does not know the script yet
		receive(t, "the first dequeue", dequeued)
	}
	before := receive(t, "a dequeue after a hold", dequeued)
	if n := receive(t, "the next dequeue", dequeued) - before; n > 6 {
		t.Errorf("%d commands in one held period", n)
	}
}

func isDequeue(cmd redis.Cmder) bool {
	args := cmd.Args()
	if !strings.HasPrefix(cmd.Name(), "eval") || len(args) < 7 {
		return false
	}
	second, _ := args[4].(string)
	return strings.HasSuffix(second, ":paused")
}

func TestShutdownIdle(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client *redis.Client) {
		asleep := sleeping(client)
		w := start(t, worker.Config{Redis: client, Partitions: []int{0, 1}, Waker: newWaker(t, client), Runner: runner(nil)})
		receive(t, "sleep", asleep)
		began := time.Now()
		stop(t, w)
		if took := time.Since(began); took > longHold/2 {
			t.Errorf("an idle worker took %s to stop", took)
		}
	})
}

// TestShutdownInGrace: a step that ends within the grace is acknowledged, its context is left alone.
func TestShutdownInGrace(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client *redis.Client) {
		began, finish := make(chan struct{}), make(chan struct{})
		w := start(t, worker.Config{Redis: client, Partitions: []int{0}, Grace: patience, Runner: runner(func(ctx context.Context, _ flow.Dispatch) error {
			close(began)
			<-finish
			return ctx.Err()
		})})
		task := commit(t, client, dispatch())
		receive(t, "the step", began)
		stopped := make(chan error, 1)
		go func() { stopped <- w.Shutdown(context.WithoutCancel(t.Context())) }()
		later := commit(t, client, dispatch())
		close(finish)
		if err := receive(t, "the shutdown", stopped); err != nil {
			t.Error(err)
		}
		if s := state(t, client, task); s != "" {
			t.Errorf("the finished step's task is %s", s)
		}
		_ = later // may or may not have been taken before the worker stopped
	})
}

// TestShutdownAfterGrace: a longer step's context ends with a cause, and its
// task is back in its queue before the worker is gone.
func TestShutdownAfterGrace(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client *redis.Client) {
		began, cause := make(chan struct{}), make(chan error, 1)
		w := start(t, worker.Config{Redis: client, Partitions: []int{0}, Grace: time.Millisecond, Runner: runner(func(ctx context.Context, _ flow.Dispatch) error {
			close(began)
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return ctx.Err()
		})})
		task := commit(t, client, dispatch())
		receive(t, "the step", began)
		stop(t, w)
		if err := receive(t, "the end of the step's context", cause); !errors.Is(err, worker.ErrShutdown) {
			t.Errorf("the cause is %v", err)
		}
		if s := state(t, client, task); s != "pending" {
			t.Errorf("the task is %q", s)
		}
		if ids := client.LRange(patient(t), task.Pending, 0, -1).Val(); len(ids) != 1 || ids[0] != task.ID {
			t.Errorf("pending: %v", ids)
		}
	})
}

// TestShutdownHurried: when the caller's context ends, the grace does, too.
func TestShutdownHurried(t *testing.T) {
	t.Parallel()
	client := connect(t, realRedis(t))
	began := make(chan struct{})
	w := start(t, worker.Config{Redis: client, Partitions: []int{0}, Grace: time.Hour, Runner: runner(func(ctx context.Context, _ flow.Dispatch) error {
		close(began)
		<-ctx.Done()
		return ctx.Err()
	})})
	task := commit(t, client, dispatch())
	receive(t, "the step", began)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Shutdown(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if s := state(t, client, task); s != "retry" && s != "pending" {
		t.Errorf("the task is %q", s)
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	gone := connect(t, &redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialTimeout: time.Second, DialerRetries: 1})
	for name, cfg := range map[string]worker.Config{
		"no redis":    {Partitions: []int{0}, Runner: runner(nil)},
		"no runner":   {Redis: gone, Partitions: []int{0}},
		"no intaker":  {Redis: gone, Intake: true},
		"nothing":     {Redis: gone},
		"unreachable": {Redis: gone, Partitions: []int{0}, Runner: runner(nil)},
	} {
		w := worker.New(cfg)
		err := w.Start(patient(t))
		if err == nil || errors.Is(err, flow.ErrUnavailable) != (name == "unreachable") {
			t.Errorf("%s: %v", name, err)
		}
		stop(t, w)
	}
}
