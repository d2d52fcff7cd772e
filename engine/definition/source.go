package definition

import (
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"prana/engine/plan"
)

// Source is the text that a workflow was read from. It finds the places that
// paths name.
type Source struct {
	File  string
	lines []string
	root  *tree // in the canonical form
	// document holds the comments of a source in YAML.
	document *yaml.Node
}

func newSource(file string, src []byte) *Source {
	return &Source{File: file, lines: strings.Split(string(src), "\n")}
}

// Position gives the 1-based line and column of the value at a path such as
// "nodes[2].params.url". When there is no such value, it is the place of what
// would contain it.
func (s *Source) Position(path string) (line, column int) {
	at := s.find(path).place
	return at.line, at.column
}

// found is where a path leads.
type found struct {
	place
	name place // of the name, when a name leads there
	tree *tree // nil when only something above it exists
}

func (s *Source) find(path string) found {
	t := s.root
	if t == nil {
		return found{place: place{1, 1}, name: place{1, 1}}
	}
	at := found{place: t.place, name: t.place, tree: t}
	for part := range parts(path) {
		next, name := t.child(part)
		if next == nil {
			at.tree = nil
			return at
		}
		t = next
		at = found{place: t.place, name: name, tree: t}
	}
	return at
}

// child follows one part of a path: a name, or a place in a list.
func (t *tree) child(part string) (*tree, place) {
	if t.kind == listKind {
		n, ok := resolve(part).(int)
		if !ok || n < 0 || n >= len(t.items) {
			return nil, place{}
		}
		return t.items[n], t.items[n].place
	}
	for _, f := range t.fields {
		if f.name == part {
			return f.value, f.place
		}
	}
	return nil, place{}
}

// place fills in where a diagnostic belongs.
func (s *Source) place(d *plan.Diagnostic) {
	at := place{d.Line, d.Column}
	if at.line == 0 {
		f := s.find(d.Path)
		at = f.place
		if d.OnKey {
			at = f.name
		}
		if d.Offset > 0 && f.tree != nil {
			at = s.inside(f.tree, d.Offset)
		}
	}
	d.Place(s.File, at.line, max(at.column, 1), s.line(at.line))
}

func (s *Source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return s.lines[n-1]
}

// inside gives the place of a byte of a string's value.
func (s *Source) inside(t *tree, offset int) place {
	text, ok := t.text()
	if !ok || offset > len(text) {
		return t.place
	}
	if t.ported != nil {
		text, offset = t.ported.written, t.ported.offsets[offset]
	}
	before := []rune(text[:offset])
	c := &cursor{lines: s.lines, style: t.style}
	if t.style == literal || t.style == folded {
		return c.block(t.place, before)
	}
	return c.scalar(t.place, before)
}

// cursor walks through the written form of a string beside its value.
type cursor struct {
	lines []string
	style style
	at    place
	text  []rune // the line, without the white space at its end
}

// move goes to a line and past its indentation.
func (c *cursor) move(line int) {
	c.at, c.text = place{line, 1}, nil
	if line <= len(c.lines) {
		c.text = []rune(strings.TrimRightFunc(c.lines[line-1], unicode.IsSpace))
	}
	for _, r := range c.text {
		if r != ' ' && r != '\t' {
			break
		}
		c.at.column++
	}
}

// scalar walks through a plain or quoted string.
func (c *cursor) scalar(at place, before []rune) place {
	c.move(at.line)
	c.at = at
	if c.style != plain {
		c.at.column++
	}
	for _, r := range before {
		c.pass(r)
	}
	return c.at
}

// block walks through a block. A literal one keeps its line breaks and what
// stands right of its indentation, which is that of its first line with text.
func (c *cursor) block(at place, before []rune) place {
	c.next(at.line + 1)
	indent := c.at.column
	if c.style == literal {
		c.at.line = at.line + 1
	}
	for _, r := range before {
		switch {
		case c.style != literal:
			c.pass(r)
		case r == '\n':
			c.at = place{c.at.line + 1, indent}
		default:
			c.at.column++
		}
	}
	return c.at
}

// pass moves over the written form of one character of the value. A line break
// that is folded is one character.
func (c *cursor) pass(r rune) {
	i := c.at.column - 1
	if i >= len(c.text) {
		if unicode.IsSpace(r) {
			c.next(c.at.line + 1)
		}
		return
	}
	c.at.column++
	switch {
	case c.style == double && c.text[i] == '\\':
		c.at.column += escaped(c.text[i:], r)
	case c.style == single && c.text[i] == '\'':
		c.at.column++
	}
}

// next moves to the first line with text, from line on.
func (c *cursor) next(line int) {
	for ; line <= len(c.lines); line++ {
		if c.move(line); len(c.text) > 0 {
			return
		}
	}
}

// escaped is how long an escape is after its backslash.
func escaped(rest []rune, value rune) int {
	if len(rest) < 2 {
		return 0
	}
	switch rest[1] {
	case 'x':
		return 3
	case 'U':
		return 9
	case 'u':
		if value > 0xFFFF { // two halves, as JSON writes them
			return 11
		}
		return 5
	}
	return 1
}

// parts splits a path as plan.Join and plan.At build it.
func parts(path string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for path != "" {
			var part string
			if part, path = cutPart(path); !yield(part) {
				return
			}
		}
	}
}
