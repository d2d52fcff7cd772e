package tasks

import (
	"context"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// inHand is a task of aQueue that a commit wrote as one that is being worked on.
func inHand(t *testing.T, c *redis.Client) flow.Task {
	t.Helper()
	task, err := Encoder{}.Encode(sample)
	if err != nil {
		t.Fatal(err)
	}
	ctx := patient(t)
	c.HSet(ctx, task.Key, "msg", task.Message, "state", "active")
	c.LPush(ctx, task.Active, task.ID)
	if err := c.ZAdd(ctx, task.Lease, redis.Z{Score: 1, Member: task.ID}).Err(); err != nil {
		t.Fatal(err)
	}
	return task
}

// TestTakenAlong: what a handler's commit takes along comes with the Server's next dequeue, without another command, in the slot of
// that handler; it takes one at most.
func TestTakenAlong(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, o *redis.Options) {
		r := newRig(t, o, maxHold, aQueue)
		slots := NewSlots(1, nil)
		r.client.Within(slots, "default")
		first, err := Encoder{}.Encode(sample)
		if err != nil {
			t.Fatal(err)
		}
		push(t, connect(t, o), aQueue, string(first.Message)) // the rig's dequeue gives what stands in the list
		if v := receive(t, "task", r.dequeue(t.Context(), aQueue)); v != string(first.Message) {
			t.Fatal(v)
		}
		ctx := r.client.Holding(t.Context())
		if r.waker.Free(t.Context()) || !r.waker.Free(ctx) {
			t.Error("a handler alone is free, and nobody else")
		}
		task := inHand(t, connect(t, o))
		got := r.dequeue(t.Context(), aQueue) // which waits for the slot
		r.waker.Take(ctx, task)
		if v := receive(t, "what was taken along", got); v != string(task.Message) {
			t.Errorf("got %q", v)
		}
		if r.waker.Free(ctx) {
			t.Error("the handler takes another one along")
		}
		slots.Free() // the handler's, which is passed on
		if slot, _ := slots.take(t.Context(), "default", aQueue, 0, nil); slot {
			t.Error("there is a slot while the task that was taken along has it")
		}
		slots.Free()
		if slot, _ := slots.take(t.Context(), "default", aQueue, 0, nil); !slot {
			t.Error("there is no slot once everything is over")
		}
	})
}

// TestPulls: only who serves one queue may take whatever is next in it, so that no other has to wait for that.
func TestPulls(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, o *redis.Options) {
		w := newRig(t, o, maxHold, aQueue).waker
		one, two := w.Client(aQueue), w.Client(aQueue, "prana-1")
		for c, want := range map[*Client]bool{one: true, two: false} {
			if got := w.Pulls(c.Holding(t.Context())); got != want || !w.Free(c.Holding(t.Context())) {
				t.Errorf("who serves %q pulls: %v", c.queues, got)
			}
			_ = c.Close()
		}
		if w.Pulls(t.Context()) || w.Pulls(one.Holding(t.Context())) {
			t.Error("who is no handler, or ends, pulls")
		}
	})
}

// TestPullsNobodyElsesSlot: who waits for a slot gets that of a task that is over, be it for another partition's queue of the same name.
func TestPullsNobodyElsesSlot(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, o *redis.Options) {
		w, slots := newRig(t, o, maxHold, aQueue).waker, NewSlots(1, nil)
		c := w.Client(aQueue).Within(slots, "default")
		slots.take(t.Context(), "default", aQueue, 0, nil)
		other, same := slots.join("default", "{prana-1}"), slots.join("default", aQueue)
		if w.Pulls(c.Holding(t.Context())) {
			t.Error("it pulls while the Server of another partition waits for the slot")
		}
		slots.leave(other)
		if !w.Pulls(c.Holding(t.Context())) {
			t.Error("it does not pull though nobody waits but for tasks of the same queue")
		}
		slots.leave(same)
		_ = c.Close()
	})
}

// TestTakenAlongUnreadable: a task that asynq cannot read, pulled with others, keeps no slot.
func TestTakenAlongUnreadable(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, o *redis.Options) {
		for _, waits := range []bool{false, true} {
			r, slots := newRig(t, o, maxHold, aQueue), NewSlots(1, nil)
			r.client.Within(slots, "default")
			slots.take(t.Context(), "default", aQueue, 0, nil)
			task, ctx := inHand(t, connect(t, o)), r.client.Holding(t.Context())
			task.Message = []byte("\xff\x00garbage")
			var got <-chan string
			if waits {
				got = r.dequeue(t.Context(), aQueue)
			}
			r.waker.Take(ctx, task)
			if !waits {
				got = r.dequeue(t.Context(), aQueue)
			}
			if v := receive(t, "what was taken along", got); v != string(task.Message) {
				t.Errorf("got %q", v)
			}
			slots.Free() // the handler's
			if slot, _ := slots.take(t.Context(), "default", aQueue, 0, nil); !slot {
				t.Errorf("there is no slot any more (a dequeue waits: %v)", waits)
			}
		}
	})
}

// TestTakenAlongWakes: a Server that holds an empty dequeue gets it at once.
func TestTakenAlongWakes(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, o *redis.Options) {
		r := newRig(t, o, maxHold, aQueue)
		task := inHand(t, connect(t, o))
		got := r.dequeue(t.Context(), aQueue)
		receive(t, "sleep", r.sleeps)
		r.waker.Take(r.client.Holding(t.Context()), task)
		if v := receive(t, "what was taken along", got); v != string(task.Message) {
			t.Errorf("got %q", v)
		}
	})
}

// TestTakenAlongGoesBack: what the Server does not get any more is the first in its queue again.
func TestTakenAlongGoesBack(t *testing.T) {
	t.Parallel()
	for name, early := range map[string]bool{"closed afterwards": false, "closed before": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, o *redis.Options) {
				r, c := newRig(t, o, maxHold, aQueue), connect(t, o)
				push(t, c, aQueue, "another")
				task, ctx := inHand(t, c), r.client.Holding(t.Context())
				if early {
					_ = r.client.Close()
				}
				if r.waker.Free(ctx) == early {
					t.Errorf("free after the end is %v", r.waker.Free(ctx))
				}
				r.waker.Take(ctx, task)
				_ = r.client.Close()
				pending, active := c.LRange(t.Context(), task.Pending, 0, -1).Val(), c.LLen(t.Context(), task.Active).Val()
				if len(pending) != 2 || pending[1] != task.ID || active != 0 || c.HGet(t.Context(), task.Key, "state").Val() != "pending" {
					t.Errorf("%q wait, %d are being worked on", pending, active)
				}
			})
		})
	}
}

// TestAcknowledged: what a commit acknowledged asynq does not, and only that.
func TestAcknowledged(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, o *redis.Options) {
		r := newRig(t, o, maxHold, aQueue)
		task := inHand(t, connect(t, o))
		done := func() string {
			today, ever := countersOf(aQueue, time.Now())
			keys := []string{task.Active, task.Lease, task.Key, today, ever}
			return r.client.Eval(t.Context(), `return redis.call("INCR", "sent")`, keys).String()
		}
		r.waker.Acknowledged(task.Key)
		done()
		if n := connect(t, o).Get(t.Context(), "sent").Val(); n != "" {
			t.Errorf("an acknowledgement was sent %s times that was not needed", n)
		}
		done()
		if n := connect(t, o).Get(t.Context(), "sent").Val(); n != "1" {
			t.Errorf("the next one was sent %q times", n)
		}
	})
}

// TestWhatWasAcknowledgedIsCounted: asynq's tools see what commits acknowledged within a moment, and all of it once the process has ended.
func TestWhatWasAcknowledgedIsCounted(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, o *redis.Options) {
		r, look := newRig(t, o, maxHold, aQueue), asynq.NewInspectorFromRedisClient(connect(t, o))
		written := make(chan struct{})
		r.waker.tally.redis = &afterPipelines{connect(t, o), func() { written <- struct{}{} }}
		task := inHand(t, connect(t, o))
		if err := Ensure(t.Context(), connect(t, o), aQueue); err != nil {
			t.Fatal(err)
		}
		want := func(n int) {
			t.Helper()
			info, err := look.GetQueueInfo(aQueue)
			if err != nil || info.Processed != n || info.ProcessedTotal != n {
				t.Errorf("asynq counts %+v, %v; want %d", info, err, n)
			}
		}
		r.waker.Acknowledged(task.Key)
		r.waker.Acknowledged(task.Key)
		receive(t, "counting", written)
		want(2)
		r.waker.Acknowledged(task.Key)
		closed := make(chan error)
		go func() { closed <- r.waker.Close() }()
		receive(t, "counting the rest", written)
		if err := receive(t, "the end", closed); err != nil {
			t.Error(err)
		}
		want(3)
		today, _ := countersOf(aQueue, time.Now())
		if ttl := connect(t, o).TTL(t.Context(), today).Val(); ttl < 89*24*time.Hour || ttl > 90*24*time.Hour {
			t.Errorf("today's counter stays for %s", ttl)
		}
	})
}

// afterPipelines tells of each pipeline that was sent.
type afterPipelines struct {
	redis.UniversalClient
	after func()
}

func (a *afterPipelines) Pipelined(ctx context.Context, f func(redis.Pipeliner) error) ([]redis.Cmder, error) {
	cmds, err := a.UniversalClient.Pipelined(ctx, f)
	a.after()
	return cmds, err
}

// TestForeignWriters: a queue whose writers wake nobody is asked as soon as something is in it, in its order; while nobody may take
// anything, it is looked at now and then.
func TestForeignWriters(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, o *redis.Options) {
		r, c := newRig(t, o, maxHold), connect(t, o)
		r.client = r.waker.Foreign(aQueue)
		for range 3 {
			got := r.dequeue(t.Context(), aQueue)
			held(t, r.client)
			if err := c.LPush(t.Context(), queueKey(aQueue, "pending"), "a", "b").Err(); err != nil {
				t.Fatal(err)
			}
			if v := receive(t, "task", got); v != "a" {
				t.Errorf("woken with %s", v)
			}
			if v := receive(t, "task", r.dequeue(t.Context(), aQueue)); v != "b" {
				t.Errorf("then came %s", v)
			}
		}
	})
}

// held waits until somebody holds.
func held(t *testing.T, c *Client) {
	t.Helper()
	for ctx := patient(t); !c.bells[0].isHeld(); {
		if !wait(ctx, time.Millisecond) {
			t.Fatal("nobody holds")
		}
	}
}

var _ interface {
	Free(ctx context.Context) bool
	Pulls(ctx context.Context) bool
	Take(ctx context.Context, t flow.Task)
	Acknowledged(key string)
} = (*Waker)(nil)
