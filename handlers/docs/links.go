package docs

import (
	"fmt"
	"html"
	"net/url"
	"path"

	"github.com/yuin/goldmark/ast"

	"prana/handlers/docs/markdown"
)

// link makes the links of a page lead to where the pages are served, and gives its headings links to themselves. What
// leads to a file that is no page cannot be followed here: its path is said instead.
func (b *book) link(p *page) error {
	var links []*ast.Link
	markdown.Visit(p.doc, func(l *ast.Link) { links = append(links, l) })
	for _, l := range links {
		u, err := url.Parse(string(l.Destination))
		if err != nil {
			return fmt.Errorf("%s: the link %q cannot be read: %w", p.file, l.Destination, err)
		}
		if u.Scheme != "" || u.Host != "" || path.IsAbs(u.Path) {
			continue
		}
		if to, anchor := b.target(p, string(l.Destination)); to == nil {
			unlink(l, path.Join(path.Dir(p.file), u.Path), p.src)
		} else if u.Path != "" {
			l.Destination = []byte(to.Href() + anchor)
		}
	}
	markdown.Visit(p.doc, anchored)
	return nil
}

// unlink leaves the text of a link, and the path of the file unless the text is that.
func unlink(l *ast.Link, file string, src []byte) {
	text := ast.NewString([]byte(" (<code>" + html.EscapeString(file) + "</code>)"))
	text.SetCode(true) // HTML already
	if markdown.Text(l, src) == file {
		text.Value = nil
	}
	parent := l.Parent()
	parent.InsertAfter(parent, l, text)
	for child := l.FirstChild(); child != nil; child = l.FirstChild() {
		parent.InsertBefore(parent, l, child)
	}
	parent.RemoveChild(parent, l)
}

func anchored(h *ast.Heading) {
	id := markdown.ID(h)
	if h.Level == 1 || id == "" {
		return
	}
	mark := ast.NewString([]byte(` <a class="anchor" href="#` + html.EscapeString(id) + `" aria-label="Link to this section">#</a>`))
	mark.SetCode(true) // HTML already
	h.AppendChild(h, mark)
}
