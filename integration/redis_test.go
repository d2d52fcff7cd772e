package integration

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
)

// writeThrough has Redis write before it answers, until it is started again: with
// the default it may lose its last second, which is not what is looked at here.
func (s *system) writeThrough(t *testing.T) {
	t.Helper()
	if err := s.raw.ConfigSet(t.Context(), "appendfsync", "always").Err(); err != nil {
		t.Fatal(err)
	}
}

func TestRedisKilledAndRestartedUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
	s.writeThrough(t)
	before := s.living()
	ids := s.populate(t, 20)
	time.Sleep(300 * time.Millisecond)
	s.redis.Kill()
	killed := time.Now()
	time.Sleep(1500 * time.Millisecond)
	if err := s.redis.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.free(t)
	s.awaitAll(t, ids, flow.Completed, time.Minute)
	t.Logf("%d executions completed within %s of the kill, 1.5 s of which Redis was away", len(ids), time.Since(killed).Round(time.Millisecond))
	for _, p := range before {
		if !p.Alive() {
			t.Errorf("worker %d ended:\n%s", p.Pid, p.Log())
		}
	}
	s.wantOnce(t, "/effect/delayed", 40)
}

// TestRedisAwayWhenAChildStartsFailsNothing takes Redis away between the beginning
// of a step and its wish for a child: that is no failure of the node.
func TestRedisAwayWhenAChildStartsFailsNothing(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
	s.writeThrough(t)
	s.deploy(t, `
id: spawner
nodes:
  - {key: start, type: manual.trigger}
  - {key: spawn, type: test.spawn, params: {name: spawn}}
connections: [start -> spawn]
`, everyState[1])
	id := s.start(t, "spawner", map[string]any{"child": "state_delay"})
	s.world.awaitCalls(t, "/block/spawn", 1, 10*time.Second)
	s.redis.Kill()
	s.world.open("spawn")
	time.Sleep(2500 * time.Millisecond) // until the worker has given up looking for the child's definition
	if err := s.redis.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := s.await(t, id, flow.Completed, 30*time.Second)
	s.await(t, v.Children[0].ChildID, flow.Completed, 30*time.Second)
	if calls := byKey(s.world.calls("/block/spawn")); len(calls) != 1 {
		t.Errorf("the step used %d keys", len(calls))
	}
}

// TestFlushAllStopsTheWorkersWhichSaySo: what is erased is gone, and no design can
// mend that. Workers must not go on as if nothing had happened; those that are
// started afterwards work with what is there.
func TestFlushAllStopsTheWorkersWhichSaySo(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
	ids := s.populate(t, 5)
	old := s.living()
	if err := s.raw.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	s.world.open("states")
	for _, p := range old {
		if code := ended(t, p, 20*time.Second); code != exitStoreGone || !strings.Contains(p.Log(), "this process stops") {
			t.Errorf("a worker ended with %d and said\n%s", code, p.Log())
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := s.engine.Await(ctx, ids[0]); !errors.Is(err, flow.ErrNotFound) {
		t.Errorf("an erased execution is answered with %v", err)
	}
	if err := s.addWorker(); err != nil {
		t.Fatal(err)
	}
	s.deploy(t, everyState...)
	s.await(t, s.start(t, "state_delay", nil), flow.Completed, 30*time.Second)
}
