package docs

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"

	"prana/handlers/api/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// folder makes a folder of pages: name and text by turns.
func folder(dir string, pages ...string) Folder {
	files := fstest.MapFS{}
	for i := 0; i < len(pages); i += 2 {
		files[pages[i]] = &fstest.MapFile{Data: []byte(pages[i+1])}
	}
	return Folder{dir, files}
}

func some() *Docs {
	return New(
		folder("handlers/docs/pages",
			"index.md", "# Prana\n\nStart with [the tutorial](tutorial.md).\n\n## Reference\n\n- [Nodes](../../nodes/REFERENCE.md)\n- [Again](tutorial.md)\n",
			"tutorial.md", "# Tutorial\n\nSee [a node](../../nodes/REFERENCE.md#code-expr), [states](../../../engine/STATES.md), [above](#tutorial), "+
				"[the web](https://example.com/a.md) and [`go.mod`](../../../go.mod).\n\n## Wide\n\n| a | b |\n|---|---|\n| `x < y` | 2 |\n\n```sh\necho '<pre>'\n```\n\n<script>alert(1)</script>\n\n## Wide\n"),
		folder("handlers/nodes", "REFERENCE.md", "# Node types\n\n## code expr\n", "nodes.go", "package nodes"),
		folder("deploy", "METRICS.md", "# Metrics\n"),
	)
}

func get(d *Docs, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

func wants(t *testing.T, w *httptest.ResponseRecorder, status int, mediaType string, says ...string) {
	t.Helper()
	if w.Code != status || !strings.HasPrefix(w.Header().Get("Content-Type"), mediaType) {
		t.Errorf("got %d %s, want %d %s", w.Code, w.Header().Get("Content-Type"), status, mediaType)
	}
	for _, text := range says {
		if !strings.Contains(w.Body.String(), text) {
			t.Errorf("%q is missing in:\n%s", text, w.Body)
		}
	}
}

const ofBrowser = "text/html,application/xhtml+xml,*/*;q=0.8"

func TestPagesLeadToEachOther(t *testing.T) {
	t.Parallel()
	d := some()
	wants(t, get(d, "/docs/"), 200, "text/html", `<h1 id="prana">Prana`, `href="tutorial"`)
	wants(t, get(d, "/docs/tutorial"), 200, "text/html",
		`<a href="nodes#code-expr">a node</a>`, `states (<code>engine/STATES.md</code>)`, `<a href="#tutorial">`, `<a href="https://example.com/a.md">`,
		`<h2 id="wide">`, `<h2 id="wide-1">`, "x &lt; y", `Next: <a href="nodes"`)
	wants(t, get(d, "/docs/nodes"), 200, "text/html", `<h2 id="code-expr">`)
	if page := get(d, "/docs/tutorial").Body.String(); strings.Contains(page, "go.mod</code> (") || strings.Contains(page, `.md"`) && !strings.Contains(page, "a.md") {
		t.Errorf("a path is said twice, or a link is dead:\n%s", page)
	}
	wants(t, get(d, "/docs"), 301, "text/html")
}

// The contents are those of the index, in its order; nothing is lost that it forgets.
func TestContents(t *testing.T) {
	t.Parallel()
	page := get(some(), "/docs/tutorial").Body.String()
	nav := page[strings.Index(page, "<nav"):]
	var order []string
	for _, m := range regexp.MustCompile(`<h2>(.*)</h2>|<li><a href="([^#"]*)"`).FindAllStringSubmatch(nav, -1) {
		order = append(order, m[1]+m[2])
	}
	if got := strings.Join(order, " "); got != "tutorial Reference nodes More metrics" {
		t.Errorf("the order is %q", got)
	}
	if !strings.Contains(nav, `<a href="tutorial" aria-current="page">`) || !strings.Contains(nav, `<a href="#wide">Wide</a>`) {
		t.Errorf("it does not show where one is:\n%s", nav)
	}
}

func TestMarkdownIsGivenToWhoAsks(t *testing.T) {
	t.Parallel()
	d := some()
	for path, accept := range map[string]string{"/docs/metrics.md": ofBrowser, "/docs/metrics": "text/markdown"} {
		if w := get(d, path, "Accept", accept); w.Body.String() != "# Metrics\n" {
			t.Errorf("%s: got %s", path, w.Body)
		} else {
			wants(t, w, 200, "text/markdown")
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	d := some()
	wants(t, get(d, "/docs/nothing", "Accept", ofBrowser), 404, "text/html", "no such page", `href="tutorial"`)
	for _, path := range []string{"/docs/nothing", "/docs/nothing.md", "/docs/nodes/REFERENCE.md", "/docs/../go.mod", "/docs/metrics/"} {
		w := get(d, path)
		wants(t, w, 404, wire.ProblemType)
		var doc wire.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || doc.Code != "not_found" {
			t.Errorf("%s: got %s", path, w.Body)
		}
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/docs/", nil))
	wants(t, w, 405, wire.ProblemType)
	if w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("it allows %q", w.Header().Get("Allow"))
	}
}

// Nothing is loaded and nothing runs, whatever stands in a page.
func TestPagesLoadNothing(t *testing.T) {
	t.Parallel()
	for _, w := range []*httptest.ResponseRecorder{get(some(), "/docs/tutorial"), get(some(), "/docs/x", "Accept", ofBrowser)} {
		page := w.Body.String()
		for _, bad := range []string{"<script", "<link", "<img", " style=", "onclick", "@import", "url("} {
			if strings.Contains(page, bad) {
				t.Errorf("%q is in:\n%s", bad, page)
			}
		}
		style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(page)[1]
		if policy := w.Header().Get("Content-Security-Policy"); policy != wire.PagePolicy(style, "'none'") {
			t.Errorf("the policy is %s", policy)
		}
	}
}

func TestUnchangedPagesAreNotSentAgain(t *testing.T) {
	t.Parallel()
	d := some()
	etag := get(d, "/docs/metrics").Header().Get("ETag")
	if w := get(d, "/docs/metrics", "If-None-Match", etag); w.Code != 304 || w.Body.Len() > 0 {
		t.Errorf("got %d", w.Code)
	}
	if other := get(d, "/docs/metrics.md").Header().Get("ETag"); other == etag {
		t.Error("the page and its Markdown have the same ETag")
	}
}

func TestTwoPagesOfOneName(t *testing.T) {
	t.Parallel()
	d := New(folder("deploy", "API.md", "# A"), folder("handlers/api", "api.md", "# B"))
	if err := d.Check(); err == nil || !strings.Contains(err.Error(), "/docs/api") {
		t.Errorf("got %v", err)
	}
	wants(t, get(d, "/docs/api"), 500, wire.ProblemType)
}
