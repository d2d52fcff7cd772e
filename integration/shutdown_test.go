package integration

import (
	"testing"
	"time"

	"prana/engine/flow"
)

// TestSIGTERMLosesNothingAndRepeatsNothingCommitted ends both workers while steps
// run and executions sleep: some steps finish within the grace, others are handed back.
func TestSIGTERMLosesNothingAndRepeatsNothingCommitted(t *testing.T) {
	t.Parallel()
	const grace, n = 2 * time.Second, 8
	s := begin(t, setup{Grace: grace})
	s.deploy(t, everyState...)
	asleep := append(s.startMany(t, n, "state_delay", gate("")), s.startMany(t, n, "state_event", gate(""))...)
	quick := s.startMany(t, n, "block_flow", gate("quick"))
	slow := s.startMany(t, n, "block_flow", gate("slow"))
	s.world.awaitCalls(t, "/block/", 2*n, 20*time.Second)

	began := time.Now()
	old := s.living()
	for _, p := range old {
		p.Terminate()
	}
	s.world.open("quick")
	for _, p := range old {
		if code := ended(t, p, grace+3*time.Second); code != 0 {
			t.Errorf("worker %d left with %d:\n%s", p.Pid, code, p.Log())
		}
	}
	t.Logf("the workers ended %s after SIGTERM; the grace is %s", time.Since(began).Round(time.Millisecond), grace)

	if err := s.addWorker(); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	again := s.world.awaitCalls(t, "/block/slow", 2*n, 30*time.Second)
	t.Logf("the steps that were handed back ran again %s after a worker came", again[2*n-1].At.Sub(began).Round(time.Millisecond))
	s.world.open("slow")
	s.free(t)
	s.awaitAll(t, append(append(quick, slow...), asleep...), flow.Completed, 30*time.Second)
	s.wantOnce(t, "/effect/before", 2*n)
	s.wantOnce(t, "/effect/after", 2*n)
	s.wantOnce(t, "/block/quick", n)
	for key, c := range byKey(s.world.calls("/block/slow")) {
		if len(c) != 2 {
			t.Errorf("the step of key %s, which was handed back, ran %d times", key, len(c))
		}
	}
}
