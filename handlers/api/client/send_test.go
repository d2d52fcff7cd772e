package client

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"prana/engine/flow"
)

func TestSilentServersAreUnreachable(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	c := dial(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(release) }) // before the server is closed, which waits for it
	c.Timeout = 20 * time.Millisecond
	if _, err := c.Workflows(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}

// Redirects lose bodies and show tokens to others, so that they are told and not followed.
func TestRedirectsAreToldAndNotFollowed(t *testing.T) {
	t.Parallel()
	var followed atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Store(true) }))
	t.Cleanup(other.Close)
	c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/secret", http.StatusMovedPermanently)
	}))
	_, err := c.Start(t.Context(), flow.StartRequest{Workflow: "order"})
	if p := flow.AsProblem(err); p.Code != "http_301" || !strings.HasSuffix(p.Message, other.URL) || followed.Load() {
		t.Errorf("got %v, followed: %t", err, followed.Load())
	}
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"items":[]}` + strings.Repeat(" ", 100)))
	}))
	c.most = 112
	if _, err := c.Workflows(t.Context()); err != nil {
		t.Errorf("as long as may be: %v", err)
	}
	c.most = 111
	if _, err := c.Workflows(t.Context()); err == nil || !strings.Contains(err.Error(), "more than 111 bytes") {
		t.Errorf("longer: %v", err)
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	var opened atomic.Int32
	turn := 0
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if turn++; turn%2 == 0 {
			http.Error(w, strings.Repeat("no ", 1000), http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(`{"items":[]}`))
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c, err := New(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 10 {
		_, _ = c.Workflows(t.Context())
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for ten requests, one after the other", n)
	}
}

// The URL is the only secret that is needed, and the token is for the server alone.
func TestResumeURLsAreAskedWithoutToken(t *testing.T) {
	t.Parallel()
	c := dial(t, http.NotFoundHandler())
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.URL.Path != "/resume/t" || r.Method != http.MethodPost {
			t.Errorf("%s %s with token %q", r.Method, r.URL, r.Header.Get("Authorization"))
		}
		_, _ = w.Write([]byte(`{"status":"resumed","execution_id":"` + execID + `"}`))
	}))
	t.Cleanup(other.Close)
	if id, err := c.ResumeByURL(t.Context(), other.URL+"/resume/t", map[string]any{"a": 1}); err != nil || id != execID {
		t.Errorf("got %q, %v", id, err)
	}
	if _, err := c.ResumeByURL(t.Context(), "/resume/secret", nil); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}
