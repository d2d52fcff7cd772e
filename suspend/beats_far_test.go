package suspend

import (
	"fmt"
	"testing"
	"time"
)

// TestHowFarAPartitionWentBack: it is measured by the beats that a process saw, and by its own clock, so that neither an outage
// before the beats that were lost nor a clock of Redis that is set counts.
func TestHowFarAPartitionWentBack(t *testing.T) {
	t.Parallel()
	began := time.Now()
	every := func(n int, gap time.Duration) (p pulse) {
		for i := range n {
			p = append(p, beat{fmt.Sprintf("%d-0", 1000*(i+1)), began.Add(time.Duration(i) * gap)})
		}
		return p
	}
	outage := append(every(2, 2*time.Second), beat{"60000-0", began.Add(time.Hour)})
	clockBack := append(every(2, 2*time.Second), beat{"2000-1", began.Add(4 * time.Second)}, beat{"2000-2", began.Add(6 * time.Second)})
	full := pulse{}
	for i := range 100 {
		full = full.and(fmt.Sprintf("%d-0", i))
	}
	if len(full) != beatsKnown || full[0].id != "68-0" || full.and("99-0").last() != full.last() {
		t.Errorf("a process knows %d beats from %s on", len(full), full[0].id)
	}
	for name, test := range map[string]struct {
		p      pulse
		answer []any // of the script
		lost   time.Duration
		far    bool
	}{
		"the last one":             {every(8, 2*time.Second), []any{"", "7000-0", int64(1)}, 0, false},
		"four of them":             {every(8, 2*time.Second), []any{"", "4000-0", int64(1)}, 6 * time.Second, false},
		"just not too many":        {every(16, time.Second), []any{"", "0-7", int64(1)}, 15 * time.Second, false},
		"a minute":                 {every(30, 2*time.Second), []any{"", "1000-0", int64(1)}, 56 * time.Second, true},
		"more than is known":       {every(30, 2*time.Second), []any{"", "7-0", int64(1)}, 58 * time.Second, true},
		"one after an outage":      {outage, []any{"", "2000-0", int64(1)}, 0, false},
		"the clock was set back":   {clockBack, []any{"", "2000-0", int64(1)}, 2 * time.Second, false},
		"the beats were deleted":   {every(30, 2*time.Second), []any{"", "", int64(1)}, 58 * time.Second, false},
		"the partition was":        {every(30, 2*time.Second), []any{"", "", int64(0)}, 58 * time.Second, true},
		"a new store lost it all":  {every(2, 2*time.Second), []any{"", "", int64(0)}, 2 * time.Second, false},
		"the process is too young": {every(1, 0), []any{"", "7-0", int64(1)}, 0, false},
	} {
		got := test.p.answered(3, test.answer)
		if len(got) != 1 || got[0].Lost != test.lost || got[0].far() != test.far || got[0].Partition != 3 || test.p != nil {
			t.Errorf("%s: told %+v; knows %v", name, got, test.p)
		}
	}
}
