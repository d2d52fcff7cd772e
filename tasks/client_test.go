package tasks

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

const aQueue = "prana-0"

// popScript stands for asynq's dequeue: what counts are its keys.
const popScript = `return redis.call("RPOP", KEYS[1])`

func dequeueKeys(queue string) []string {
	return []string{queueKey(queue, "pending"), queueKey(queue, "paused"), queueKey(queue, "active"), queueKey(queue, "lease")}
}

// rig is a process with a Server, as far as Redis sees it.
type rig struct {
	redis  *redis.Client
	waker  *Waker
	client *Client
	sleeps chan struct{} // the process registers as a sleeper
	sent   atomic.Int64
}

func newRig(t *testing.T, o *redis.Options, hold time.Duration, queues ...string) *rig {
	t.Helper()
	r := &rig{redis: connect(t, o), sleeps: make(chan struct{}, 100)}
	r.redis.AddHook(watch{before: func(cmd redis.Cmder) {
		switch cmd.Name() {
		case "hello", "client": // a new connection
			return
		case "sadd":
			r.sleeps <- struct{}{}
		}
		r.sent.Add(1)
	}})
	r.waker = NewWaker(r.redis, WakerOptions{Hold: hold})
	t.Cleanup(func() { _ = r.waker.Close() })
	r.client = r.waker.Client(queues...)
	return r
}

// dequeue asks all queues in order, as a Server does, and tells what came.
func (r *rig) dequeue(ctx context.Context, queues ...string) <-chan string {
	got := make(chan string, 1)
	go func() {
		for _, q := range queues {
			v, err := r.client.Eval(ctx, popScript, dequeueKeys(q)).Text()
			if err == nil {
				got <- v
				return
			}
			if !errors.Is(err, redis.Nil) {
				got <- "error: " + err.Error()
				return
			}
		}
		got <- "nothing"
	}()
	return got
}

func push(t *testing.T, c redis.UniversalClient, queue, id string) {
	t.Helper()
	if err := c.LPush(patient(t), queueKey(queue, "pending"), id).Err(); err != nil {
		t.Fatal(err)
	}
}

func TestWakeInProcess(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, o *redis.Options) {
		r := newRig(t, o, maxHold, aQueue)
		got := r.dequeue(t.Context(), aQueue)
		receive(t, "sleep", r.sleeps)
		push(t, connect(t, o), aQueue, "a")
		r.waker.Wake("another", aQueue)
		if v := receive(t, "wake-up", got); v != "a" {
			t.Errorf("woken with %s", v)
		}
	})
}

func TestWakeAcrossProcesses(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, o *redis.Options) {
		sleeper, writer := newRig(t, o, maxHold, aQueue), newRig(t, o, maxHold)
		for i := range 3 { // every round registers anew
			got := sleeper.dequeue(t.Context(), aQueue)
			registered(t, writer.redis, 1)
			push(t, writer.redis, aQueue, fmt.Sprint(i))
			if err := writer.waker.Nudge(t.Context(), aQueue, 1); err != nil {
				t.Fatal(err)
			}
			if v := receive(t, "wake-up", got); v != fmt.Sprint(i) {
				t.Errorf("woken with %s", v)
			}
		}
	})
}

// TestWakeRightProcess: whoever is taken from the sleepers is the one who is told.
func TestWakeRightProcess(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, o *redis.Options) {
		a, b := newRig(t, o, maxHold, aQueue), newRig(t, o, maxHold, aQueue)
		gotA, gotB := a.dequeue(t.Context(), aQueue), b.dequeue(t.Context(), aQueue)
		writer := newRig(t, o, maxHold)
		registered(t, writer.redis, 2)
		for _, id := range []string{"1", "2"} {
			push(t, writer.redis, aQueue, id)
			if err := writer.waker.Nudge(t.Context(), aQueue, 1); err != nil {
				t.Fatal(err)
			}
		}
		if v, w := receive(t, "wake-up", gotA), receive(t, "wake-up", gotB); v == w || v == "nothing" || w == "nothing" {
			t.Errorf("woken with %s and %s", v, w)
		}
	})
}

// TestPassOn: a process that is told while it is busy tells another one.
func TestPassOn(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, o *redis.Options) {
		busy, idle := newRig(t, o, maxHold, aQueue), newRig(t, o, maxHold, aQueue)
		first := busy.dequeue(t.Context(), aQueue)
		registered(t, idle.redis, 1)
		push(t, busy.redis, aQueue, "1")
		busy.waker.Wake(aQueue)
		receive(t, "wake-up", first) // and is a sleeper still
		got := idle.dequeue(t.Context(), aQueue)
		registered(t, idle.redis, 2)
		push(t, busy.redis, aQueue, "2")
		nudge := connect(t, o)
		nudge.SRem(t.Context(), SleepersKey(aQueue), busy.list())
		if err := nudge.LPush(t.Context(), busy.list(), "1").Err(); err != nil {
			t.Fatal(err)
		}
		if v := receive(t, "wake-up", got); v != "2" {
			t.Errorf("woken with %s", v)
		}
	})
}

func (r *rig) list() string { return WakeKey(aQueue, r.waker.name) }

// registered waits until that many processes are sleepers.
func registered(t *testing.T, client redis.UniversalClient, n int64) {
	t.Helper()
	ctx := patient(t)
	for client.SCard(ctx, SleepersKey(aQueue)).Val() != n {
		if !wait(ctx, time.Millisecond) {
			t.Fatalf("there are not %d sleepers", n)
		}
	}
}

// TestEnqueuedBeforeRegistration: what comes between the last look and the
// registration wakes nobody, so the sleeper has to look once more.
func TestEnqueuedBeforeRegistration(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, o *redis.Options) {
		r, other := newRig(t, o, maxHold, aQueue), connect(t, o)
		var pushed atomic.Bool
		r.redis.AddHook(watch{before: func(cmd redis.Cmder) {
			if cmd.Name() == "sadd" && pushed.CompareAndSwap(false, true) {
				other.LPush(context.Background(), queueKey(aQueue, "pending"), "a")
			}
		}})
		if v := receive(t, "wake-up", r.dequeue(t.Context(), aQueue)); v != "a" {
			t.Errorf("woken with %s", v)
		}
	})
}

// TestHoldAfterWholeRound: a Server of two queues asks both before it is held,
// and a task of either ends the hold.
func TestHoldAfterWholeRound(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, o *redis.Options) {
		r := newRig(t, o, maxHold, "prana-0", "prana-1")
		got := r.dequeue(t.Context(), "prana-1", "prana-0")
		receive(t, "sleep", r.sleeps)
		receive(t, "sleep for the other queue", r.sleeps)
		push(t, r.redis, "prana-1", "a")
		r.waker.Wake("prana-1")
		if v := receive(t, "wake-up", got); v != "a" {
			t.Errorf("woken with %s", v)
		}
	})
}

func TestHoldEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*rig, context.CancelFunc){
		"client closed": func(r *rig, _ context.CancelFunc) { _ = r.client.Close() },
		"waker closed":  func(r *rig, _ context.CancelFunc) { _ = r.waker.Close() },
		"ctx done":      func(_ *rig, cancel context.CancelFunc) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, o *redis.Options) {
				r := newRig(t, o, maxHold, aQueue)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				got := r.dequeue(ctx, aQueue)
				receive(t, "sleep", r.sleeps)
				end(r, cancel)
				if v := receive(t, "end of the hold", got); v != "nothing" {
					t.Errorf("the hold ended with %s", v)
				}
			})
		})
	}
}

func TestClosedTakesNothing(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, o *redis.Options) {
		r := newRig(t, o, maxHold, aQueue)
		push(t, r.redis, aQueue, "a")
		_ = r.client.Close()
		if v := receive(t, "answer", r.dequeue(t.Context(), aQueue)); v != "nothing" {
			t.Errorf("a closed client took %s", v)
		}
	})
}

// TestGoodbye: a closed Waker is no sleeper any more.
func TestGoodbye(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, o *redis.Options) {
		r, other := newRig(t, o, maxHold, aQueue), connect(t, o)
		r.dequeue(t.Context(), aQueue)
		receive(t, "sleep", r.sleeps)
		if err := r.waker.Close(); err != nil {
			t.Fatal(err)
		}
		if n := other.Exists(patient(t), SleepersKey(aQueue)).Val(); n != 0 {
			t.Errorf("sleepers left: %v", other.SMembers(patient(t), SleepersKey(aQueue)).Val())
		}
	})
}

// TestDeadSleeper: what a dead process left behind costs one wake-up, and goes.
func TestDeadSleeper(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, o *redis.Options) {
		r, ctx := newRig(t, o, maxHold), patient(t)
		dead := WakeKey(aQueue, "dead")
		r.redis.SAdd(ctx, SleepersKey(aQueue), dead)
		for range 3 {
			if err := r.waker.Nudge(ctx, aQueue, 100); err != nil {
				t.Fatal(err)
			}
		}
		if n, ttl := r.redis.LLen(ctx, dead).Val(), r.redis.TTL(ctx, dead).Val(); n != 1 || ttl <= 0 || r.redis.Exists(ctx, SleepersKey(aQueue)).Val() != 0 {
			t.Errorf("the dead sleeper's list has %d elements and lives %s", n, ttl)
		}
	})
}

// TestIdleCommands counts what one held period costs: one dequeue, one registration.
func TestIdleCommands(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, o *redis.Options) {
		r := newRig(t, o, 200*time.Millisecond, aQueue)
		if v := receive(t, "end of the hold", r.dequeue(t.Context(), aQueue)); v != "nothing" {
			t.Fatal(v)
		}
		receive(t, "sleep", r.sleeps)
		if n := r.sent.Load(); n > 4 {
			t.Errorf("%d commands in one held period", n)
		}
		r.sent.Store(0)
		receive(t, "end of the hold", r.dequeue(t.Context(), aQueue))
		if n := r.sent.Load(); n != 1 {
			t.Errorf("%d commands in the next held period; the registration still stands", n)
		}
	})
}

// TestDequeueSentOnce: when a reply is lost, a dequeue is not repeated, because
// the lost one may have popped a task.
func TestDequeueSentOnce(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	var evals atomic.Int64
	m.Server().SetPreHook(func(c *server.Peer, cmd string, _ ...string) bool {
		if cmd != "EVAL" {
			return false
		}
		evals.Add(1)
		c.Close()
		return true
	})
	r := newRig(t, &redis.Options{Addr: m.Addr()}, maxHold, aQueue)
	receive(t, "answer", r.dequeue(t.Context(), aQueue))
	if n := evals.Swap(0); n != 1 {
		t.Errorf("the dequeue was sent %d times", n)
	}
	r.client.Eval(t.Context(), popScript, []string{"other"})
	if n := evals.Load(); n < 2 {
		t.Errorf("another script was sent %d times; go-redis repeats those", n)
	}
}

// TestRevive: a repeated acknowledgement works although asynq cancelled its
// context; nothing else does.
func TestRevive(t *testing.T) {
	t.Parallel()
	r := newRig(t, realRedis(t), maxHold, aQueue)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	key := func(n string) string { return queueKey(aQueue, n) }
	for _, keys := range [][]string{
		{key("active"), key("lease"), key("t:x"), key("processed:2026-01-01"), key("processed")},
		{key("active"), key("lease"), key("completed"), key("t:x"), key("processed:2026-01-01"), key("processed")},
		{key("t:x"), key("active"), key("lease"), key("retry"), key("processed:2026-01-01")},
		{key("t:x"), key("active"), key("lease"), key("archived"), key("processed:2026-01-01")},
	} {
		if err := r.client.Eval(ctx, "return 1", keys).Err(); err != nil {
			t.Errorf("%v: %v", keys, err)
		}
	}
	for _, keys := range [][]string{{"x"}, {key("t:x"), key("pending")}, {key("active"), key("lease"), key("pending"), key("t:x")}} {
		if err := r.client.Eval(ctx, "return 1", keys).Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("%v: a cancelled context was revived: %v", keys, err)
		}
	}
}

// TestScriptsOfAsynq pins how asynq's scripts are recognised, by watching a
// Server of the built-in version do all of it.
func TestScriptsOfAsynq(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, o *redis.Options) {
		client := connect(t, o)
		seen := make(chan string, 10_000)
		client.AddHook(watch{before: func(cmd redis.Cmder) {
			if name := settledAs(cmd); name != "" {
				seen <- name
			}
		}})
		enqueueOutcomes(t, client)
		s := asynq.NewServerFromRedisClient(client, asynq.Config{
			Queues: map[string]int{"q": 1}, TaskCheckInterval: 5 * time.Millisecond, DelayedTaskCheckInterval: 20 * time.Millisecond, LogLevel: asynq.FatalLevel,
		})
		if err := s.Start(asynq.HandlerFunc(outcome)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Shutdown)
		missing := map[string]bool{"dequeue": true, "forward scheduled": true, "forward retry": true, "done": true, "complete": true, "retry": true, "archive": true}
		for len(missing) > 0 {
			delete(missing, receive(t, fmt.Sprint(missing), seen))
		}
	})
}

func enqueueOutcomes(t *testing.T, client redis.UniversalClient) {
	t.Helper()
	c := asynq.NewClientFromRedisClient(client)
	for name, opts := range map[string][]asynq.Option{"done": nil, "complete": {asynq.Retention(time.Hour)}, "retry": nil, "archive": {asynq.MaxRetry(0)}} {
		if _, err := c.EnqueueContext(patient(t), asynq.NewTask(name, nil), append(opts, asynq.Queue("q"))...); err != nil {
			t.Fatal(err)
		}
	}
}

func outcome(_ context.Context, task *asynq.Task) error {
	if task.Type() == "retry" || task.Type() == "archive" {
		return errors.New("as wanted")
	}
	return nil
}

// settledAs names the recognised script that cmd runs, by its telling key.
func settledAs(cmd redis.Cmder) string {
	args := cmd.Args()
	if n := cmd.Name(); n != "eval" && n != "evalsha" || len(args) < 3 {
		return ""
	}
	var keys []string
	count, _ := args[2].(int)
	for _, k := range args[3 : 3+count] {
		keys = append(keys, fmt.Sprint(k))
	}
	kind, queue := recognise(keys)
	switch {
	case kind == dequeue:
		return "dequeue"
	case kind == forward && keys[0] == queueKey(queue, "retry"):
		return "forward retry"
	case kind == forward:
		return "forward scheduled"
	case kind != settle:
		return ""
	case keys[2] == queueKey(queue, "completed"):
		return "complete"
	case keys[3] == queueKey(queue, "retry"):
		return "retry"
	case keys[3] == queueKey(queue, "archived"):
		return "archive"
	}
	return "done"
}
