package integration

import (
	"slices"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/integration/proc"
)

// queuesFlow goes through a named queue with a step, a delay, a retry, an event and a child.
const queuesFlow = `
id: queues_flow
nodes:
  - {key: start, type: manual.trigger}
  - {key: here, type: test.effect, params: {name: here}}
  - {key: slow, type: test.effect, params: {name: slow}, settings: {queue: slow}}
  - {key: nap, type: time.delay, params: {duration_ms: 200}, settings: {queue: slow}}
  - {key: retried, type: http.request, settings: {queue: slow, retry_on_failed: true, retry_delay_ms: 100},
     params: {url: "WORLD/flaky/slow?fail=1", method: PUT}}
  - {key: hear, type: wait.wait_for_event, params: {event_type: go, event_filter: {n: $nodes.start.output.n}, timeout_ms: 60000}, settings: {queue: slow}}
  - {key: after, type: test.effect, params: {name: slow_after}, settings: {queue: slow}}
  - {key: child, type: workflow.execute_workflow, params: {workflow_id: queues_child, execution_mode: async, queue: slow, input_data: {n: $nodes.start.output.n}}}
  - {key: back, type: test.effect, params: {name: here_again}}
connections: [start -> here, here -> slow, slow -> nap, nap -> retried, retried -> hear, hear -> after, after -> child, child -> back]
`

const queuesChild = `
id: queues_child
nodes:
  - {key: start, type: manual.trigger}
  - {key: slow, type: test.effect, params: {name: slow_child}}
  - {key: here, type: test.effect, params: {name: here_child}, settings: {queue: default}}
connections: [start -> slow, slow -> here]
`

// blockedFlow is caught in the queue slow.
const blockedFlow = `
id: blocked_flow
nodes:
  - {key: start, type: manual.trigger}
  - {key: block, type: test.block, params: {name: slow}, settings: {queue: slow}}
connections: [start -> block]
`

// beginQueues makes a system of one worker that serves only "slow", and one of the steps that name no queue.
func beginQueues(t *testing.T) (s *system, slow, here *proc.Process) {
	t.Helper()
	s = begin(t, setup{Partitions: 2, Queues: []string{"default"}})
	workers := s.living()
	workers[1].Stop()
	slow, err := s.addWorkerOf("slow")
	if err != nil {
		t.Fatal(err)
	}
	return s, slow, workers[0]
}

// wantPid checks which process made all n calls of a path.
func (s *system) wantPid(t *testing.T, path string, n int, by *proc.Process) {
	t.Helper()
	calls := slices.DeleteFunc(s.world.calls(path), func(c call) bool { return c.Path != path })
	if len(calls) != n {
		t.Errorf("%d calls of %s, want %d", len(calls), path, n)
	}
	for _, c := range calls {
		if c.Pid != by.Pid {
			t.Errorf("%s was called by process %d, want %d", path, c.Pid, by.Pid)
		}
	}
}

func TestStepsRunWhereTheirQueueIsServed(t *testing.T) {
	t.Parallel()
	s, slow, here := beginQueues(t)
	s.deploy(t, queuesChild, queuesFlow)
	const n = 20
	ids := s.startMany(t, n, "queues_flow", func(i int) any { return map[string]any{"n": i} })
	for i := range ids { // kept until its wait stands
		if _, err := s.engine.Publish(t.Context(), flow.Event{Type: "go", Data: raw(map[string]any{"n": i})}); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range s.awaitAll(t, ids, flow.Completed, 60*time.Second) {
		if r := run(t, v, "retried"); r.Attempt != 1 {
			t.Errorf("%s: the flaky call was made in attempt %d, want 1", v.ID, r.Attempt)
		}
	}
	for path, by := range map[string]*proc.Process{
		"/effect/here": here, "/effect/here_again": here, "/effect/here_child": here,
		"/effect/slow": slow, "/effect/slow_after": slow, "/effect/slow_child": slow,
	} {
		s.wantPid(t, path, n, by)
	}
}

func TestKilledWorkerOfAQueueIsReplacedByAnotherOfThatQueueOnly(t *testing.T) {
	t.Parallel()
	s, slow, _ := beginQueues(t)
	s.deploy(t, blockedFlow)
	const n = 6
	ids := s.startMany(t, n, "blocked_flow", gate("slow"))
	s.world.awaitCalls(t, "/block/slow", n, 20*time.Second)
	s.wantPid(t, "/block/slow", n, slow)
	slow.Kill()
	waiting := s.startMany(t, n, "blocked_flow", gate("slow")) // into a queue that nobody serves now
	time.Sleep(15 * time.Second)                               // more than a claim lives: whoever is left could have taken them
	s.wantPid(t, "/block/slow", n, slow)
	if _, says, _ := s.prana(t.Context(), "explain", waiting[0]); !strings.Contains(says, "no worker serves queue slow") {
		t.Errorf("what keeps a step of the queue is not told: %s", says)
	}
	next, err := s.addWorkerOf("slow")
	if err != nil {
		t.Fatal(err)
	}
	again := s.world.awaitCalls(t, "/block/slow", 3*n, 40*time.Second)[n:]
	for _, c := range again {
		if c.Pid != next.Pid {
			t.Errorf("a step of the queue ran in process %d, want %d", c.Pid, next.Pid)
		}
	}
	s.world.open("slow")
	s.awaitAll(t, append(ids, waiting...), flow.Completed, 30*time.Second)
	if calls := byKey(s.world.calls("/block/slow")); len(calls) != 2*n {
		t.Errorf("the steps ran under %d keys, want %d", len(calls), 2*n)
	}
}

func TestQueueThatAppearsIsServedByWorkersThatServeEverything(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
	for _, name := range []string{"appeared", "and-another"} {
		s.deploy(t, `
id: `+name+`
nodes:
  - {key: start, type: manual.trigger}
  - {key: work, type: test.effect, params: {name: `+name+`}, settings: {queue: `+name+`}}
connections: [start -> work]
`)
		began := time.Now()
		ids := s.startMany(t, 10, name, func(int) any { return nil })
		s.awaitAll(t, ids, flow.Completed, 15*time.Second)
		t.Logf("ten steps of the new queue %s were done after %s", name, time.Since(began))
		s.wantOnce(t, "/effect/"+name, 10)
		began = time.Now()
		for range 10 {
			s.await(t, s.start(t, name, nil), flow.Completed, 15*time.Second)
		}
		t.Logf("ten more, one after the other, took %s", time.Since(began))
	}
}
