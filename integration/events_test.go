package integration

import (
	"fmt"
	"testing"
	"time"

	"prana/engine/flow"
)

// twoWaits waits twice for the same: what is delivered twice ends both waits.
const twoWaits = `
id: two_waits
nodes:
  - {key: start, type: manual.trigger}
  - {key: first, type: wait.wait_for_event, params: {event_type: meet, event_filter: {id: $input.id}, timeout_ms: 30000, on_timeout: lost}}
  - {key: second, type: wait.wait_for_event, params: {event_type: meet, event_filter: {id: $nodes.start.output.id}, timeout_ms: 1500, on_timeout: once}}
  - {key: once, type: core.log, params: {message: once}}
  - {key: lost, type: core.log, params: {message: lost}}
connections: [start -> first, first -> second, first.lost -> lost, second.once -> once]
`

func TestEventBeforeItsWaitIsDelivered(t *testing.T) {
	t.Parallel()
	s := sharedSystem(t)
	s.deploy(t, twoWaits)
	r, err := s.engine.Publish(t.Context(), flow.Event{Type: "meet", Data: raw(map[string]any{"id": "early"})})
	if err != nil || r.Matched != 0 || !r.Buffered {
		t.Fatalf("publishing: %+v, %v", r, err)
	}
	v := s.await(t, s.start(t, "two_waits", map[string]any{"id": "early"}), flow.Completed, 20*time.Second)
	if err := deliveredOnce(v); err != nil {
		t.Error(err)
	}
}

func deliveredOnce(v *flow.View) error {
	by := map[string]string{}
	for _, n := range v.Nodes {
		by[n.Node] = n.ResumedBy
	}
	if by["first"] != flow.ByEvent {
		return fmt.Errorf("the event of %s is lost: the first wait was ended by %q", v.ID, by["first"])
	}
	if by["second"] != flow.ByTimeout {
		return fmt.Errorf("the event of %s came twice: the second wait was ended by %q", v.ID, by["second"])
	}
	return nil
}

func TestEventMeetsItsWaitInAnyOrder(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, 4} {
		t.Run(fmt.Sprint(partitions, " partitions"), func(t *testing.T) {
			t.Parallel()
			s := sharedSystem(t)
			if partitions > 1 {
				s = begin(t, setup{Partitions: partitions})
			}
			s.deploy(t, twoWaits)
			meetMany(t, s, 400, fmt.Sprint("p", partitions))
		})
	}
}

// meetMany publishes events at the instant at which their waits register.
func meetMany(t *testing.T, s *system, n int, prefix string) {
	d := dice(t)
	matched := make([]int, n)
	ids := make([]string, n)
	together(t, n, 12, func(i int) (err error) {
		name := fmt.Sprintf("%s-%d", prefix, i)
		pause := d.upTo(10 * time.Millisecond << (i % 6)) // whatever else this machine does, both orders occur
		var res flow.PublishResult
		atOnce(
			func() { ids[i] = s.start(t, "two_waits", map[string]any{"id": name}) },
			func() {
				time.Sleep(pause)
				res, err = s.engine.Publish(t.Context(), flow.Event{Type: "meet", Data: raw(map[string]any{"id": name})})
			},
		)
		matched[i] = res.Matched
		return err
	})
	views := s.awaitAll(t, ids, flow.Completed, 60*time.Second)
	bad := 0
	for _, v := range views {
		if err := deliveredOnce(v); err != nil {
			bad++
			t.Error(err)
		}
	}
	found := 0
	for _, m := range matched {
		found += m
	}
	t.Logf("%d of %d waits were there when their event came, %d came later, %d wrong", found, n, n-found, bad)
	if found == 0 || found == n {
		t.Error("the order was always the same: this was no race")
	}
}
