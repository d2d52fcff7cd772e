package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"prana/config"
	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// ran is what a command line did.
type ran struct {
	code           int
	stdout, stderr string
}

// prana runs a command line in an empty environment, against a server that may be "".
func prana(t *testing.T, server string, args ...string) ran {
	t.Helper()
	return pranaWith(t, t.Context(), server, "", args...)
}

func pranaWith(t *testing.T, ctx context.Context, server, stdin string, args ...string) ran { //nolint:revive // t first, as everywhere here
	t.Helper()
	var stdout, stderr bytes.Buffer
	sh := &shell{stdin: strings.NewReader(stdin), stdout: &stdout, stderr: &stderr, environ: []string{}}
	if server != "" {
		sh.environ = append(sh.environ, "PRANA_SERVER="+server, "PRANA_TOKEN=sesame")
	}
	code := run(ctx, sh, args)
	return ran{code, stdout.String(), stderr.String()}
}

// wants fails the test unless the code is this and both streams contain what is asked.
func (r ran) wants(t *testing.T, code int, stdout, stderr string) {
	t.Helper()
	if r.code != code || !strings.Contains(r.stdout, stdout) || !strings.Contains(r.stderr, stderr) {
		t.Errorf("got exit %d\nstdout: %s\nstderr: %s\nwant exit %d, %q in stdout and %q in stderr", r.code, r.stdout, r.stderr, code, stdout, stderr)
	}
}

// request is one that the fake server saw.
type request struct {
	line   string // method and path
	query  url.Values
	header http.Header
	body   string
}

// fake is a server that answers as it is told, and remembers what it was asked.
type fake struct {
	url     string
	answers map[string]any // by method and path: an error, or what becomes JSON
	all     http.Handler   // answers everything instead

	mu   sync.Mutex
	seen []request
}

func newFake(t *testing.T, answers map[string]any) *fake {
	t.Helper()
	f := &fake{answers: answers}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	f.url = s.URL
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	line := r.Method + " " + r.URL.Path
	if line == "GET /v1/executions" && f.answers[line] == nil && f.all == nil {
		_ = json.NewEncoder(w).Encode(beginning(f.known(), r))
		return
	}
	f.mu.Lock()
	f.seen = append(f.seen, request{line, r.URL.Query(), r.Header, string(body)})
	f.mu.Unlock()
	if f.all != nil {
		f.all.ServeHTTP(w, r)
		return
	}
	switch a := f.answers[line].(type) {
	case http.HandlerFunc:
		a(w, r)
	case error:
		wire.ProblemOf(a).Write(w)
	case nil:
		http.Error(w, "nothing here", http.StatusTeapot)
	case flow.Page[flow.Summary]:
		_ = json.NewEncoder(w).Encode(beginning(a, r))
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(a)
	}
}

// beginning keeps those whose id begins as is asked for.
func beginning(page flow.Page[flow.Summary], r *http.Request) flow.Page[flow.Summary] {
	prefix := r.URL.Query().Get("id_prefix")
	page.Items = slices.DeleteFunc(slices.Clone(page.Items), func(x flow.Summary) bool { return !strings.HasPrefix(x.ID, prefix) })
	return page
}

// known are the executions that there are answers about: who gives an id in short has it looked up. Nobody counts that as a
// request but the tests of it, which have an answer of their own.
func (f *fake) known() flow.Page[flow.Summary] {
	page := flow.Page[flow.Summary]{Items: []flow.Summary{}}
	for line := range f.answers {
		_, rest, ok := strings.Cut(line, " /v1/executions/")
		id := strings.FieldsFunc(rest, func(r rune) bool { return r == ':' || r == '/' })
		if ok && len(id) > 0 && !slices.ContainsFunc(page.Items, func(x flow.Summary) bool { return x.ID == id[0] }) {
			page.Items = append(page.Items, flow.Summary{ID: id[0]})
		}
	}
	return page
}

// asked gives the requests so far.
func (f *fake) asked() []request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]request(nil), f.seen...)
}

// only gives the one request there was.
func (f *fake) only(t *testing.T) request {
	t.Helper()
	seen := f.asked()
	if len(seen) != 1 {
		t.Fatalf("the server saw %d requests, want one: %v", len(seen), seen)
	}
	return seen[0]
}

// same compares JSON texts, whatever their spacing.
func same(t *testing.T, got, want string) {
	t.Helper()
	var a, b any
	if json.Unmarshal([]byte(got), &a) != nil || json.Unmarshal([]byte(want), &b) != nil {
		t.Fatalf("not JSON: %s, %s", got, want)
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if !bytes.Equal(x, y) {
		t.Errorf("got %s, want %s", x, y)
	}
}

// defaults is the configuration of somebody who chose nothing.
func defaults(t *testing.T) config.Config {
	t.Helper()
	cfg, err := (&shell{environ: []string{}}).load(nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}
