package config

import "strings"

// nearest is the candidate that a person most likely meant, or "". When nothing is near as a whole, the last part
// decides: concurrency alone means worker.concurrency.
func nearest(word string, candidates []string) string {
	if best := closest(word, candidates, func(c string) string { return c }); best != "" {
		return best
	}
	return closest(lastPart(word), candidates, lastPart)
}

func closest(word string, candidates []string, part func(string) string) string {
	best, least := "", (len(word)+2)/3+1 // a third of the letters may be wrong
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(part(c))); d < least {
			best, least = c, d
		}
	}
	return best
}

func lastPart(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

// distance is the number of letters to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func didYouMean(word string, candidates []string) string {
	if c := nearest(word, candidates); c != "" {
		return "unknown; did you mean " + c + "?"
	}
	return "unknown; prana config lists what there is"
}
