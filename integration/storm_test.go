package integration

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/integration/proc"
)

// TestStormOfKillsLosesNothing kills a random worker again and again under a
// load of executions in all states, and starts another in its place.
func TestStormOfKillsLosesNothing(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{Partitions: 2})
	d := dice(t)
	s.deploy(t, `
id: slow_chain
nodes:
  - {key: start, type: manual.trigger}
  - {key: a, type: test.block, params: {name: nap}}
  - {key: b, type: test.effect, params: {name: storm_b}}
  - {key: c, type: test.block, params: {name: nap}}
  - {key: d, type: test.effect, params: {name: storm_d}}
  - {key: e, type: test.block, params: {name: nap}}
connections: [start -> a, a -> b, b -> c, c -> d, d -> e]
`)
	ids := append(s.populate(t, 20), s.startMany(t, 250, "slow_chain", gate(""))...)
	s.free(t)
	killed := map[int]bool{}
	for range 5 {
		time.Sleep(200*time.Millisecond + d.upTo(1200*time.Millisecond))
		alive := s.living()
		victim := alive[int(d.upTo(time.Duration(len(alive)-1)))]
		victim.Kill()
		killed[victim.Pid] = true
		if err := s.addWorker(); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	s.awaitAll(t, ids, flow.Completed, time.Minute)
	t.Logf("%d executions completed within %s of the last of %d kills", len(ids), time.Since(began).Round(time.Millisecond), len(killed))
	if s.onlyKillsExplainRepetitions(t, killed) == 0 {
		t.Error("no kill hit a step: this was no storm")
	}
}

// onlyKillsExplainRepetitions checks that whatever was done twice was first done by a worker that was killed.
func (s *system) onlyKillsExplainRepetitions(t *testing.T, killed map[int]bool) (repeated int) {
	t.Helper()
	for _, path := range []string{"/effect/", "/block/"} {
		for key, calls := range byKey(s.world.calls(path)) {
			for _, c := range calls[:len(calls)-1] {
				repeated++
				if !killed[c.Pid] {
					t.Errorf("%s was done again for key %s, though worker %d was not killed", c.Path, key, c.Pid)
				}
			}
		}
	}
	t.Logf("%d steps were done again", repeated)
	return repeated
}

// TestFrozenWorkerCannotOverwriteWhatAnotherDid stops a worker in the middle of a
// step until another has done the step, and then lets it go on.
func TestFrozenWorkerCannotOverwriteWhatAnotherDid(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
	s.deploy(t, blockFlow)
	const n = 6
	ids := s.startMany(t, n, "block_flow", gate("frozen"))
	first := s.world.awaitCalls(t, "/block/frozen", n, 20*time.Second)
	frozen := s.worker(t, first[0].Pid)
	held := 0
	for _, c := range first {
		if c.Pid == frozen.Pid {
			held++
		}
	}
	sendSignal(t, frozen, syscall.SIGSTOP)
	began := time.Now()
	t.Cleanup(func() { _ = frozen.Signal(syscall.SIGCONT) }) // or it could not end
	s.world.awaitCalls(t, "/block/frozen", n+held, 30*time.Second)
	t.Logf("%d steps of the frozen worker ran again after %s", held, time.Since(began).Round(time.Millisecond))
	s.world.open("frozen")
	views := s.awaitAll(t, ids, flow.Completed, 20*time.Second)
	sendSignal(t, frozen, syscall.SIGCONT)
	time.Sleep(time.Second) // the late results arrive and are refused
	for i, v := range s.awaitAll(t, ids, flow.Completed, time.Second) {
		if v.Transitions != views[i].Transitions || len(v.Nodes) != len(views[i].Nodes) {
			t.Errorf("execution %s moved after it had completed", v.ID)
		}
	}
	s.wantOnce(t, "/effect/after", n)
	if !frozen.Alive() {
		t.Error("the frozen worker did not survive")
	}
}

func sendSignal(t *testing.T, p *proc.Process, sig syscall.Signal) {
	t.Helper()
	if err := p.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// TestWhatIsOverdueAtStartUpResumesAtOnce lets delays, timeouts and retries pass while no worker lives.
func TestWhatIsOverdueAtStartUpResumesAtOnce(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
	s.deploy(t, eventOrTimeout, `
id: overdue_delay
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: 1500}}
connections: [start -> nap]
`)
	ids := append(s.startMany(t, 20, "overdue_delay", gate("")),
		s.startMany(t, 20, "race_event_timeout", func(i int) any { return map[string]any{"id": fmt.Sprint("overdue-", i)} })...)
	s.awaitAll(t, ids, flow.Suspended, 10*time.Second)
	for _, p := range s.living() {
		p.Kill()
	}
	time.Sleep(2 * time.Second)
	if err := s.addWorker(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	s.awaitAll(t, ids, flow.Completed, 10*time.Second)
	t.Logf("%d overdue waits ended %s after a worker came", len(ids), time.Since(began).Round(time.Millisecond))
}

// TestCancelReachesAStepThatRuns cancels in the middle of a step: the execution
// ends at once, the step's own context soon after, and a child with its parent.
func TestCancelReachesAStepThatRuns(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
	s.deploy(t, blockFlow, `
id: cancel_parent
nodes:
  - {key: start, type: manual.trigger}
  - {key: child, type: workflow.execute_workflow, params: {workflow_id: block_flow, timeout_ms: 60000}}
connections: [start -> child]
`)
	id := s.start(t, "cancel_parent", map[string]any{"gate": "cancel"})
	s.world.awaitCalls(t, "/block/cancel", 1, 10*time.Second)
	if err := s.engine.Cancel(t.Context(), flow.CancelRequest{Execution: id, Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	v := s.await(t, id, flow.Cancelled, time.Second)
	s.await(t, v.Children[0].ChildID, flow.Cancelled, 10*time.Second)
	t.Logf("the child was cancelled %s after its parent", time.Since(began).Round(time.Millisecond))
	select {
	case <-s.world.left:
		t.Logf("the running step was broken off %s after the cancel", time.Since(began).Round(time.Millisecond))
	case <-time.After(15 * time.Second):
		t.Error("the running step was not broken off within 15 s")
	}
	if calls := s.world.calls("/effect/after"); len(calls) != 0 {
		t.Errorf("a step ran after the cancel: %v", calls)
	}
}
