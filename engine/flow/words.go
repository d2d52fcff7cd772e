package flow

import (
	"slices"
	"strings"
	"unicode"
)

// Of an error with more words than these the first and the last are kept: causes stand last.
const (
	firstWords = 12
	lastWords  = 8
)

// Words gives the words of a text in small letters, each once: what stands between anything but letters and digits.
func Words(text string) []string {
	var words []string
	seen := map[string]bool{}
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if !seen[w] {
			seen[w] = true
			words = append(words, w)
		}
	}
	return words
}

// Words are those by which an execution is found that has this error: of its code, node and message. Of more than 20, the first
// 12 and the last 8.
func (p *Problem) Words() []string {
	if p == nil {
		return nil
	}
	words := Words(p.Code + " " + p.Node + " " + p.Message)
	if n := len(words); n > firstWords+lastWords {
		return append(words[:firstWords:firstWords], words[n-lastWords:]...)
	}
	return words
}

// Says tells whether each word of a text is one of the error's.
func (p *Problem) Says(text string) bool {
	own := p.Words()
	return !slices.ContainsFunc(Words(text), func(w string) bool { return !slices.Contains(own, w) })
}
