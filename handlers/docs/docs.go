// Package docs serves the documentation at /docs. Its pages are Markdown that stands in the repository beside what it
// documents; the same links lead from one to the other there and here. Nothing of them is secret, so no token is asked for.
package docs

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

//go:embed pages/*.md
var own embed.FS

// Folder is a directory of the repository that has pages.
type Folder struct {
	Dir   string // from the root of the repository, such as "deploy"
	Files fs.FS  // its Markdown; what else is in it is left out
}

// Pages are those that document no single package.
func Pages() Folder {
	files, err := fs.Sub(own, "pages")
	if err != nil {
		panic(err) // "pages" is a valid path
	}
	return Folder{"handlers/docs/pages", files}
}

// Docs serves /docs and what is below it.
type Docs struct {
	book func() (*book, error)
}

// New serves the pages of these folders. They are read when the first is asked for. A page is called like its file, in
// lower case and without .md; a REFERENCE.md is called like its directory. index is the first page, and the contents.
func New(folders ...Folder) *Docs {
	return &Docs{sync.OnceValues(func() (*book, error) { return bind(folders) })}
}

// Check reads all pages, and tells what is wrong with them.
func (d *Docs) Check() error {
	_, err := d.book()
	return err
}

// ServeHTTP answers with a page as HTML, or as its Markdown when the path ends with .md or that is what is accepted.
func (d *Docs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		wire.ProblemOf(flow.Problemf("method_not_allowed", "the documentation can only be read")).Write(w)
		return
	}
	b, err := d.book()
	if err != nil {
		wire.ProblemOf(err).Write(w)
		return
	}
	name, below := strings.CutPrefix(r.URL.Path, "/docs/")
	if !below { // links are relative to /docs/
		http.Redirect(w, r, "/docs/", http.StatusMovedPermanently)
		return
	}
	b.serve(w, r, name)
}

func (b *book) serve(w http.ResponseWriter, r *http.Request, name string) {
	w.Header().Add("Vary", "Accept")
	slug, raw := strings.CutSuffix(name, ".md")
	if slug == "" {
		slug = home
	}
	p, ok := b.pages[slug]
	switch {
	case !ok:
		b.missing(w, r, path.Base(name))
	case raw || accepts(r, "text/markdown"):
		p.markdown.write(w, r)
	default:
		p.html.write(w, r)
	}
}

// missing is a page for people and a problem for programs.
func (b *book) missing(w http.ResponseWriter, r *http.Request, name string) {
	if accepts(r, "text/html") {
		secure(w.Header())
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", htmlType)
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write(b.lost) // the reader is gone: nobody is left to tell
		return
	}
	wire.ProblemOf(flow.NotFound("page", flow.Cut(name, 100))).Write(w)
}

func accepts(r *http.Request, media string) bool {
	return strings.Contains(r.Header.Get("Accept"), media)
}
