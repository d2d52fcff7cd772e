//go:build !race

// The race detector makes thousands of orders a matter of minutes, and finds the same in the undisturbed ones.

package engine_test

import "testing"

// TestInterleavingsDisturbed is the same, while one of the operations dies before each of its calls, or loses the reply of one.
func TestInterleavingsDisturbed(t *testing.T) {
	t.Parallel()
	for _, m := range meetings {
		if m.calm && !*allOrders {
			continue
		}
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			for victim, name := range m.ops {
				tally := map[string]int{}
				tree := m.run(t, victim, tally)
				t.Logf("%5d orders (%d redundant), disturbed: %s: %v", tree.Runs, tree.Redundant, name, tally)
			}
		})
	}
}
