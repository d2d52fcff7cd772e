package inmem_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"prana/engine/flow"
	"prana/engine/inmem"
	"prana/engine/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock stands still unless a test moves it.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func open(*testing.T) (*inmem.Store, *clock) {
	c := &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	return inmem.New(inmem.Options{Partitions: 2, KeptEvents: 300, Now: c.now}), c
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		s, c := open(t)
		return storetest.Subject{Store: s, KeptEvents: 300, Now: c.now, Advance: c.advance, Tasks: func(p int) []storetest.TaskSeen {
			return seen(s, p)
		}}
	})
}

func seen(s *inmem.Store, partition int) []storetest.TaskSeen {
	var out []storetest.TaskSeen
	for _, d := range s.Tasks(partition) {
		if d.Queue != "" {
			continue
		}
		out = append(out, storetest.TaskSeen{ID: name(d), State: flow.TaskPending})
	}
	for _, a := range s.Alarms(partition) {
		out = append(out, storetest.TaskSeen{ID: name(a.Dispatch), State: flow.TaskScheduled})
	}
	return out
}

func name(d flow.Dispatch) string { return d.Execution + ":" + d.Step.String() + ":" + d.Token }

func task(node int, in time.Duration) flow.Dispatch {
	return flow.Dispatch{Kind: flow.KindStep, Execution: "0" + "0000000000000000000001", Step: flow.StepID{Node: node}, Token: "t", In: in}
}

func state(t *testing.T, s *inmem.Store, d flow.Dispatch) flow.TaskState {
	t.Helper()
	got, err := s.Task(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func enqueue(t *testing.T, s *inmem.Store, ds ...flow.Dispatch) {
	t.Helper()
	if err := s.Enqueue(t.Context(), ds...); err != nil {
		t.Fatal(err)
	}
}

// create commits an execution with these tasks and alarms.
func create(t *testing.T, s *inmem.Store, ds ...flow.Dispatch) {
	t.Helper()
	c := &flow.Change{Execution: ds[0].Execution, Op: "op", Head: &flow.Head{Workflow: "order"}, Dispatch: ds}
	if err := s.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func TestTaskIsActiveBetweenPopAndDone(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	enqueue(t, s, task(1, 0), task(2, 0))
	d, ok := s.Pop(0)
	if !ok || d.Step.Node != 1 || state(t, s, d) != flow.TaskActive {
		t.Fatalf("popped %v, %v", d, ok)
	}
	enqueue(t, s, d) // it exists
	if n := len(s.Tasks(0)); n != 1 {
		t.Fatalf("%d tasks are pending, want 1", n)
	}
	s.Done(d)
	if got := state(t, s, d); got != flow.TaskMissing {
		t.Fatalf("a task that is done is %s", got)
	}
	if _, ok := s.Pop(1); ok {
		t.Fatal("the other partition has a task")
	}
}

func TestAlarmBecomesPendingInItsTime(t *testing.T) {
	t.Parallel()
	s, c := open(t)
	create(t, s, task(1, time.Minute), task(2, time.Second))
	alarms := s.Alarms(0)
	if len(alarms) != 2 || alarms[0].Dispatch.Step.Node != 2 || !alarms[0].Due.Equal(c.now().Add(time.Second)) {
		t.Fatalf("alarms are %v", alarms)
	}
	if _, ok := s.Pop(0); ok {
		t.Fatal("an alarm is early")
	}
	c.advance(time.Second)
	if d, ok := s.Pop(0); !ok || d.Step.Node != 2 {
		t.Fatalf("popped %v, %v", d, ok)
	}
}

func TestLosingTheQueueForgetsEveryTask(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	create(t, s, task(1, 0), task(2, 0), task(3, time.Hour))
	s.Pop(0)
	s.Lose(0)
	if len(s.Tasks(0))+len(s.Alarms(0)) != 0 {
		t.Fatal("something is left")
	}
	for node := range 4 {
		if got := state(t, s, task(node, 0)); got != flow.TaskMissing {
			t.Fatalf("task %d is %s", node, got)
		}
	}
}

func TestCancelledContextReachesNothing(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Ping(ctx); err == nil {
		t.Fatal("it answers")
	}
	if err := s.Enqueue(ctx, task(1, 0)); err == nil || len(s.Tasks(0)) != 0 {
		t.Fatalf("it writes: %v", err)
	}
}

func TestClockOfTheBubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := inmem.New(inmem.Options{})
		create(t, s, task(1, time.Hour))
		time.Sleep(time.Hour)
		if _, ok := s.Pop(0); !ok {
			t.Fatal("the alarm did not come")
		}
	})
}
