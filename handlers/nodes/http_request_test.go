package nodes

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"prana/engine/node"
)

// echo tells what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	fmt.Fprintf(w, `{"method":%q,"path":%q,"query":%q,"body":%q,"type":%q,"key":%q,"attempt":%q,"auth":%q,"x":%q,"accept":%q}`,
		r.Method, r.URL.Path, r.URL.Query().Encode(), body, r.Header.Get("Content-Type"), r.Header.Get(headerKey), r.Header.Get(headerAttempt),
		r.Header.Get("Authorization"), strings.Join(r.Header["X-List"], "|"), r.Header.Get("Accept"))
}

func TestRequestSends(t *testing.T) {
	t.Parallel()
	s := serve(t, echo)
	typ := typeOf(t, inside, "http.request")
	for name, tc := range map[string]struct{ params, want obj }{
		"get":         {obj{}, obj{"method": "GET", "body": "", "key": "", "attempt": "", "auth": ""}},
		"head of all": {obj{"method": "options"}, obj{"method": "OPTIONS"}},
		"query":       {obj{"params": obj{"a": 1, "l": []any{"x", 2}, "n": nil}}, obj{"query": "a=1&l=x&l=2&q=0"}},
		"post text":   {obj{"method": "POST", "body": "plain"}, obj{"method": "POST", "body": "plain", "type": "", "key": "key-1", "attempt": "2"}},
		"post json":   {obj{"method": "POST", "json": obj{"a": []any{1, 2.5}}}, obj{"body": `{"a":[1,2.5]}`, "type": "application/json"}},
		"own type":    {obj{"method": "PUT", "json": obj{}, "headers": obj{"content-type": "application/vnd.x+json"}}, obj{"type": "application/vnd.x+json"}},
		"own key":     {obj{"method": "DELETE", "headers": obj{"idempotency-key": "mine"}}, obj{"key": "mine"}},
		"headers":     {obj{"headers": obj{"x-list": []any{"a", 2}, "Accept": "text/csv"}}, obj{"x": "a|2", "accept": "text/csv"}},
		"basic":       {obj{"auth": obj{"type": "basic", "username": "u", "password": "p"}}, obj{"auth": "Basic dTpw"}},
		"bearer":      {obj{"auth": obj{"type": "bearer", "token": "t"}, "headers": obj{"X-List": "kept"}}, obj{"auth": "Bearer t", "x": "kept"}},
		"api key":     {obj{"auth": obj{"type": "api_key", "key": "k", "header": "X-List"}}, obj{"x": "k"}},
	} {
		tc.params["url"] = s.URL + "/p?q=0"
		c := callFor(typ, tc.params)
		c.Attempt = 2
		got := run(t, typ, c).Output.(obj)["body"].(obj)
		for k, want := range tc.want {
			if got[k] != want {
				t.Errorf("%s: %s is %q, want %q", name, k, got[k], want)
			}
		}
	}
}

func TestRequestRefusesParameters(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	s := serve(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	typ := typeOf(t, inside, "http.request")
	many := make([]any, maxHeaders+1)
	for name, params := range map[string]obj{
		"headers":        {"headers": "invalid"},
		"params":         {"params": "invalid"},
		"timeout":        {"timeout": "invalid"},
		"timeout 0":      {"timeout": 0},
		"timeout long":   {"timeout_ms": 300_001},
		"method":         {"method": "BREW"},
		"line break":     {"headers": obj{"X-A": "a\r\nX-B: b"}},
		"control":        {"headers": obj{"X-A": "a\x00"}},
		"header name":    {"headers": obj{"X A": "a"}},
		"empty name":     {"headers": obj{"": "a"}},
		"host":           {"headers": obj{"host": "internal"}},
		"hop by hop":     {"headers": obj{"transfer-encoding": "chunked"}},
		"many headers":   {"headers": obj{"X-A": many}},
		"large headers":  {"headers": obj{"X-A": strings.Repeat("a", maxHeaderBytes)}},
		"auth type":      {"auth": obj{"type": "magic"}},
		"no auth type":   {"auth": obj{}},
		"no token":       {"auth": obj{"type": "bearer"}},
		"token break":    {"auth": obj{"type": "bearer", "token": "a\nb"}},
		"key header":     {"auth": obj{"type": "api_key", "key": "k", "header": "Content-Length"}},
		"two bodies":     {"body": "a", "json": obj{}},
		"accept":         {"accept_status": []any{"6xx"}},
		"accept order":   {"accept_status": []any{"300-200"}},
		"accept word":    {"accept_status": []any{"ok"}},
		"response limit": {"max_response": DefaultMaxResponse + 1},
	} {
		params["url"] = s.URL
		if p := problemOf(t, typ, callFor(typ, params), codeParams); !p.Permanent {
			t.Errorf("%s is tried again", name)
		}
	}
	if hits.Load() != 0 {
		t.Error("a request was sent")
	}
}

func TestRequestDecodes(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, inside, "http.request")
	for name, tc := range map[string]struct {
		contentType, body string
		want              any
	}{
		"json":      {"application/json", `{"i":42,"f":1.5}`, obj{"i": 42, "f": 1.5}},
		"suffix":    {"application/problem+json", `[1]`, []any{1}},
		"no json":   {"application/json", `<html>`, "<html>"},
		"text":      {"text/plain", `{"i":1}`, `{"i":1}`},
		"empty":     {"application/json", "", nil},
		"not UTF-8": {"application/octet-stream", "a\xffb", "a\uFFFDb"},
	} {
		s := serve(t, answer(200, tc.contentType, tc.body))
		out := run(t, typ, callFor(typ, obj{"url": s.URL})).Output.(obj)
		same(t, name, out["body"], tc.want)
		if m, ok := out["body"].(obj); ok && m["i"] != 42 {
			t.Errorf("42 became %T", m["i"])
		}
	}
}

func TestResponseHeaders(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["X-Multi"] = []string{"a", "b"}
		h.Set("Set-Cookie", "session=1")
		h.Set("Authorization", "Bearer x")
	})
	typ := typeOf(t, inside, "http.request")
	h := run(t, typ, callFor(typ, obj{"url": s.URL})).Output.(obj)["headers"].(obj)
	if h["x-multi"] != "a, b" || h["content-length"] != "0" {
		t.Errorf("the headers are %v", h)
	}
	for name := range h {
		if name == "set-cookie" || name == "authorization" || name != strings.ToLower(name) {
			t.Errorf("there is a header %s", name)
		}
	}
}

func TestRequestStatuses(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, inside, "http.request")
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var code int
		if _, err := fmt.Sscanf(r.URL.Path, "/%d", &code); err != nil {
			code = 500
		}
		w.WriteHeader(code)
	})
	for _, tc := range []struct {
		code              int
		accept            []any
		failed, permanent bool
	}{
		{200, nil, false, false},
		{204, nil, false, false},
		{304, nil, false, false},
		{400, nil, true, true},
		{404, nil, true, true},
		{408, nil, true, false},
		{425, nil, true, false},
		{429, nil, true, false},
		{500, nil, true, false},
		{503, nil, true, false},
		{404, []any{"2xx", 404}, false, false},
		{404, []any{"404"}, false, false},
		{451, []any{"4XX"}, false, false},
		{418, []any{"400-420"}, false, false},
		{200, []any{404}, true, false},
		{500, []any{"2xx", "4xx"}, true, false},
	} {
		c := callFor(typ, obj{"url": fmt.Sprintf("%s/%d", s.URL, tc.code), "accept_status": tc.accept})
		if !tc.failed {
			if got := run(t, typ, c).Output.(obj)["status"]; got != tc.code {
				t.Errorf("%d became %v", tc.code, got)
			}
			continue
		}
		p := problemOf(t, typ, c, codeStatus)
		if p.Permanent != tc.permanent || p.Details["status"] != tc.code {
			t.Errorf("%d: the problem is %+v", tc.code, p)
		}
	}
}

func TestRefusedBodyIsKept(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, inside, "http.request")
	s := serve(t, answer(422, "application/json", `{"field":"name"}`))
	p := problemOf(t, typ, callFor(typ, obj{"url": s.URL}), codeStatus)
	same(t, "the body", p.Details["body"], obj{"field": "name"})

	s = serve(t, answer(500, "text/plain", strings.Repeat("x", DefaultMaxResponse*2)))
	p = problemOf(t, typ, callFor(typ, obj{"url": s.URL}), codeStatus)
	if body, _ := p.Details["body"].(string); len(body) < sampleSize || len(body) > sampleSize+4 {
		t.Errorf("%d bytes are kept", len(body))
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	date := noon.Add(90 * time.Second).Format(http.TimeFormat)
	for name, tc := range map[string]struct {
		value, date string
		want        time.Duration
	}{
		"none":       {"", "", 0},
		"seconds":    {"120", "", 2 * time.Minute},
		"negative":   {"-5", "", 0},
		"huge":       {"99999999999999", "", maxWaitMS * time.Millisecond},
		"date":       {date, "", 90*time.Second - 5*time.Millisecond},
		"their date": {date, noon.Add(time.Minute).Format(http.TimeFormat), 30 * time.Second},
		"past":       {noon.Add(-time.Hour).Format(http.TimeFormat), "", 0},
		"nonsense":   {"soon", "", 0},
	} {
		h := http.Header{}
		h.Set("Retry-After", tc.value)
		h.Set("Date", tc.date)
		if got := retryAfter(h, noon); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(503)
	})
	typ := typeOf(t, inside, "http.request")
	if p := problemOf(t, typ, callFor(typ, obj{"url": s.URL}), codeStatus); p.RetryAfter != 7*time.Second {
		t.Errorf("the problem is %+v", p)
	}
}

func TestResponseLimit(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var out io.Writer = w
		if r.URL.Path == "/zip" { // small on the wire, large once unpacked
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer func() { _ = z.Close() }()
			out = z
		}
		_, _ = io.WriteString(out, strings.Repeat("x", 1000))
	})
	typ := typeOf(t, Options{Egress: inside.Egress, MaxResponse: 1000}, "http.request")
	run(t, typ, callFor(typ, obj{"url": s.URL}))
	run(t, typ, callFor(typ, obj{"url": s.URL + "/zip"}))
	for _, path := range []string{"/", "/zip"} {
		p := problemOf(t, typ, callFor(typ, obj{"url": s.URL + path, "max_response": 999}), "payload_too_large")
		if !p.Permanent {
			t.Errorf("%s is tried again", path)
		}
	}
}

// slow answers only when the request is given up.
func slow(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestRequestTimesOut(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			w.(http.Flusher).Flush()
		}
		slow(w, r)
	})
	typ := typeOf(t, inside, "http.request")
	for _, params := range []obj{{"url": s.URL, "timeout": 20}, {"url": s.URL, "timeout_ms": 20}, {"url": s.URL + "/body", "timeout": 20}} {
		if p := problemOf(t, typ, callFor(typ, params), codeTimeout); p.Permanent {
			t.Error("a timeout is not tried again")
		}
	}
}

func TestRequestIsCancelled(t *testing.T) {
	t.Parallel()
	why := errors.New("somebody cancelled")
	arrived := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { close(arrived); slow(w, r) })
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { <-arrived; cancel(why) }()
	typ := typeOf(t, inside, "http.request")
	if _, err := runOnce(ctx, typ, callFor(typ, obj{"url": s.URL})); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

func TestTransportErrors(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	s.Close()
	hangUp := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	typ := typeOf(t, inside, "http.request")
	for _, u := range []string{s.URL, hangUp.URL} {
		p := problemOf(t, typ, callFor(typ, obj{"url": u + "/path?secret=s3cr3t"}), codeHTTP)
		if p.Permanent || strings.Contains(p.Message, "s3cr3t") {
			t.Errorf("the problem is %+v", p)
		}
	}
}

func TestNothingIsRepeated(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { hits.Add(1); w.WriteHeader(503) })
	typ := typeOf(t, inside, "http.request")
	runFails(t, typ, callFor(typ, obj{"url": s.URL}), codeStatus)
	if hits.Load() != 1 {
		t.Errorf("it was asked %d times", hits.Load())
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, "text/plain", "body"))
	typ := typeOf(t, inside, "http.request")
	out := run(t, typ, callFor(typ, obj{"url": s.URL, "method": "HEAD"})).Output.(obj)
	if out["body"] != "" || out["headers"].(obj)["content-length"] != "4" {
		t.Errorf("it is %v", out)
	}
}

// TestRetriedRequests asks what a definition is warned of that retries a request.
func TestRetriedRequests(t *testing.T) {
	t.Parallel()
	typ, _ := node.NewRegistry(Builtin(Options{})...).Lookup("http.request")
	for _, c := range []struct {
		params map[string]any
		want   string
	}{
		{nil, ""},
		{map[string]any{"method": "PUT"}, ""},
		{map[string]any{"method": "post"}, "a POST"},
		{map[string]any{"method": "PATCH", "headers": map[string]any{"accept": "*/*"}}, "a PATCH"},
		{map[string]any{"method": "POST", "headers": map[string]any{"idempotency-key": "x"}}, ""},
		{map[string]any{"method": "{{ $input.method }}"}, ""},
	} {
		if got, _ := typ.Unsafe(c.params); got != c.want {
			t.Errorf("%v: got %q, want %q", c.params, got, c.want)
		}
	}
}
