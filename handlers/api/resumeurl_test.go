package api

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"prana/engine/flow"
)

const urlToken = execID + "-3.000-c2VjcmV0IHNpZ25hdHVyZQ"

func TestResumeURLShows(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "HEAD"} {
		f := newFake()
		w := send(f, method, "/resume/"+urlToken, "")
		want := `{"status":"active","workflow":"order","node":"wait","expires_at":"2026-01-02T03:04:05Z"}`
		if got := strings.TrimSpace(w.Body.String()); w.Code != 200 || got != want {
			t.Errorf("%s: got %d %s; want %s", method, w.Code, got, want)
		}
		if f.last() != urlToken { // what resumes is asked with the data as well
			t.Errorf("%s asked for %v", method, f.last())
		}
		wantKept(t, w.Header())
	}
}

// wantKept: neither caches nor other sites learn the URL.
func wantKept(t *testing.T, h http.Header) {
	t.Helper()
	if h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("the headers are %v", h)
	}
}

func TestResumeURLTakesJSONAndForms(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	for _, tt := range []struct{ media, body, want string }{
		{"", `{"y":2}`, `{"y":2}`},
		{"application/json", `[1,"a",12345678901234567890]`, `[1,"a",12345678901234567890]`},
		{"application/json", "", `{}`},
		{form, "", `{}`},
		{form, `{"y":2}`, `{"y":2}`}, // curl -d
		{form, "approved=yes&who=a%20b&tag=1&tag=2", `{"approved":"yes","tag":["1","2"],"who":"a b"}`},
	} {
		f := newFake()
		w := send(f, "POST", "/resume/"+urlToken, tt.body, "Content-Type", tt.media)
		if got := strings.TrimSpace(w.Body.String()); w.Code != 200 || got != `{"status":"resumed","execution_id":"`+execID+`"}` {
			t.Errorf("%q as %q: got %d %s", tt.body, tt.media, w.Code, got)
		}
		if f.last() != urlToken+" "+tt.want {
			t.Errorf("%q as %q brought %v; want %s", tt.body, tt.media, f.last(), tt.want)
		}
		wantKept(t, w.Header())
	}
}

func TestResumeURLRefuses(t *testing.T) {
	t.Parallel()
	json := []string{"Content-Type", "application/json"}
	for name, tt := range map[string]struct {
		method, body string
		header       []string
		err          error
		status       int
		code         string
	}{
		"too early":       {"POST", `{}`, json, flow.ErrNotWaitingYet, 400, "not_waiting_yet"},
		"too late":        {"POST", `{}`, json, flow.ErrConflict, 409, "conflict"},
		"expired":         {"POST", `{}`, json, flow.ErrGone, 410, "gone"},
		"unknown":         {"GET", "", nil, flow.ErrNotFound, 404, "not_found"},
		"half a JSON":     {"POST", `{"a":`, json, nil, 400, "invalid_json"},
		"a member twice":  {"POST", `{"a":1,"a":2}`, json, nil, 400, "invalid_json"},
		"not UTF-8":       {"POST", "\"\xff\"", json, nil, 400, "invalid_json"},
		"a bad form":      {"POST", "a=%zz", []string{"Content-Type", "application/x-www-form-urlencoded"}, nil, 400, "invalid"},
		"another type":    {"POST", "hello", []string{"Content-Type", "text/plain"}, nil, 415, "unsupported_media_type"},
		"too large":       {"POST", `"` + strings.Repeat("a", MaxBody) + `"`, json, nil, 413, "payload_too_large"},
		"another method":  {"DELETE", "", nil, nil, 405, "method_not_allowed"},
		"another origin":  {"POST", `{}`, []string{"Content-Type", "application/json", "Sec-Fetch-Site", "cross-site"}, nil, 403, "forbidden"},
		"a foreign form":  {"POST", "a=1", []string{"Content-Type", "application/x-www-form-urlencoded", "Origin", "https://evil.example"}, nil, 403, "forbidden"},
		"Redis was away":  {"POST", `{}`, json, flow.ErrUnavailable, 503, "unavailable"},
		"looks from afar": {"GET", "", []string{"Sec-Fetch-Site", "cross-site"}, nil, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake()
			f.err = tt.err
			w := send(f, tt.method, "/resume/"+urlToken, tt.body, tt.header...)
			if w.Code != tt.status {
				t.Fatalf("got %d %s", w.Code, w.Body)
			}
			if tt.code != "" && problemIn(t, w).Code != tt.code {
				t.Errorf("got %s", w.Body)
			}
			if tt.err == nil && tt.status != 200 && f.last() != nil {
				t.Errorf("the engine was asked for %v", f.last())
			}
		})
	}
}

// TestResumeURLIsTheCredential: a server that asks for tokens serves it to everybody, a server that does not by any name.
func TestResumeURLIsTheCredential(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"", "correct horse"} {
		c := config(newFake())
		c.Token = token
		for _, method := range []string{"GET", "POST"} {
			r := request(method, "/resume/"+urlToken, "")
			r.Host = "flows.example.com"
			if w := serve(c, r); w.Code != 200 {
				t.Errorf("token %q, %s: got %d %s", token, method, w.Code, w.Body)
			}
		}
	}
}

// TestResumeURLIsNotLogged: not even when the server is at fault.
func TestResumeURLIsNotLogged(t *testing.T) {
	t.Parallel()
	for _, panicking := range []bool{false, true} {
		var log bytes.Buffer
		f := newFake()
		f.err, f.panicking = flow.Problemf("surprise", "unlisted"), panicking
		c := config(f)
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		for _, method := range []string{"GET", "POST"} {
			if w := serve(c, request(method, "/resume/"+urlToken, "")); w.Code != 500 {
				t.Errorf("got %d %s", w.Code, w.Body)
			}
		}
		if text := log.String(); text == "" || strings.Contains(text, urlToken) {
			t.Errorf("the log says %s", text)
		}
	}
}
