package integration

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"prana/engine/flow"
)

// fiveTimes sends the same request five times at once.
func fiveTimes(f func() answer) []answer {
	var mu sync.Mutex
	var all []answer
	one := func() {
		a := f()
		mu.Lock()
		defer mu.Unlock()
		all = append(all, a)
	}
	atOnce(one, one, one, one, one)
	return all
}

// replays counts the answers that say so.
func replays(all []answer) int {
	n := 0
	for _, a := range all {
		if a.header.Get("Idempotency-Replayed") == "true" {
			n++
		}
	}
	return n
}

// steps waits twice, so that a second delivery would show.
const waitsTwice = `
id: waits_twice
nodes:
  - {key: start, type: manual.trigger}
  - {key: first, type: wait.wait_for_event, params: {event_type: five, event_filter: {id: $input.id}, timeout_ms: 60000}}
  - {key: second, type: wait.wait_for_event, params: {event_type: five, event_filter: {id: $nodes.start.output.id}, timeout_ms: 60000}}
connections: [start -> first, first -> second]
`

func TestSameStartFiveTimesAtOnceCountsOnce(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, `
id: starts_once
nodes:
  - {key: start, type: manual.trigger}
  - {key: act, type: test.effect, params: {name: starts_once}}
connections: [start -> act]
`)
	for i := range 20 {
		all := fiveTimes(func() answer {
			return s.request(t, "POST", "/v1/workflows/starts_once/executions", map[string]any{"input": i}, fmt.Sprint("Idempotency-Key: start-", i))
		})
		var ids []string
		for _, a := range all {
			if a.status != 201 && a.status != 200 {
				t.Fatalf("%d %s", a.status, a.body)
			}
			ids = append(ids, a.text(t, "execution_id"))
		}
		slices.Sort(ids)
		if ids = slices.Compact(ids); len(ids) != 1 || replays(all) != 4 {
			t.Errorf("five starts gave %v, %d of them replayed", ids, replays(all))
		}
		s.await(t, ids[0], flow.Completed, 10*time.Second)
	}
	s.wantOnce(t, "/effect/starts_once", 20)
	if a := s.request(t, "POST", "/v1/workflows/starts_once/executions", map[string]any{"input": "another"}, "Idempotency-Key: start-0"); a.status != 422 || a.text(t, "code") != "idempotency_mismatch" {
		t.Errorf("the same key with another body: %d %s", a.status, a.body)
	}
}

func TestSameEventFiveTimesAtOnceCountsOnce(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, waitsTwice)
	for i := range 20 {
		name := fmt.Sprint("event-", i)
		id := s.start(t, "waits_twice", map[string]any{"id": name})
		s.await(t, id, flow.Suspended, 10*time.Second)
		all := fiveTimes(func() answer {
			return s.must(t, 202, "POST", "/v1/events", map[string]any{"type": "five", "id": name, "data": map[string]any{"id": name}})
		})
		for _, a := range all {
			if a.json(t)["matched"] != 1.0 {
				t.Errorf("a publisher was answered %s", a.body)
			}
		}
		if replays(all) != 4 {
			t.Errorf("%d of five were replays", replays(all))
		}
		s.staysAt(t, id, "second")
	}
}

func TestSameResumeFiveTimesAtOnceCountsOnce(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, waitsTwice)
	for i := range 20 {
		id := s.start(t, "waits_twice", map[string]any{"id": fmt.Sprint("resume-", i)})
		s.await(t, id, flow.Suspended, 10*time.Second)
		all := fiveTimes(func() answer {
			return s.must(t, 202, "POST", "/v1/executions/"+id+":resume", map[string]any{"data": i}, fmt.Sprint("Idempotency-Key: resume-", i))
		})
		if replays(all) != 4 {
			t.Errorf("%d of five were replays", replays(all))
		}
		s.staysAt(t, id, "second")
	}
}

// staysAt checks that an execution waits at a node, now and a moment later.
func (s *system) staysAt(t *testing.T, id, node string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for held := 0; held < 3; {
		v, err := s.engine.Describe(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if len(v.Suspensions) == 1 && v.Suspensions[0].Node == node {
			held++
		} else if held > 0 || v.Status.Terminal() || time.Now().After(deadline) {
			t.Fatalf("%s does not stay at %s: %s, %v", id, node, v.Status, v.Suspensions)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
