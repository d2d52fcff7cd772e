package integration

import (
	"context"
	"errors"
	"testing"
	"time"

	"prana/engine/flow"
)

func TestRedisKilledAndRestartedUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
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
		if !p.alive() {
			t.Errorf("worker %d ended:\n%s", p.pid, p.log.String())
		}
	}
	s.wantOnce(t, "/effect/delayed", 40)
}

// TestFlushAllIsAnsweredAndHangsNobody says what happens, which no design can
// mend: what is erased is gone. It must be told so, and the next start must work.
func TestFlushAllIsAnsweredAndHangsNobody(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
	ids := s.populate(t, 5)
	time.Sleep(300 * time.Millisecond)
	if err := s.raw.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	s.world.open("states")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := s.engine.Await(ctx, ids[0]); !errors.Is(err, flow.ErrNotFound) {
		t.Errorf("an erased execution is answered with %v", err)
	}
	t.Logf("%d of 2 workers go on", len(s.living()))
	if len(s.living()) == 0 { // they may stop and say so
		if err := s.addWorker(); err != nil {
			t.Fatal(err)
		}
	}
	s.deploy(t, everyState...)
	began := time.Now()
	s.await(t, s.start(t, "state_delay", nil), flow.Completed, 30*time.Second)
	t.Logf("a new execution with a delay of 4 s took %s", time.Since(began).Round(time.Millisecond))
}
