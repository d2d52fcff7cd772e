package integration

import (
	"testing"
	"time"

	"prana/engine/flow"
)

const sectionFlow = `
id: section_flow
nodes:
  - {key: start, type: manual.trigger}
  - {key: inside, type: test.room, params: {name: vault}, settings: {concurrency_key: "vault/{{ $input.i % 1 }}", concurrency_limit: 2}}
  - {key: after, type: test.effect, params: {name: out}}
connections: [start -> inside, inside -> after]
`

func TestKilledHolderOfASectionHoldsItsPlaceUntilItRanAgain(t *testing.T) {
	t.Parallel()
	s := begin(t, setup{})
	s.deploy(t, sectionFlow)
	const n, limit = 50, 2
	ids := s.startMany(t, n, "section_flow", func(i int) any { return map[string]any{"i": i} })
	first := s.world.awaitCalls(t, "/room/vault", limit, 20*time.Second)
	victim := s.worker(t, first[0].Pid)
	lost := map[string]bool{}
	for _, c := range first {
		if c.Pid == victim.Pid {
			lost[c.Key] = true
		}
	}
	victim.Kill()
	killed := time.Now()
	again := s.world.awaitCalls(t, "/room/vault", limit+len(lost), 40*time.Second)
	t.Logf("%d of %d steps inside were killed; they ran again within %s", len(lost), limit, time.Since(killed).Round(time.Millisecond))
	for _, c := range again[limit:] {
		if !lost[c.Key] {
			t.Errorf("the step of %s got in while the place was held by the dead", c.Body)
		}
	}
	s.world.open("vault")
	s.awaitAll(t, ids, flow.Completed, time.Minute)
	t.Logf("the other %d took %s", n-limit, time.Since(again[len(again)-1].At).Round(time.Millisecond))
	if most := s.world.crowd("vault"); most != limit {
		t.Errorf("%d were inside at once; want %d", most, limit)
	}
	s.wantOnce(t, "/effect/out", n)
	if calls := s.world.calls("/room/vault"); len(calls) != n+len(lost) || len(byKey(calls)) != n {
		t.Errorf("%d calls with %d keys inside; want %d with %d", len(calls), len(byKey(calls)), n+len(lost), n)
	}
}

func TestWorkflowsOfOneKeyRunOneAtATime(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, `
id: section_whole
concurrency_key: "whole/{{ $input.tenant }}"
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: 50}}
  - {key: inside, type: test.room, params: {name: whole}}
connections: [start -> nap, nap -> inside]
`)
	s.world.open("whole")
	ids := s.startMany(t, 20, "section_whole", func(int) any { return map[string]any{"tenant": "a"} })
	s.awaitAll(t, ids, flow.Completed, time.Minute)
	if most := s.world.crowd("whole"); most != 1 {
		t.Errorf("%d were inside at once; want 1", most)
	}
}
