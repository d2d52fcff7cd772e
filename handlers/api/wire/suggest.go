package wire

import (
	"fmt"
	"slices"
	"strings"
)

// DidYouMean gives `; did you mean "x"?` for the nearest of names, or nothing
// when none is near. Names that differ in case only, or contain what was
// written, are always near.
func DidYouMean(written string, names []string) string {
	best, least := "", len(written)/3+2
	for _, name := range slices.Sorted(slices.Values(names)) {
		if d := distance(strings.ToLower(written), name); d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is how many characters must change to make b of a.
func distance(a, b string) int {
	if len(a) > 2 && strings.Contains(b, a) {
		return 1
	}
	if len(a) > 64 {
		return len(a) // not a slip of the finger; do not spend time on it
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		row = nextRow(row, a[i], b)
	}
	return row[len(b)]
}

func nextRow(row []int, c byte, b string) []int {
	next := make([]int, len(row))
	next[0] = row[0] + 1
	for j := range len(b) {
		swap := row[j]
		if b[j] != c {
			swap++
		}
		next[j+1] = min(swap, row[j+1]+1, next[j]+1)
	}
	return next
}
