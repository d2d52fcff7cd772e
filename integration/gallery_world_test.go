package integration

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// galleryWorld is everything outside of one case: each address answers as the case says. It is a transport for the run
// under the jumping clock, and a server whose paths begin with the host for the one on a real Redis.
type galleryWorld struct {
	answers map[string][]worldAnswer

	mu     sync.Mutex
	calls  []worldCall
	seen   map[string]int // by address
	inside int
	most   int // that were inside at once
	gather int // so many calls wait for one another, at first
	met    chan struct{}
}

type worldCall struct {
	to     string // "METHOD host/path"
	header http.Header
	body   []byte
}

func newGalleryWorld(c galleryCase) *galleryWorld {
	return &galleryWorld{answers: c.World, seen: map[string]int{}, met: make(chan struct{})}
}

// RoundTrip answers without a network.
func (w *galleryWorld) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	w.answer(rec, r, r.URL.Host+r.URL.Path)
	res := rec.Result()
	res.Request = r
	return res, nil
}

// serve listens, until the test is over.
func (w *galleryWorld) serve(t *testing.T, gather int) (url string) {
	t.Helper()
	w.gather = gather
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.answer(rw, r, strings.TrimPrefix(r.URL.Path, "/"))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func (w *galleryWorld) answer(rw http.ResponseWriter, r *http.Request, address string) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(io.LimitReader(r.Body, 1<<20)) // who calls may have gone
	}
	c := worldCall{to: r.Method + " " + address, header: r.Header.Clone(), body: body}
	defer w.leave()
	a, known := w.note(c)
	if !known {
		http.Error(rw, "the case knows nothing of "+c.to, http.StatusNotImplemented)
		return
	}
	select {
	case <-w.met:
	case <-r.Context().Done():
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(max(a.Status, http.StatusOK))
	if len(a.Body) > 0 {
		_, _ = rw.Write(a.Body) // likewise
	}
}

// note remembers a call, and says what is answered.
func (w *galleryWorld) note(c worldCall) (a worldAnswer, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, c)
	w.inside++
	w.most = max(w.most, w.inside)
	select {
	case <-w.met:
	default:
		if w.inside >= w.gather {
			close(w.met)
		}
	}
	all := w.answers[c.to]
	if len(all) == 0 {
		return worldAnswer{}, false
	}
	w.seen[c.to]++
	return all[min(w.seen[c.to], len(all))-1], true
}

func (w *galleryWorld) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inside--
}

func (w *galleryWorld) received() []worldCall {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clip(w.calls)
}

// crowd tells how many calls were answered at once, at most.
func (w *galleryWorld) crowd() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.most
}

// link finds the resume URL that the first call of an address carried, and gives its token.
func (w *galleryWorld) link(to string) (token string, err error) {
	calls, _ := split(w.received(), to)
	if len(calls) == 0 {
		return "", fmt.Errorf("there was no call of %s", to)
	}
	_, rest, found := strings.Cut(string(calls[0].body), "/resume/")
	if !found {
		return "", fmt.Errorf("there is no link in %s", calls[0].body)
	}
	return rest[:strings.IndexAny(rest+`"`, "\" \\\n")], nil
}
