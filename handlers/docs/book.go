package docs

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"

	"prana/handlers/docs/markdown"
)

// home is the page at /docs/ itself.
const home = "index"

// book is all pages, ready to be sent.
type book struct {
	pages map[string]*page // by slug
	files map[string]*page // by file
	order []chapter
	lost  []byte // what is shown for a page that does not exist
}

// page is one Markdown file.
type page struct {
	Slug  string
	Title string
	Parts []part // its headings of the second level
	file  string // from the root of the repository
	src   []byte
	doc   ast.Node

	html, markdown content
}

// Href leads to the page from any other.
func (p *page) Href() string {
	if p.Slug == home {
		return "./"
	}
	return p.Slug
}

// part is a heading inside a page.
type part struct{ ID, Title string }

// chapter is a part of the contents: what stands below one heading of the index.
type chapter struct {
	Title string
	Pages []*page
}

// bind reads all pages, links them to each other and renders them.
func bind(folders []Folder) (*book, error) {
	b := &book{pages: map[string]*page{}, files: map[string]*page{}}
	for _, f := range folders {
		names, err := fs.Glob(f.Files, "*.md")
		if err != nil {
			return nil, fmt.Errorf("listing the pages of %s: %w", f.Dir, err)
		}
		for _, name := range names {
			if err := b.read(f, name); err != nil {
				return nil, err
			}
		}
	}
	b.order = b.contents()
	return b, b.render()
}

func (b *book) read(f Folder, name string) error {
	src, err := fs.ReadFile(f.Files, name)
	if err != nil {
		return fmt.Errorf("reading a page of %s: %w", f.Dir, err)
	}
	p := &page{file: path.Join(f.Dir, name), src: src, doc: markdown.Parse(src)}
	p.Slug = slugOf(p.file)
	if other := b.pages[p.Slug]; other != nil {
		return fmt.Errorf("%s and %s would both be at /docs/%s: rename one of them", other.file, p.file, p.Slug)
	}
	p.headings()
	b.pages[p.Slug], b.files[p.file] = p, p
	return nil
}

func slugOf(file string) string {
	name := strings.TrimSuffix(path.Base(file), ".md")
	if name == "REFERENCE" {
		name = path.Base(path.Dir(file))
	}
	return strings.ToLower(name)
}

func (p *page) headings() {
	p.Title = p.Slug
	titled := false
	markdown.Visit(p.doc, func(h *ast.Heading) {
		text := markdown.Text(h, p.src)
		switch {
		case h.Level == 1 && !titled:
			p.Title, titled = text, true
		case h.Level == 2:
			p.Parts = append(p.Parts, part{markdown.ID(h), text})
		}
	})
}

// contents is the order of the pages: that in which the index leads to them, by its headings. What it does not lead to
// comes last.
func (b *book) contents() []chapter {
	var chapters []chapter
	rest := maps.Clone(b.pages)
	if index := b.pages[home]; index != nil {
		delete(rest, home)
		chapters = b.listed(index, rest)
	}
	if len(rest) > 0 {
		more := slices.SortedFunc(maps.Values(rest), func(p, q *page) int { return strings.Compare(p.Title, q.Title) })
		chapters = append(chapters, chapter{"More", more})
	}
	return slices.DeleteFunc(chapters, func(c chapter) bool { return len(c.Pages) == 0 })
}

// listed takes out of rest what the index leads to.
func (b *book) listed(index *page, rest map[string]*page) []chapter {
	chapters := []chapter{{}}
	markdown.Visit(index.doc, func(n ast.Node) {
		switch n := n.(type) {
		case *ast.Heading:
			if n.Level == 2 {
				chapters = append(chapters, chapter{Title: markdown.Text(n, index.src)})
			}
		case *ast.Link:
			p, _ := b.target(index, string(n.Destination))
			if p != nil && rest[p.Slug] == p {
				delete(rest, p.Slug)
				last := &chapters[len(chapters)-1]
				last.Pages = append(last.Pages, p)
			}
		}
	})
	return chapters
}

// target is the page that a relative link of another leads to, and the anchor on it with its #.
func (b *book) target(from *page, link string) (to *page, anchor string) {
	file, anchor, found := strings.Cut(link, "#")
	if found {
		anchor = "#" + anchor
	}
	if file == "" {
		return from, anchor
	}
	return b.files[path.Join(path.Dir(from.file), file)], anchor
}

// render makes HTML of every page, in the frame that all share.
func (b *book) render() error {
	for _, p := range b.pages {
		if err := b.link(p); err != nil {
			return err
		}
		body, err := markdown.Render(p.doc, p.src)
		if err != nil {
			return fmt.Errorf("rendering %s: %w", p.file, err)
		}
		whole, err := b.frame(p, body)
		if err != nil {
			return fmt.Errorf("rendering %s: %w", p.file, err)
		}
		p.html, p.markdown = newContent(htmlType, whole), newContent("text/markdown; charset=utf-8", p.src)
	}
	var err error
	b.lost, err = b.frame(&page{Title: "There is no such page"}, []byte("<h1>There is no such page</h1>\n<p>It may have another name by now: look into the contents.</p>\n"))
	return err
}

// scrolling lets what is too wide for a phone be moved by finger and by keyboard.
var scrolling = []string{
	"<table>", `<div class="wide" role="region" aria-label="Table" tabindex="0"><table>`, "</table>", "</table></div>",
	"<pre>", `<pre tabindex="0">`,
}

func widened(body []byte) []byte {
	for pair := range slices.Chunk(scrolling, 2) {
		body = bytes.ReplaceAll(body, []byte(pair[0]), []byte(pair[1]))
	}
	return body
}
