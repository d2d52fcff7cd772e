package explain

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"prana/engine/flow"
)

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func upper(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[size:]
}

// oneLine keeps what users wrote from breaking the sentence, or the terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// equations writes a filter: a = 1 and b = "x y".
func equations(filter map[string]any) string {
	var all []string
	for _, path := range slices.Sorted(maps.Keys(filter)) {
		all = append(all, path+" = "+value(filter[path]))
	}
	return flow.Cut(oneLine(strings.Join(all, " and ")), 200)
}

// nothings are the paths that a filter compares with null: most often an expression in it read something that was not there.
func nothings(filter map[string]any) []string {
	var paths []string
	for _, path := range slices.Sorted(maps.Keys(filter)) {
		if filter[path] == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

// nothing tells of them.
func nothing(filter map[string]any) string {
	paths := nothings(filter)
	if len(paths) == 0 {
		return ""
	}
	return " (what event_filter says of " + flow.Cut(oneLine(strings.Join(paths, " and ")), 200) + " came to null when the wait began, and hardly an event says null there)"
}

// value writes a text bare when nobody can take it for anything else.
func value(v any) string {
	if s, ok := v.(string); ok && bare(s) {
		return s
	}
	raw, err := flow.Encode(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

func bare(s string) bool {
	return s != "" && s != "true" && s != "false" && s != "null" && !unicode.IsDigit(rune(s[0])) && Quoted(s) == s
}

// Quoted makes one word of a POSIX shell of a text.
func Quoted(s string) string {
	safe := func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("_-./:=,@%+", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !safe(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
