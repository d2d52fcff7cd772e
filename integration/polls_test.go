package integration

import (
	"syscall"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/integration/proc"
)

// TestPollNeverOverlapsItself freezes a worker in the middle of a poll for longer than it may be silent: another one asks only
// once the claim of the first is over, and the first gives its request up as soon as it can move.
func TestPollNeverOverlapsItself(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
	s.deploy(t, `
id: slow_poll
nodes:
  - {key: start, type: manual.trigger}
  - {key: poll, type: poll.poll_until, params: {endpoint: "WORLD/block/slow", condition: "$response.ok", interval_ms: 100, request_timeout_ms: 120000}}
connections: [start -> poll]
`)
	id := s.start(t, "slow_poll", nil)
	s.world.awaitCalls(t, "/block/slow", 1, 10*time.Second)
	time.Sleep(6 * time.Second) // until the claim has been renewed; nobody else asks meanwhile
	if n := len(s.world.calls("/block/slow")); n != 1 {
		t.Fatalf("%d polls at once while the first was asking", n)
	}
	frozen := s.freezeClaimant(t, id)
	claim := s.claimEnds(t, []string{id})[id]
	second := s.world.awaitCalls(t, "/block/slow", 2, 40*time.Second)[1]
	if second.At.Before(claim) {
		t.Errorf("the second poll began %s before the claim of the first was over", claim.Sub(second.At))
	}
	sendSignal(t, frozen, syscall.SIGCONT)
	select {
	case <-s.world.left:
	case <-time.After(10 * time.Second):
		t.Error("the worker that had lost its claim went on asking")
	}
	s.world.open("slow")
	v := s.await(t, id, flow.Completed, 20*time.Second)
	if n := output(t, v)["attempts"]; n != 1.0 || len(s.world.calls("/block/slow")) != 2 {
		t.Errorf("%v polls counted, %d were made", n, len(s.world.calls("/block/slow")))
	}
}

// freezeClaimant stops the worker that runs a step of the execution: the one whose halt ends the renewals of its claim.
func (s *system) freezeClaimant(t *testing.T, id string) *proc.Process {
	t.Helper()
	for _, p := range s.living() {
		sendSignal(t, p, syscall.SIGSTOP)
		t.Cleanup(func() { _ = p.Signal(syscall.SIGCONT) }) // or it could not end
		before := s.claimEnds(t, []string{id})[id]
		time.Sleep(5 * time.Second) // longer than between two renewals
		if s.claimEnds(t, []string{id})[id].Equal(before) {
			return p
		}
		sendSignal(t, p, syscall.SIGCONT)
	}
	t.Fatalf("none of %d workers renews the claim of %s", len(s.living()), id)
	return nil
}
