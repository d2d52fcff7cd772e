package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"prana/engine"
	"prana/engine/enginetest"
	"prana/engine/flow"
)

// queuesOf works off everything there is to do now, and tells from which queue each step came, as "node=queue".
func queuesOf(t *testing.T, env *enginetest.Env, nodes ...string) string {
	t.Helper()
	var seen []string
	for {
		env.Engine().Wait()
		d, ok := env.Store().Pop(0)
		if !ok {
			return strings.Join(seen, " ")
		}
		seen = append(seen, nodes[d.Step.Node]+"="+d.Queue)
		if err := env.Engine().RunStep(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		env.Store().Done(d)
	}
}

// sweepIn passes time and lets the sweeper look.
func sweepIn(env *enginetest.Env, d time.Duration) {
	env.Pass(d)
	env.Sweep()
}

func wantQueues(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("the steps came as\n  %s, want\n  %s", got, want)
	}
}

// TestQueueOfNode: every task of a node's steps comes from its queue, whatever brings it.
func TestQueueOfNode(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy(`
id: queued
nodes:
  - {key: start, type: test.start}
  - {key: a, type: test.echo, settings: {queue: slow}}
  - {key: s, type: test.sleep, params: {ms: 60000}, settings: {queue: slow}}
  - {key: f, type: test.fail, params: {times: 1}, settings: {queue: slow, retry_on_failed: true, retry_delay_ms: 1000}}
  - {key: w, type: test.wait, settings: {queue: other}}
  - {key: own, type: test.echo, settings: {queue: default}}
connections: [start -> a, a -> s, s -> f, f -> w, w -> own]
`)
	nodes := []string{"start", "a", "s", "f", "w", "own"}
	id := env.Start("queued", 1)
	wantQueues(t, queuesOf(t, env, nodes...), "start= a=slow s=slow")
	if n := len(env.Store().Alarms(0)); n != 0 {
		t.Errorf("%d alarms, want none: a commit could not withdraw them", n)
	}
	sweepIn(env, time.Minute)
	wantQueues(t, queuesOf(t, env, nodes...), "s=slow f=slow")
	sweepIn(env, time.Second)
	wantQueues(t, queuesOf(t, env, nodes...), "f=slow w=other")
	env.Publish("go", 1)
	wantQueues(t, queuesOf(t, env, nodes...), "w=other own=")
	env.WantStatus(id, flow.Completed)
	names, err := env.Store().Queues(t.Context())
	if err != nil || fmt.Sprint(names) != "[other slow]" {
		t.Errorf("the queues are %v, %v", names, err)
	}
}

// TestQueueOfChild: a child's steps come from the queue that it was started with; the setting of a node wins, and what
// the child starts itself does not inherit it.
func TestQueueOfChild(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"async", "sync", "fire_and_forget"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			env := enginetest.New(t, types()...)
			env.Deploy("id: leaf\nnodes: [{key: n0, type: test.start}]")
			env.Deploy(`
id: kid
nodes:
  - {key: n0, type: test.start}
  - {key: n1, type: test.sleep, params: {ms: 5000}}
  - {key: n2, type: test.echo, settings: {queue: fast}}
  - {key: n3, type: test.child, params: {workflow: leaf, mode: fire_and_forget}, settings: {queue: default}}
connections: [n0 -> n1, n1 -> n2, n2 -> n3]
`)
			env.Deploy(`
id: parent
nodes:
  - {key: n0, type: test.start}
  - {key: n1, type: test.child, params: {workflow: kid, queue: slow, mode: ` + mode + `}}
connections: [n0 -> n1]
`)
			nodes := []string{"n0", "n1", "n2", "n3"}
			id := env.Start("parent", 1)
			wantQueues(t, queuesOf(t, env, nodes...), "n0= n1= n0=slow n1=slow")
			sweepIn(env, 5*time.Second)
			want := "n1=slow n2=fast n3= n1= n0="
			if mode == "fire_and_forget" {
				want = "n1=slow n2=fast n3= n0="
			}
			wantQueues(t, queuesOf(t, env, nodes...), want)
			env.WantStatus(id, flow.Completed)
		})
	}
}

// TestPlannedStartInQueue: a trigger in a named queue comes up by the due index alone.
func TestPlannedStartInQueue(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy("id: later\nnodes: [{key: start, type: test.start, settings: {queue: slow}}]")
	_, err := env.Engine().Start(t.Context(), flow.StartRequest{Workflow: "later", StartAt: env.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	wantQueues(t, queuesOf(t, env, "start"), "")
	sweepIn(env, time.Hour)
	wantQueues(t, queuesOf(t, env, "start"), "start=slow")
}

// nameless is a store that lost the names of its queues once.
type nameless struct {
	engine.Store
	added []string
}

func (n *nameless) AddQueue(_ context.Context, name string) error {
	if !slices.Contains(n.added, name) {
		n.added = append(n.added, name)
	}
	return nil
}

func (n *nameless) Queues(context.Context) ([]string, error) { return n.added, nil }

// TestQueueUnserved: a task that nobody takes from its queue is looked at ever more rarely, and keeps its token; its
// queue is made known again.
func TestQueueUnserved(t *testing.T) {
	t.Parallel()
	forgetting := &nameless{}
	env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(real engine.Store) engine.Store { forgetting.Store = real; return forgetting }})
	env.Deploy("id: one\nnodes: [{key: start, type: test.start, settings: {queue: slow}}]")
	forgetting.added = nil
	id := env.Start("one", 1)
	env.Engine().Wait()
	first := env.Store().Tasks(0)
	looks := 0
	for end := env.Now().Add(time.Hour); env.Now().Before(end); {
		found, next := env.Sweep()
		if found {
			looks++
		}
		env.Pass(max(next, time.Millisecond))
	}
	if looks < 14 || looks > 18 { // after 10 s, 20 s … 160 s, and then every 5 minutes
		t.Errorf("it was looked at %d times in an hour", looks)
	}
	if names, err := forgetting.Queues(t.Context()); err != nil || fmt.Sprint(names) != "[slow]" {
		t.Errorf("the sweeper made known %v, %v", names, err)
	}
	if now := env.Store().Tasks(0); len(now) != 1 || now[0].Token != first[0].Token {
		t.Errorf("the tasks are %v, want %v", now, first)
	}
	wantQueues(t, queuesOf(t, env, "start"), "start=slow")
	env.WantStatus(id, flow.Completed)
}

// deaf is a store whose Enqueue fails as often as it is told.
type deaf struct {
	engine.Store
	fails atomic.Int64
}

func (d *deaf) Enqueue(ctx context.Context, ds ...flow.Dispatch) error {
	if d.fails.Add(-1) >= 0 {
		return flow.ErrUnavailable
	}
	return d.Store.Enqueue(ctx, ds...)
}

// TestQueueCrash: who dies between its commit and the task of a named queue delays the step by 10 s.
func TestQueueCrash(t *testing.T) {
	t.Parallel()
	store := &deaf{}
	env := enginetest.Open(t, enginetest.Options{Types: types(), Store: func(real engine.Store) engine.Store { store.Store = real; return store }})
	env.Deploy("id: one\nnodes: [{key: start, type: test.start, settings: {queue: slow}}]")
	store.fails.Store(1)
	id := env.Start("one", 1)
	wantQueues(t, queuesOf(t, env, "start"), "")
	sweepIn(env, flow.FreshDue-time.Millisecond)
	wantQueues(t, queuesOf(t, env, "start"), "")
	sweepIn(env, time.Millisecond)
	wantQueues(t, queuesOf(t, env, "start"), "start=slow")
	env.WantStatus(id, flow.Completed)
}

// TestQueueNames: what cannot be a queue is refused before anything is stored.
func TestQueueNames(t *testing.T) {
	t.Parallel()
	env := enginetest.New(t, types()...)
	env.Deploy("id: kid\nnodes: [{key: start, type: test.start}]")
	env.Deploy(`
id: parent
nodes:
  - {key: start, type: test.start}
  - {key: c, type: test.child, params: {workflow: kid, mode: fire_and_forget, queue: "{{ $input }}"}}
connections: [start -> c]
`)
	bad := env.Start("parent", "No {such} queue")
	env.Run()
	env.WantError(bad, "invalid_queue")
	for i := range flow.MaxQueues {
		if err := env.Store().AddQueue(t.Context(), fmt.Sprintf("q%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	more := env.Start("parent", "one-more")
	env.Run()
	env.WantError(more, "too_many_queues")
	if n := len(env.Children(more)); n != 0 {
		t.Errorf("%d children were started", n)
	}
	_, _, err := env.Engine().Deploy(t.Context(), &flow.Workflow{ID: "w", Nodes: []flow.Node{{Key: "start", Type: "test.start", Settings: flow.Settings{Queue: "one-more"}}}})
	if p, ok := errors.AsType[*flow.Problem](err); !ok || p.Code != "too_many_queues" {
		t.Errorf("deploying gave %v", err)
	}
}
