package definition

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"strings"
)

// syntaxHint says what to do about the line that breaks a file. What the parser says of it is about tokens.
func syntaxHint(lines [][]byte, message string, broken int) string {
	line := lines[broken]
	if bytes.HasPrefix(bytes.TrimLeft(line, " "), []byte("\t")) {
		return "indent it with spaces"
	}
	return cmp.Or(oddSpace(lines, broken), dash(line), spoken(message), indentation(lines, broken), unquoted(message, line))
}

// sayings are hints for what the parser says, by the beginning of that.
var sayings = []struct{ message, hint string }{
	{"found a tab character", "indent it with spaces"},
	{"found character that cannot start any token", "quote a value that begins with @, % or `"},
	{"did not find expected alphabetic or numeric character", "quote a value that begins with * or &"},
	{"did not find expected comment or line break", "begin the text on the next line, or quote what begins with > or |"},
	{"did not find expected ',' or", "close it, or quote what has a colon, a comma or a bracket in it"},
	{"block sequence entries are not allowed", "begin a list on the next line, or quote a value that begins with -"},
	{"mapping keys are not allowed", "quote a value that begins with ?"},
	{"found unknown escape character", `a \ in double quotes begins an escape; write \\, or use single quotes`},
	{"found unexpected end of stream", "close the quotes"},
}

func spoken(message string) string {
	for _, s := range sayings {
		if strings.HasPrefix(message, s.message) {
			return s.hint
		}
	}
	return ""
}

var (
	// foreign are spaces that look like one and are none, where YAML wants one: before a line begins, and after a colon or a dash.
	foreign  = regexp.MustCompile(`^ *(?:- *)?(?:[A-Za-z0-9_]+:|-)? *([\x{a0}\x{2000}-\x{200b}\x{202f}\x{3000}\x{feff}])`)
	dashless = regexp.MustCompile(`^ *-[A-Za-z0-9_"']+: `)
	valued   = regexp.MustCompile(`^[ -]*[A-Za-z0-9_]+: +(\{\{|["'])`)
)

// oddSpace finds one in the line that breaks the file, or in the one above it.
func oddSpace(lines [][]byte, broken int) string {
	for i := broken; i >= max(0, broken-1); i-- {
		if m := foreign.FindSubmatch(lines[i]); m != nil {
			return fmt.Sprintf("in line %d, write a space instead of the character %U that looks like one", i+1, []rune(string(m[1]))[0])
		}
	}
	return ""
}

func dash(line []byte) string {
	if dashless.Match(line) {
		return "write a space after the dash"
	}
	return ""
}

// unquoted is about the value of a line that stands where it may.
func unquoted(message string, line []byte) string {
	switch {
	case strings.HasPrefix(message, "mapping values are not allowed"):
		return "quote what has a colon in it"
	case strings.HasPrefix(message, "could not find expected ':'"):
		return "write name: value, with a colon and a space"
	}
	m := valued.FindSubmatch(line)
	switch {
	case m == nil || !strings.HasPrefix(message, "did not find expected key"):
		return ""
	case string(m[1]) == "{{":
		return "a template needs quotes"
	}
	return "the quotes end before the value does; write quotes of the other kind around all of it"
}
