package eval

import (
	"maps"
	"slices"
	"strings"
)

// didYouMean gives a hint with the nearest of the names, or "" when none is near.
func didYouMean(name string, names []string) string {
	if name == "" || len(name) > 64 {
		return ""
	}
	best, distance := "", 1+max(1, (len(name)+1)/3)
	bare := strings.TrimPrefix(name, "$")
	for _, n := range names {
		if d := levenshtein(bare, strings.TrimPrefix(n, "$"), distance); d < distance {
			best, distance = n, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + best + "?"
}

// levenshtein is the edit distance of a and b, or limit when it is not below it.
func levenshtein(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return min(row[len(b)], limit)
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
