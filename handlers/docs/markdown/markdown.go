// Package markdown reads the pages of this repository as GitHub shows them: its tables, and its anchors of headings.
package markdown

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// engine leaves out HTML that stands in a page, so that nothing but Markdown reaches a browser.
var engine = goldmark.New(
	goldmark.WithExtensions(extension.GFM),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
)

// Parse reads a page. Its headings have the ids that GitHub gives them.
func Parse(src []byte) ast.Node {
	c := parser.NewContext(parser.WithIDs(&ids{taken: map[string]bool{}}))
	return engine.Parser().Parse(text.NewReader(src), parser.WithContext(c))
}

// Render makes HTML of a page that Parse has read from src.
func Render(doc ast.Node, src []byte) ([]byte, error) {
	var b bytes.Buffer
	if err := engine.Renderer().Render(&b, src, doc); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Visit calls do with every node of a kind, in the order of the page.
func Visit[T ast.Node](doc ast.Node, do func(T)) {
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, ok := n.(T); ok && entering {
			do(t)
		}
		return ast.WalkContinue, nil
	})
}

// Text is what a node says, without its markup.
func Text(n ast.Node, src []byte) string {
	var b strings.Builder
	Visit(n, func(t *ast.Text) {
		b.Write(t.Segment.Value(src))
		if t.SoftLineBreak() {
			b.WriteByte(' ')
		}
	})
	return b.String()
}

// ID is the anchor of a heading; empty = it is none.
func ID(h *ast.Heading) string {
	id, _ := h.AttributeString("id")
	raw, _ := id.([]byte)
	return string(raw)
}

// Anchor is the id of a heading that comes once: lower case, letters, digits, - and _, with - for spaces.
func Anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(heading))
}

// ids are those of one page, where a heading that comes again is numbered.
type ids struct{ taken map[string]bool }

// Generate gives the id of a heading, as its source is written.
func (i *ids) Generate(heading []byte, _ ast.NodeKind) []byte {
	anchor := Anchor(string(heading))
	id := anchor
	for n := 1; i.taken[id]; n++ {
		id = anchor + "-" + strconv.Itoa(n)
	}
	i.taken[id] = true
	return []byte(id)
}

// Put takes an id that the page itself gives.
func (i *ids) Put(id []byte) { i.taken[string(id)] = true }
