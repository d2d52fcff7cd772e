package eval

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is a failure to evaluate. It never holds values of the data, only the
// text of the definition and the kinds of values.
type Error struct {
	Path    string // where in the parameter tree; "" is the value itself
	Source  string // the string of the definition that holds the expression
	Line    int    // 1-based, inside Source; 0 when unknown
	Column  int    // 1-based, in characters; 0 when unknown
	Message string
}

// Error gives path, position and message, and below them the line of the
// source with a caret.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, "%d:%d: ", e.Line, e.Column)
	}
	b.WriteString(e.Message)
	if s := e.Snippet(); s != "" {
		b.WriteString("\n" + s)
	}
	return b.String()
}

// snippetWidth keeps the caret on a terminal's line.
const snippetWidth = 96

// Snippet gives the line of the source and the caret below it, or "" when the
// position is unknown.
func (e *Error) Snippet() string {
	lines := strings.Split(e.Source, "\n")
	if e.Line < 1 || e.Line > len(lines) {
		return ""
	}
	line := []rune(strings.Map(blank, lines[e.Line-1]))
	col := min(max(e.Column-1, 0), len(line))
	if from := col - snippetWidth/2; from > 0 && len(line) > snippetWidth {
		line = append([]rune("..."), line[from:]...)
		col = col - from + 3
	}
	if len(line) > snippetWidth {
		line = append(line[:snippetWidth:snippetWidth], []rune("...")...)
	}
	return "  " + string(line) + "\n  " + strings.Repeat(" ", col) + "^"
}

// blank keeps the caret under its character: tabs and control characters are one space.
func blank(r rune) rune {
	if r < ' ' || r == utf8.RuneError {
		return ' '
	}
	return r
}

// location finds positions of an expression inside the string that holds it.
// The parser counts runes of the rewritten expression.
type location struct {
	text string // the whole string
	base int    // rune where the expression begins in it
	old  []int  // rune of the rewritten expression -> rune as written; nil when not rewritten
}

// at gives the byte offset, line and column of a rune of the rewritten expression.
func (l location) at(pos int) (offset, line, column int) {
	if l.old != nil {
		pos = l.old[min(max(pos, 0), len(l.old)-1)]
	}
	pos += l.base
	line, column = 1, 1
	for i, r := range l.text {
		if pos == 0 {
			return i, line, column
		}
		pos--
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
	}
	return len(l.text), line, column
}
