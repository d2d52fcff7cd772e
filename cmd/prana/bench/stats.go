package bench

import (
	"math"
	"slices"
	"strconv"
	"time"
)

// percentiles are the times below which half, and all but one of a hundred, of the samples lie.
type percentiles struct{ p50, p99 time.Duration }

func percentilesOf(times []time.Duration) percentiles {
	sorted := slices.Sorted(slices.Values(times))
	return percentiles{p50: rank(sorted, 0.50), p99: rank(sorted, 0.99)}
}

// rank is the smallest sample that at least the share q of all does not exceed.
func rank(sorted []time.Duration, q float64) time.Duration {
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// in gives a time as a number of units, to three decimals.
func in(unit, d time.Duration) float64 { return decimals(float64(d)/float64(unit), 3) }

// decimals rounds to so many of them.
func decimals(x float64, n int) float64 {
	scale := math.Pow10(n)
	return math.Round(x*scale) / scale
}

// count writes a number in groups of three digits: 100,000.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
