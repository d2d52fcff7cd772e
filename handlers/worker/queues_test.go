package worker_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/handlers/worker"
	"prana/tasks"
)

// inQueue is a dispatch for a named queue.
func inQueue(name string) flow.Dispatch {
	d := dispatch()
	d.Queue = name
	return d
}

// TestQueuesServed: a worker runs the steps of the queues that it is given, and leaves all others alone.
func TestQueuesServed(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client *redis.Client) {
		theirs := map[string]chan string{"slow": make(chan string, 10), flow.DefaultQueue: make(chan string, 10)}
		for name, ran := range theirs {
			start(t, worker.Config{
				Redis: client, Partitions: []int{0, 1}, Queues: []string{name}, Waker: newWaker(t, client),
				Known: func(context.Context) ([]string, error) { return []string{"slow", "other"}, nil },
				Runner: runner(func(_ context.Context, d flow.Dispatch) error {
					ran <- d.Execution
					return nil
				}),
			})
		}
		waker := newWaker(t, connect(t, client.Options()))
		nobodys := commit(t, client, inQueue("other"))
		for range 3 {
			for name, ran := range theirs {
				for p := range 2 {
					d := inQueue(name)
					if name == flow.DefaultQueue {
						d.Queue = ""
					}
					d.Execution = flow.NewExecutionID(p)
					task := commit(t, client, d)
					if err := waker.Nudge(t.Context(), task.Queue, 1); err != nil {
						t.Fatal(err)
					}
					if got := receive(t, "the step of queue "+name, ran); got != d.Execution {
						t.Errorf("queue %s ran %s, want %s", name, got, d.Execution)
					}
				}
			}
		}
		if s := state(t, client, nobodys); s != "pending" {
			t.Errorf("the task of a queue that nobody serves is %q", s)
		}
	})
}

// TestQueueLearned: a worker of all queues serves one that comes to be while it runs; what cannot be listed now is
// listed later.
func TestQueueLearned(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client *redis.Client) {
		var mu sync.Mutex
		asked, known := 0, []string{"first"}
		ran := make(chan string, 10)
		start(t, worker.Config{
			Redis: client, Partitions: []int{0}, Waker: newWaker(t, client),
			Known: func(context.Context) ([]string, error) {
				mu.Lock()
				defer mu.Unlock()
				if asked++; asked == 1 {
					return nil, errors.New("as wanted")
				}
				return known, nil
			},
			Runner: runner(func(_ context.Context, d flow.Dispatch) error {
				ran <- d.Execution
				return nil
			}),
		})
		for _, name := range []string{"first", "second"} {
			d := inQueue(name)
			task := commit(t, client, d)
			mu.Lock()
			known = []string{"first", name}
			mu.Unlock()
			if got := receive(t, "the step of queue "+name, ran); got != d.Execution {
				t.Errorf("queue %s ran %s, want %s", name, got, d.Execution)
			}
			if !client.SIsMember(patient(t), "asynq:queues", task.Queue).Val() {
				t.Errorf("asynq's tools do not know %s", task.Queue)
			}
		}
	})
}

// TestQueuesShareConcurrency: however many queues there are, no more steps run at once than the process may; and a slot
// that becomes free goes to whatever waits, at once and not after a hold.
func TestQueuesShareConcurrency(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client *redis.Client) {
		const atOnce, each = 2, 4
		names := []string{"", "slow", "fast"}
		var mu sync.Mutex
		inside, most := 0, 0
		began, finish, done := make(chan struct{}, 100), make(chan struct{}), make(chan struct{}, 100)
		waker := newWaker(t, client)
		start(t, worker.Config{
			Redis: client, Partitions: []int{0}, Concurrency: atOnce, Queues: []string{flow.DefaultQueue, "slow", "fast"}, Waker: waker,
			Runner: runner(func(context.Context, flow.Dispatch) error {
				mu.Lock()
				inside++
				most = max(most, inside)
				mu.Unlock()
				began <- struct{}{}
				<-finish
				mu.Lock()
				inside--
				mu.Unlock()
				done <- struct{}{}
				return nil
			}),
		})
		var all []flow.Task
		for i := range each * len(names) {
			task := commit(t, client, inQueue(names[i%len(names)]))
			all = append(all, task)
			waker.Wake(task.Queue)
		}
		for range atOnce {
			receive(t, "a step", began)
		}
		active := 0
		for _, task := range all {
			if state(t, client, task) == "active" {
				active++
			}
		}
		if active != atOnce {
			t.Errorf("%d tasks have left their queues while %d may run", active, atOnce)
		}
		close(finish)
		for i := range all {
			receive(t, fmt.Sprintf("the end of step %d", i), done)
		}
		if most != atOnce {
			t.Errorf("%d steps ran at once, want %d", most, atOnce)
		}
	})
}

// TestSlotsSurviveErrors: a handler that fails or panics gives its slot back.
func TestSlotsSurviveErrors(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client *redis.Client) {
		calls := make(chan struct{}, 100)
		waker := newWaker(t, client)
		start(t, worker.Config{
			Redis: client, Partitions: []int{0}, Concurrency: 1, Queues: []string{"slow"}, Waker: waker,
			Runner: runner(func(context.Context, flow.Dispatch) error {
				calls <- struct{}{}
				if len(calls)%2 == 0 {
					panic("as wanted")
				}
				return flow.ErrUnavailable
			}),
		})
		enqueue(t, client, tasks.TypeStep, `{"x":1}`, tasks.NamedQueue(0, "slow")) // not even readable
		for range 4 {
			waker.Wake(commit(t, client, inQueue("slow")).Queue)
			receive(t, "a step", calls)
		}
	})
}

// TestSlotsSurviveGarbage: a task that asynq itself cannot read has no handler, and keeps no slot all the same.
func TestSlotsSurviveGarbage(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client *redis.Client) {
		calls := make(chan struct{}, 1)
		for range 3 {
			garbage := commit(t, client, dispatch())
			if err := client.HSet(patient(t), garbage.Key, "msg", "\xff\x00garbage").Err(); err != nil {
				t.Fatal(err)
			}
		}
		waker := newWaker(t, client)
		start(t, worker.Config{
			Redis: client, Partitions: []int{0}, Concurrency: 2, Waker: waker,
			Runner: runner(func(context.Context, flow.Dispatch) error {
				calls <- struct{}{}
				return nil
			}),
		})
		eventually(t, "taking what cannot be read", func() bool { return client.LLen(patient(t), "asynq:{prana-0}:pending").Val() == 0 })
		waker.Wake(commit(t, client, dispatch()).Queue)
		receive(t, "a step", calls)
	})
}
