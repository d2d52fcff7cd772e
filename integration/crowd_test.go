package integration

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/suspend"
)

// crowdFlows wait for one event: most of them once, a few again for what they have had.
var crowdFlows = []string{`
id: crowd
nodes:
  - {key: start, type: manual.trigger}
  - {key: wait, type: wait.wait_for_event, params: {event_type: crowd_go, event_filter: {all: true}}}
connections: [start -> wait]
`, `
id: crowd_twice
nodes:
  - {key: start, type: manual.trigger}
  - {key: wait, type: wait.wait_for_event, params: {event_type: crowd_go}}
  - {key: again, type: wait.wait_for_event, params: {event_type: crowd_go}}
connections: [start -> wait, wait -> again]
`}

// TestTenThousandWaitersOfAnEventWhosePublisherIsKilled: each of them is resumed once, by whoever goes on, and nobody sends the event again.
func TestTenThousandWaitersOfAnEventWhosePublisherIsKilled(t *testing.T) {
	t.Parallel()
	const crowd, twice = 9_800, 200
	s := begin(t, setup{Partitions: 2})
	s.deploy(t, crowdFlows...)
	began := time.Now()
	s.startMany(t, crowd, "crowd", func(int) any { return nil })
	s.startMany(t, twice, "crowd_twice", func(int) any { return nil })
	s.until(t, "all wait", time.Minute, func() bool { return s.counted(t, "wfsus:%s:external_event") == crowd+twice })
	t.Logf("%d wait after %s", crowd+twice, time.Since(began).Round(time.Millisecond))

	publisher, sender := s.addServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	event := flow.Event{ID: "the crowd's", Type: "crowd_go", Data: raw(map[string]any{"all": true})}
	answered := make(chan error, 1)
	published := time.Now()
	go func() {
		_, err := sender.Publish(ctx, event)
		answered <- err
	}()
	s.until(t, "a fifth is resumed", time.Minute, func() bool { return s.counted(t, "wfsus:%s:external_event") < (crowd+twice)*4/5 })
	publisher.Kill()
	s.living()[0].Kill()
	cancel()
	if left := s.counted(t, "wfsus:%s:external_event"); left <= twice || <-answered == nil {
		t.Fatalf("the publisher was done before it was killed: %d wait", left)
	} else {
		t.Logf("publisher and worker were killed when %d waited, %s after the event was sent", left, time.Since(published).Round(time.Millisecond))
	}
	if err := s.addWorker(); err != nil {
		t.Fatal(err)
	}
	s.until(t, "all were resumed once", 90*time.Second, func() bool {
		return s.counted(t, "wfst:%s:completed") == crowd && s.counted(t, "wfsus:%s:external_event") == twice && s.counted(t, "wfst:%s:suspended") == twice
	})
	t.Logf("all were resumed %s after the event was sent", time.Since(published).Round(time.Millisecond))

	_, sender = s.addServer(t)
	r, err := sender.Publish(t.Context(), event)
	slices.Sort(r.Executions)
	if err != nil || !r.Repeated || r.Matched != crowd+twice || len(slices.Compact(r.Executions)) != crowd+twice || r.Buffered {
		t.Errorf("sending it again is answered repeated %v, matched %d, %d executions, buffered %v, %v", r.Repeated, r.Matched, len(r.Executions), r.Buffered, err)
	}
	for part := range 2 {
		found, err := s.app.Store().Audit(t.Context(), part, suspend.AuditOptions{})
		if err != nil || len(found.Findings) > 0 {
			t.Errorf("the audit of partition %d finds %v, %v", part, found.Findings, err)
		}
	}
}

// counted counts what stands in a list, named with %s for the workflow, of all partitions.
func (s *system) counted(t *testing.T, list string) int {
	t.Helper()
	sum := 0
	for part := range max(1, s.setup.Partitions) {
		for _, w := range []string{"crowd", "crowd_twice"} {
			n, err := s.raw.ZCard(t.Context(), fmt.Sprintf("{prana-%d}:"+list, part, w)).Result()
			if err != nil {
				t.Fatal(err)
			}
			sum += int(n)
		}
	}
	return sum
}

// until waits for something to become true.
func (s *system) until(t *testing.T, what string, within time.Duration, is func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("within %s it is not true that %s: %d wait, %d are suspended, %d completed", within, what,
				s.counted(t, "wfsus:%s:external_event"), s.counted(t, "wfst:%s:suspended"), s.counted(t, "wfst:%s:completed"))
		}
	}
}
