package suspend_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/suspend"
)

// onBoth runs a test on the real server and on the one in memory.
func onBoth(t *testing.T, test func(t *testing.T, c *redis.Client)) {
	t.Helper()
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, real(t))
	})
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		test(t, inMemory(t, miniredis.RunT(t)))
	})
}

func inMemory(t *testing.T, m *miniredis.Miniredis) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: m.Addr()})
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// zoo is a store with executions in many states, whose ids and tokens are always the same.
type zoo struct {
	*testing.T
	redis *redis.Client
	store *suspend.Store
	ops   int
}

// definition is what the executions of the zoo run.
var definition = &flow.Workflow{ID: "order", Nodes: []flow.Node{
	{Key: "start", Type: "manual.trigger"}, {Key: "a", Type: "t.t"}, {Key: "b", Type: "t.t"}, {Key: "c", Type: "t.t"}, {Key: "d", Type: "t.t"},
}}

func newZoo(t *testing.T, c *redis.Client) *zoo {
	t.Helper()
	z := &zoo{T: t, redis: c, store: storeOn(c)}
	if _, err := z.store.PutWorkflow(t.Context(), definition, "v1"); err != nil {
		t.Fatal(err)
	}
	return z
}

// animal names an execution of partition 0.
func animal(name string) string { return "0" + name + "AAAAAAAAAAAAAAAAAAAAAA"[len(name):] }

func (z *zoo) op() string {
	z.ops++
	return fmt.Sprintf("op%09d", z.ops)
}

// birth begins the change that creates an execution. Steps count as live, and are dispatched, as they say.
func (z *zoo) birth(name string, steps ...*flow.Step) *flow.Change {
	ch := &flow.Change{
		Execution: animal(name), Op: z.op(),
		Head:  &flow.Head{Workflow: "order", Version: "v1"},
		Input: json.RawMessage(`{"n":1}`),
		Front: flow.Front{Status: flow.Running, Seq: 1},
	}
	return settle(ch, steps...)
}

// next begins the next change of an execution.
func (z *zoo) next(name string, steps ...*flow.Step) *flow.Change {
	z.Helper()
	x := z.load(name)
	ch := &flow.Change{Execution: x.ID, Op: z.op(), Prev: x.Rev, Was: x.Status, Workflow: x.Workflow, Front: x.Front}
	for id, old := range x.Steps {
		for _, s := range steps {
			if s.ID == id && old.Status.Live() {
				count(&ch.Front, old, -1)
			}
		}
	}
	for n, st := range x.Nodes {
		ch.Nodes = set(ch.Nodes, n, st)
	}
	return settle(ch, steps...)
}

// settle notes what the steps mean for the rest of a change.
func settle(ch *flow.Change, steps ...*flow.Step) *flow.Change {
	ch.Steps = steps
	for _, s := range steps {
		st, known := ch.Nodes[s.ID.Node]
		if !known {
			st.Last = -1
		}
		st.Runs = max(st.Runs, s.ID.Run+1)
		if s.Status == flow.StepCompleted {
			st.Last = s.ID.Run
		}
		ch.Nodes = set(ch.Nodes, s.ID.Node, st)
		if s.Status.Live() {
			count(&ch.Front, s, 1)
		}
		switch {
		case s.Status == flow.StepPending:
			ch.Dispatch = append(ch.Dispatch, dispatchOf(ch.Execution, s))
		case s.Wait != nil:
			ch.Opened = append(ch.Opened, flow.SuspensionID{Execution: ch.Execution, Step: s.ID, Turn: s.Turn})
		}
	}
	return ch
}

func count(f *flow.Front, s *flow.Step, n int) {
	l := f.Live[s.ID.Node]
	if s.Wait != nil && !s.Wait.Held {
		l.Suspended += n
	} else {
		l.Pending += n
	}
	f.Live = set(f.Live, s.ID.Node, l)
	if l == (flow.Live{}) {
		delete(f.Live, s.ID.Node)
	}
}

func set[K comparable, V any](m map[K]V, k K, v V) map[K]V {
	if m == nil {
		m = map[K]V{}
	}
	m[k] = v
	return m
}

func dispatchOf(execution string, s *flow.Step) flow.Dispatch {
	return flow.Dispatch{Kind: flow.KindStep, Execution: execution, Step: s.ID, Token: s.Token, Workflow: "order@v1", First: true}
}

func (z *zoo) commit(changes ...*flow.Change) {
	z.Helper()
	if err := z.store.Commit(z.Context(), changes...); err != nil {
		z.Fatal(err)
	}
}

func (z *zoo) load(name string) *flow.Execution {
	z.Helper()
	x, err := z.store.Load(z.Context(), animal(name), flow.Want{All: true})
	if err != nil {
		z.Fatal(err)
	}
	return x
}

// stepOf makes a step of the first run of a node.
func stepOf(node int, status flow.StepStatus) *flow.Step {
	s := &flow.Step{ID: flow.StepID{Node: node}, Status: status, Token: fmt.Sprintf("token%06d", node)}
	if status == flow.StepCompleted {
		s.Port, s.Ran = flow.PortMain, 5*time.Millisecond
	}
	return s
}

func waits(node int, w flow.Wait) *flow.Step {
	s := stepOf(node, flow.StepSuspended)
	s.Turn, s.Wait = 1, &w
	return s
}
