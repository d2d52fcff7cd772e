package eval

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// part is a piece of a template: literal text, or an expression.
type part struct {
	text string
	expr bool
	at   int // byte where text begins in the template
}

// bareRoot returns the root that a string begins with, up to a word boundary.
func bareRoot(s string, roots []string) string {
	for _, root := range roots {
		rest, ok := strings.CutPrefix(s, root)
		if !ok {
			continue
		}
		if r, _ := utf8.DecodeRuneInString(rest); rest == "" || !isWord(r) {
			return root
		}
	}
	return ""
}

func isWord(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// isTemplate reports whether a string can hold an expression at all.
func isTemplate(s string) bool { return strings.Contains(s, "{{") }

// split cuts a template into its parts. unclosed is the byte of a "{{" without
// end, or -1.
func split(s string) (parts []part, unclosed int) {
	at := 0
	trim := false
	lastComment := strings.LastIndex(s, "#}")
	add := func(text string, at int) {
		if trim {
			cut := strings.TrimLeft(text, " \t\r\n")
			at += len(text) - len(cut)
			text = cut
		}
		if text != "" {
			parts = append(parts, part{text: text, at: at})
		}
	}
	for at < len(s) {
		open := nextOpening(s, at, lastComment)
		if open < 0 {
			break
		}
		if s[open+1] == '#' {
			add(s[at:open], at)
			at = open + 2 + strings.Index(s[open+2:], "#}") + 2
			continue
		}
		body, next, trimBefore, trimAfter := block(s, open)
		if next < 0 {
			return nil, open
		}
		before := s[at:open]
		if trimBefore {
			before = strings.TrimRight(before, " \t\r\n")
		}
		add(before, at)
		parts = append(parts, part{text: s[body[0]:body[1]], expr: true, at: body[0]})
		trim, at = trimAfter, next
	}
	add(s[at:], at)
	return parts, -1
}

// nextOpening finds the next "{{", or a "{#" before the last "#}", from byte at on.
func nextOpening(s string, at, lastComment int) int {
	for i := at; i+1 < len(s); i++ {
		if s[i] != '{' {
			continue
		}
		if s[i+1] == '{' || s[i+1] == '#' && i+2 <= lastComment {
			return i
		}
	}
	return -1
}

// block reads the block that opens at byte open: where its expression stands,
// and where the text goes on (-1 when it has no end). A dash with white space
// on its inner side trims; "{{-1}}" is a number.
func block(s string, open int) (body [2]int, next int, trimBefore, trimAfter bool) {
	start := open + 2
	if strings.HasPrefix(s[start:], "-") && start+1 < len(s) && isSpace(s[start+1]) {
		trimBefore = true
		start++
	}
	end := closing(s, start)
	if end < 0 {
		return body, -1, false, false
	}
	next = end + 2
	if end-2 >= start && s[end-1] == '-' && isSpace(s[end-2]) {
		trimAfter = true
		end--
	}
	return [2]int{start, end}, next, trimBefore, trimAfter
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// closing finds the "}}" that ends a block, past string literals and objects.
// A broken string literal must not swallow the end of the block, so the plain
// search is the fallback; the parser then says what is wrong.
func closing(s string, from int) int {
	depth := 0
	// Past the longest expression there is nothing to find, and looking on for
	// every block of a long template would take quadratic time.
	for i := from; i < min(len(s), from+maxSource+2); i++ {
		switch s[i] {
		case '"', '\'', '`':
			end := literalEnd(s, i)
			if end < 0 {
				return plainClosing(s, from)
			}
			i = end
		case '{':
			depth++
		case '}':
			if depth > 0 {
				depth--
			} else if strings.HasPrefix(s[i:], "}}") {
				return i
			}
		}
	}
	return plainClosing(s, from)
}

func plainClosing(s string, from int) int {
	if i := strings.Index(s[from:], "}}"); i >= 0 {
		return from + i
	}
	return -1
}

// literalEnd gives the byte of the quote that ends the literal begun at i, or -1.
func literalEnd(s string, i int) int {
	quote := s[i]
	for i++; i < len(s); i++ {
		switch {
		case s[i] == quote:
			return i
		case s[i] == '\\' && quote != '`':
			i++
		}
	}
	return -1
}

// text compiles a string of a parameter tree.
func (c *compiler) text(path, s string) evaluator {
	if strings.HasPrefix(s, "$$") && bareRoot(s[1:], c.bareRoots()) != "" {
		return c.template(path, s, 1)
	}
	if bareRoot(s, c.bareRoots()) != "" {
		return c.expression(path, s, 0, s, "write $$ for a literal dollar")
	}
	return c.template(path, s, 0)
}

// bareRoots are the roots that make a string an expression as it stands. Those
// that exist only elsewhere are among them, so that they are reported and not
// passed on as text.
func (c *compiler) bareRoots() []string {
	roots := append(Roots(), c.scope.Extra...)
	if c.roots[selfRoot] {
		roots = append(roots, selfRoot)
	}
	return roots
}

// template compiles s from byte skip on.
func (c *compiler) template(path, s string, skip int) evaluator {
	if !isTemplate(s) {
		return constant{s[skip:], skip > 0}
	}
	if len(s) > maxTemplate {
		c.report(Issue{Path: path, Code: CodeTooLarge, Message: "the template is longer than 100000 bytes"})
		return nil
	}
	if strings.Count(s, "{{") > maxBlocks {
		c.report(Issue{Path: path, Code: CodeTooLarge, Message: "the template has more than 1000 expressions"})
		return nil
	}
	parts, unclosed := split(s[skip:])
	if unclosed >= 0 {
		_, line, column := location{text: s}.at(utf8.RuneCountInString(s[:skip+unclosed]))
		c.report(Issue{
			Path: path, Offset: skip + unclosed, Line: line, Column: column, Code: CodeUnclosed,
			Message: `"{{" has no "}}"`, Hint: `write {{ "{{" }} for literal braces`,
		})
		return nil
	}
	if len(parts) == 1 && parts[0].expr {
		return c.expression(path, s, parts[0].at+skip, parts[0].text, "")
	}
	t := &text{path: path, source: s}
	for _, p := range parts {
		if p.expr {
			t.parts = append(t.parts, c.expression(path, s, p.at+skip, p.text, ""))
		} else {
			t.parts = append(t.parts, constant{value: p.text})
		}
	}
	return t
}

// condition compiles an expression that may stand in braces.
func (c *compiler) condition(path, src string) evaluator {
	if !strings.HasPrefix(strings.TrimSpace(src), "{{") {
		return c.expression(path, src, 0, src, "")
	}
	shift := strings.Index(src, "{{")
	if len(src) > maxTemplate {
		return c.template(path, src, 0)
	}
	parts, unclosed := split(strings.TrimSpace(src))
	if unclosed >= 0 {
		return c.template(path, src, 0)
	}
	if len(parts) != 1 {
		c.report(Issue{
			Path: path, Line: 1, Column: 1, Code: CodeBadExpression,
			Message: "a condition is one expression", Hint: "write all of it inside one pair of braces, or without braces",
		})
		return nil
	}
	return c.expression(path, src, parts[0].at+shift, parts[0].text, "")
}
