package tasks

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// contend has several handlers for each queue, which each take a slot again and again, and counts who got one of the first n.
func contend(t *testing.T, weights map[string]int, slots, n int, queues ...string) map[string]int {
	t.Helper()
	got := map[string]int{}
	synctest.Test(t, func(t *testing.T) {
		s := NewSlots(slots, weights)
		ctx, stop := context.WithCancel(t.Context())
		var mu sync.Mutex
		sum := 0
		for _, q := range queues {
			for range 2 * slots {
				go func() {
					for ctx.Err() == nil {
						if slot, _ := s.take(ctx, q, q, time.Hour, nil); !slot {
							return
						}
						mu.Lock()
						if sum++; sum <= n {
							got[q]++
						}
						over := sum >= n
						mu.Unlock()
						time.Sleep(time.Millisecond) // a step
						if s.Free(); over {
							return
						}
					}
				}()
			}
		}
		synctest.Wait()
		time.Sleep(time.Duration(n) * time.Second)
		stop()
	})
	return got
}

// TestQueuesShareByWeight: where all want more than there is, each queue gets what its weight says.
func TestQueuesShareByWeight(t *testing.T) {
	t.Parallel()
	got := contend(t, map[string]int{"default": 3}, 4, 4000, "default", "slow")
	if got["default"] < 2950 || got["default"] > 3050 {
		t.Errorf("of 4,000 steps default has %d, and weighs three times as much", got["default"])
	}
	got = contend(t, nil, 4, 3000, "a", "b", "c")
	for q, n := range got {
		if n < 980 || n > 1020 {
			t.Errorf("of 3,000 steps %s has %d, and three queues weigh the same", q, n)
		}
	}
}

// TestNobodySavesUp: a queue that wanted nothing for long gets no more than its part once it does.
func TestNobodySavesUp(t *testing.T) {
	t.Parallel()
	s := NewSlots(1, nil)
	for range 1000 {
		s.take(t.Context(), "busy", "busy", 0, nil)
		s.Free()
	}
	s.take(t.Context(), "busy", "busy", 0, nil)
	var order []string
	var all []*taker
	for range 4 {
		all = append(all, s.join("late", "late"), s.join("busy", "busy"))
	}
	for range all {
		s.Free()
		for i, w := range all {
			select {
			case <-w.got:
				order = append(order, w.queue)
				all[i] = &taker{got: make(chan struct{})}
			default:
			}
		}
	}
	late := 0
	for _, q := range order[:4] {
		if q == "late" {
			late++
		}
	}
	if len(order) != 8 || late > 3 {
		t.Errorf("after a long time of the one queue alone they come in the order %q", order)
	}
}

// TestAChainGivesWay: a slot is not passed on while another queue is to be first.
func TestAChainGivesWay(t *testing.T) {
	t.Parallel()
	s := NewSlots(1, nil)
	s.take(t.Context(), "chain", "chain", 0, nil)
	if !s.passes("chain") {
		t.Error("nobody else waits, and the slot is not passed on")
	}
	s.pass("chain")
	s.Free()
	other := s.join("other", "other")
	if s.passes("chain") {
		t.Error("another queue waits, and the slot is passed on")
	}
	s.Free()
	select {
	case <-other.got:
	default:
		t.Error("the other queue did not get the slot")
	}
}
