package integration

import (
	"slices"
	"testing"
	"time"

	"prana/engine/flow"
)

// TestNoTimerIsEarlyAndNoneIsLost compares, with both times from the store, when
// each of a thousand delays began and when it ended.
func TestNoTimerIsEarlyAndNoneIsLost(t *testing.T) { // alone, since it measures
	s := sharedSystem(t)
	s.deploy(t, `
id: timers
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: time.delay, params: {duration_ms: $input.ms}}
connections: [start -> nap]
`)
	const n = 1000
	d := dice(t)
	durations := make([]time.Duration, n)
	ids := s.startMany(t, n, "timers", func(i int) any {
		durations[i] = time.Millisecond + d.upTo(2999*time.Millisecond).Truncate(time.Millisecond)
		return map[string]any{"ms": ms(durations[i])}
	})
	s.awaitAll(t, ids, flow.Completed, 30*time.Second)
	late := make([]time.Duration, n)
	for i, id := range ids {
		late[i] = s.lateness(t, id, durations[i])
		if late[i] < 0 {
			t.Errorf("a timer of %s in %s was %s early", durations[i], id, -late[i])
		}
	}
	slices.Sort(late)
	t.Logf("lateness of %d timers of 1 ms to 3 s: p50 %s, p90 %s, p99 %s, max %s", n, late[n/2], late[n*9/10], late[n*99/100], late[n-1])
}

// lateness is from the planned to the real end of the only delay of an execution.
func (s *system) lateness(t *testing.T, id string, planned time.Duration) time.Duration {
	t.Helper()
	x, err := s.app.Store().Load(t.Context(), id, flow.Want{All: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range x.Steps {
		if r := step.Resumed; r != nil {
			return r.At.Sub(r.Since) - planned
		}
	}
	t.Fatalf("no timer of %s ended", id)
	return 0
}
