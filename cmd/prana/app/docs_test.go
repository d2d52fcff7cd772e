package app

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"prana/handlers/api/wire"
	"prana/handlers/docs"
)

// documentation is that of a process which adds no pages.
var documentation = docs.New((&App{}).pages()...)

// served is the HTML of a page.
func served(t *testing.T, path string) string {
	t.Helper()
	w := httptest.NewRecorder()
	documentation.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != 200 {
		t.Fatalf("%s: got %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

// The type of every problem leads to a heading of a page that is served.
func TestTypesOfProblemsLeadToTheirSections(t *testing.T) {
	t.Parallel()
	for _, c := range wire.Codes() {
		path, anchor, _ := strings.Cut(c.Page(), "#")
		if !strings.Contains(served(t, path), `<h2 id="`+anchor+`">`) {
			t.Errorf("%s leads nowhere", c.Page())
		}
	}
}

// Every link between pages leads to one that is there, and to a heading of it.
func TestServedLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`href="([^":]*)"`)
	seen, todo := map[string]string{}, []string{"/docs/"}
	for len(todo) > 0 {
		at := todo[0]
		todo = todo[1:]
		if seen[at] != "" {
			continue
		}
		seen[at] = served(t, at)
		for _, m := range link.FindAllStringSubmatch(seen[at], -1) {
			if page, _, _ := strings.Cut(m[1], "#"); page != "" && page != "../" && page != "./" {
				todo = append(todo, "/docs/"+page)
			}
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d pages can be reached", len(seen))
	}
	for at, page := range seen {
		for _, m := range link.FindAllStringSubmatch(page, -1) {
			to, anchor, found := strings.Cut(m[1], "#")
			target := seen["/docs/"+to]
			if to == "" {
				target = page
			}
			if found && !strings.Contains(target, `id="`+anchor+`"`) {
				t.Errorf("%s: %s leads to no heading", at, m[1])
			}
		}
	}
}
