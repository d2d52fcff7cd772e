package integration

import (
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
)

// blockFlow does something, is caught in the middle of something, and does something more.
const blockFlow = `
id: block_flow
nodes:
  - {key: start, type: manual.trigger}
  - {key: before, type: test.effect, params: {name: before}}
  - {key: block, type: test.block, params: {name: "{{ $nodes.start.output.gate }}"}}
  - {key: after, type: test.effect, params: {name: after}}
connections: [start -> before, before -> block, block -> after]
`

func gate(name string) func(int) any {
	return func(int) any { return map[string]any{"gate": name} }
}

func TestKilledStepRunsAgainWithItsKeyAndNothingCommittedIsRepeated(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
	s.deploy(t, blockFlow)
	const n = 12
	ids := s.startMany(t, n, "block_flow", gate("g"))
	first := s.world.awaitCalls(t, "/block/g", n, 20*time.Second)
	time.Sleep(6 * time.Second) // until the claims of the running steps have been renewed
	victim := s.worker(t, first[0].Pid)
	lost := map[string]bool{}
	for _, c := range first {
		lost[c.Key] = c.Pid == victim.Pid
	}
	victim.Kill()
	killed := time.Now()
	claims := s.claimEnds(t, ids)
	hit := 0
	for _, l := range lost {
		if l {
			hit++
		}
	}
	again := s.world.awaitCalls(t, "/block/g", n+hit, 30*time.Second)[n:]
	s.world.open("g")
	s.awaitAll(t, ids, flow.Completed, 30*time.Second)
	soonest, latest := s.checkAgain(t, again, lost, claims, killed)
	t.Logf("%d of %d running steps were killed; they ran again %s to %s later", hit, n, soonest, latest)
	s.wantOnce(t, "/effect/before", n)
	s.wantOnce(t, "/effect/after", n)
	if calls := s.world.calls("/block/g"); len(calls) != n+hit || len(byKey(calls)) != n {
		t.Errorf("%d calls with %d keys of the blocked step; want %d with %d", len(calls), len(byKey(calls)), n+hit, n)
	}
}

// claimEnds reads when the claims of the running steps end, by execution.
func (s *system) claimEnds(t *testing.T, ids []string) map[string]time.Time {
	t.Helper()
	ends := map[string]time.Time{}
	lines, err := s.raw.ZRangeWithScores(t.Context(), "{prana-0}:due", 0, -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		id, _, _ := strings.Cut(l.Member.(string), ":")
		ends[id] = time.UnixMilli(int64(l.Score))
	}
	for _, id := range ids {
		if ends[id].IsZero() {
			t.Fatalf("execution %s runs, but does not stand in the due index", id)
		}
	}
	return ends
}

// checkAgain checks the second calls: of killed steps only, and not before the claim ended.
func (s *system) checkAgain(t *testing.T, again []call, lost map[string]bool, claims map[string]time.Time, killed time.Time) (soonest, latest time.Duration) {
	t.Helper()
	soonest = time.Hour
	for _, c := range again {
		if !lost[c.Key] {
			t.Errorf("the step of key %s ran again, though its worker lives", c.Key)
		}
		if end := claims[c.Body]; c.At.Before(end) {
			t.Errorf("the step of %s ran again %s before its claim ended", c.Body, end.Sub(c.At))
		}
		soonest, latest = min(soonest, c.At.Sub(killed)), max(latest, c.At.Sub(killed))
	}
	return soonest.Round(time.Millisecond), latest.Round(time.Millisecond)
}

// wantOnce checks that an effect happened n times, once for each key.
func (s *system) wantOnce(t *testing.T, path string, n int) {
	t.Helper()
	calls := byKey(s.world.calls(path))
	if len(calls) != n {
		t.Errorf("%s has %d keys; want %d", path, len(calls), n)
	}
	for key, c := range calls {
		if len(c) != 1 {
			t.Errorf("%s was done %d times for key %s", path, len(c), key)
		}
	}
}

// everyState is a workflow for each state that an execution can be in.
var everyState = []string{blockFlow, `
id: state_delay
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: 4000}}
  - {key: after, type: test.effect, params: {name: delayed}}
connections: [start -> nap, nap -> after]
`, `
id: state_event
nodes:
  - {key: start, type: manual.trigger}
  - {key: wait, type: wait.wait_for_event, params: {event_type: state_go, timeout_ms: 120000, on_timeout: fail}}
connections: [start -> wait]
`, `
id: state_poll
nodes:
  - {key: start, type: manual.trigger}
  - {key: poll, type: poll.poll_until, params: {endpoint: "WORLD/job/state{{ $input.i }}?after=4", condition: "$response.status == 'completed'", interval_ms: 1000}}
connections: [start -> poll]
`, `
id: state_retry
nodes:
  - {key: start, type: manual.trigger}
  - {key: pay, type: http.request, params: {url: "WORLD/flaky/state?fail=3", method: POST}, settings: {retry_on_failed: true, max_retries: 5, retry_delay_ms: 1500}}
connections: [start -> pay]
`, `
id: state_parent
nodes:
  - {key: start, type: manual.trigger}
  - {key: child, type: workflow.execute_workflow, params: {workflow_id: state_delay, execution_mode: "{{ $input.mode }}", timeout_ms: 120000}}
connections: [start -> child]
`}

// populate starts executions in all states.
func (s *system) populate(t *testing.T, each int) []string {
	t.Helper()
	s.deploy(t, everyState...)
	var ids []string
	for _, workflow := range []string{"block_flow", "state_delay", "state_event", "state_poll", "state_retry", "state_parent"} {
		ids = append(ids, s.startMany(t, each, workflow, func(i int) any {
			return map[string]any{"gate": "states", "i": i, "mode": []string{"sync", "async"}[i%2]}
		})...)
	}
	return ids
}

// free lets those go who wait for something from outside.
func (s *system) free(t *testing.T) {
	t.Helper()
	s.world.open("states")
	if _, err := s.engine.Publish(t.Context(), flow.Event{Type: "state_go", Keep: true}); err != nil {
		t.Fatal(err)
	}
}

func TestDeletingEveryTaskOfThePartitionsCostsAtMostAMinute(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{Partitions: 2})
	ids := s.populate(t, 40) // sixteen slots a worker: a part of the blocking steps is running, the rest is backlog
	time.Sleep(1200 * time.Millisecond)
	gone := s.deleteTasks(t)
	began := time.Now()
	s.free(t)
	s.awaitAll(t, ids, flow.Completed, time.Minute)
	t.Logf("%d asynq keys were deleted under %d executions; all completed within %s", gone, len(ids), time.Since(began).Round(time.Millisecond))
	if gone < 20 {
		t.Errorf("only %d keys were deleted: nothing was under way", gone)
	}
	s.wantOnce(t, "/effect/before", 40)
	s.wantOnce(t, "/effect/delayed", 80) // the children are of that workflow too
}

// deleteTasks deletes all that asynq knows of the partitions.
func (s *system) deleteTasks(t *testing.T) int {
	t.Helper()
	var keys []string
	for _, pattern := range []string{"asynq:{prana-0}*", "asynq:{prana-1}*"} {
		it := s.raw.Scan(t.Context(), 0, pattern, 1000).Iterator()
		for it.Next(t.Context()) {
			keys = append(keys, it.Val())
		}
		if err := it.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if len(keys) == 0 {
		t.Fatal("asynq has no keys: nothing was under way")
	}
	if err := s.raw.Del(t.Context(), append(keys, "asynq:queues")...).Err(); err != nil {
		t.Fatal(err)
	}
	return len(keys)
}
