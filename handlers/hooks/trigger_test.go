package hooks

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"prana/engine/flow"
)

// board is an engine with one workflow, "order": it starts each id once, and knows what became of it.
type board struct {
	mu      sync.Mutex
	trigger flow.Trigger
	err     error // of everything
	seen    map[string]string
	starts  []flow.StartRequest
	view    *flow.View // nil = it goes on, and is running
}

func (b *board) Trigger(_ context.Context, workflow string) (flow.Trigger, error) {
	if workflow != "order" {
		return flow.Trigger{}, flow.ErrNotFound
	}
	return b.trigger, b.err
}

func (b *board) Start(_ context.Context, r flow.StartRequest) (flow.StartResult, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, again := b.seen[r.ID]
	if again && r.ID != "" {
		if before != string(r.Same) {
			return flow.StartResult{}, flow.ErrMismatch
		}
		return flow.StartResult{ExecutionID: "x", Replayed: true}, nil
	}
	b.seen[r.ID] = string(r.Same)
	b.starts = append(b.starts, r)
	return flow.StartResult{ExecutionID: "x"}, nil
}

func (b *board) Await(ctx context.Context, _ string) (*flow.View, error) {
	if b.view == nil {
		<-ctx.Done()
		return &flow.View{Summary: flow.Summary{ID: "x", Status: flow.Running}}, context.Cause(ctx)
	}
	return b.view, nil
}

func (b *board) AwaitReply(ctx context.Context, id string) (*flow.View, error) {
	return b.Await(ctx, id)
}

type obj = map[string]any

// triggered makes the handler of a workflow whose trigger has these parameters beside its defaults.
func triggered(t *testing.T, params obj) (*board, *Triggers) {
	t.Helper()
	all := obj{"path": "", "methods": []any{"POST"}, "response_type": "immediately", "response_timeout_ms": 30_000}
	maps.Copy(all, params)
	b := &board{seen: map[string]string{}, trigger: flow.Trigger{Version: "v1", Type: triggerType, Params: all}}
	h := NewTriggers(TriggersConfig{Engine: b, Now: func() time.Time { return now }})
	t.Cleanup(h.Close)
	return b, h
}

func call(h http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return serve(h, r)
}

// input is what the only execution was started with.
func (b *board) input(t *testing.T) obj {
	t.Helper()
	if len(b.starts) != 1 {
		t.Fatalf("%d executions were started", len(b.starts))
	}
	var in obj
	if err := json.Unmarshal(b.starts[0].Input, &in); err != nil {
		t.Fatal(err)
	}
	return in
}

func TestWebhookStartsItsWorkflow(t *testing.T) {
	t.Parallel()
	b, h := triggered(t, obj{"path": "/paid"})
	w := call(h, "POST", "/webhook/order/paid?a=1&b=2&b=3", `{"n": 12345678901234567890}`, "Content-Type", "application/json", "X-Two", "one", "X-Two", "two")
	if w.Code != 202 || w.Body.String() != `{"execution_id":"x"}` {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	in := b.input(t)
	want := obj{
		"method": "POST", "path": "/webhook/order/paid", "query": obj{"a": "1", "b": []any{"2", "3"}},
		"headers": obj{"content-type": "application/json", "x-two": "one, two"}, "body": obj{"n": 12345678901234567890.0},
	}
	if !reflect.DeepEqual(in, want) {
		t.Errorf("the input is %v, want %v", in, want)
	}
	if r := b.starts[0]; r.Workflow != "order" || r.Version != "v1" || r.ID != "" || !bytes.Contains(r.Input, []byte("12345678901234567890")) {
		t.Errorf("the start is %+v", r)
	}
}

func TestWebhooksThatAreNone(t *testing.T) {
	t.Parallel()
	_, h := triggered(t, obj{"path": "/paid"})
	for _, path := range []string{"/webhook/order", "/webhook/order/", "/webhook/order/paid/", "/webhook/order/Paid", "/webhook/other/paid", "/webhook/Order/paid", "/webhook/", "/webhook/%2e%2e/paid"} {
		if w := call(h, "POST", path, ""); w.Code != 404 {
			t.Errorf("%s: got %d", path, w.Code)
		}
	}
	b, h := triggered(t, nil)
	b.trigger.Type = "manual.trigger"
	if w := call(h, "POST", "/webhook/order", ""); w.Code != 404 || len(b.starts) > 0 {
		t.Errorf("a workflow without webhook: got %d", w.Code)
	}
}

func TestWebhookMethods(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]int{"GET": 202, "put": 405, "PUT": 202, "POST": 405, "HEAD": 405, "OPTIONS": 204, "BREW": 405} {
		b, h := triggered(t, obj{"methods": []any{"get", "PUT"}})
		w := call(h, method, "/webhook/order", "")
		if w.Code != want || (want != 202) != (len(b.starts) == 0) {
			t.Errorf("%s: got %d and %d starts, want %d", method, w.Code, len(b.starts), want)
		}
		if want != 202 && w.Header().Get("Allow") != "GET, PUT, OPTIONS" {
			t.Errorf("%s: Allow is %q", method, w.Header().Get("Allow"))
		}
	}
}

func token(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	s, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + s
}

func TestWebhookAuth(t *testing.T) {
	t.Parallel()
	basic := obj{"type": "basic", "username": "shop", "password": "s3cret"}
	header := obj{"type": "header", "header_name": "X-Key", "header_value": "s3cret"}
	signed := obj{"type": "jwt", "jwt_secret": string(secret), "jwt_issuer": "shop", "jwt_audience": "orders"}
	good := jwt.MapClaims{"iss": "shop", "aud": []string{"orders", "x"}, "exp": now.Add(time.Minute).Unix()}
	with := func(claim string, v any) jwt.MapClaims {
		c := maps.Clone(good)
		c[claim] = v
		return c
	}
	none, _ := jwt.NewWithClaims(jwt.SigningMethodNone, good).SignedString(jwt.UnsafeAllowNoneSignatureType)
	pair := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for name, tt := range map[string]struct {
		auth          obj
		header, value string
		want          int
	}{
		"basic":                      {basic, "Authorization", pair("shop:s3cret"), 202},
		"basic, other password":      {basic, "Authorization", pair("shop:s3cret2"), 401},
		"basic, other name":          {basic, "Authorization", pair("shop2:s3cret"), 401},
		"basic, empty":               {basic, "Authorization", pair(":"), 401},
		"basic, nothing":             {basic, "X", "y", 401},
		"header":                     {header, "x-key", "s3cret", 202},
		"header, prefix":             {header, "X-Key", "s3cre", 401},
		"header, empty":              {header, "X-Key", "", 401},
		"header, elsewhere":          {header, "Authorization", "s3cret", 401},
		"jwt":                        {signed, "Authorization", token(t, jwt.SigningMethodHS256, secret, good), 202},
		"jwt, other key":             {signed, "Authorization", token(t, jwt.SigningMethodHS256, other, good), 401},
		"jwt, other algorithm":       {signed, "Authorization", token(t, jwt.SigningMethodHS512, secret, good), 401},
		"jwt, no algorithm":          {signed, "Authorization", "Bearer " + none, 401},
		"jwt, expired":               {signed, "Authorization", token(t, jwt.SigningMethodHS256, secret, with("exp", now.Add(-time.Minute).Unix())), 401},
		"jwt, expired just now":      {signed, "Authorization", token(t, jwt.SigningMethodHS256, secret, with("exp", now.Add(-10*time.Second).Unix())), 202},
		"jwt, not yet":               {signed, "Authorization", token(t, jwt.SigningMethodHS256, secret, with("nbf", now.Add(time.Hour).Unix())), 401},
		"jwt, issued in the future":  {signed, "Authorization", token(t, jwt.SigningMethodHS256, secret, with("iat", now.Add(time.Hour).Unix())), 401},
		"jwt, of somebody else":      {signed, "Authorization", token(t, jwt.SigningMethodHS256, secret, with("iss", "thief")), 401},
		"jwt, for somebody else":     {signed, "Authorization", token(t, jwt.SigningMethodHS256, secret, with("aud", "bank")), 401},
		"jwt, without scheme":        {signed, "Authorization", strings.TrimPrefix(token(t, jwt.SigningMethodHS256, secret, good), "Bearer "), 401},
		"jwt, rubbish":               {signed, "Authorization", "Bearer a.b.c", 401},
		"basic from somebody's page": {basic, "Sec-Fetch-Site", "cross-site", 403},
	} {
		b, h := triggered(t, obj{"auth": tt.auth})
		body := &unreadBody{}
		r := httptest.NewRequest("POST", "/webhook/order", body)
		r.Header.Set(tt.header, tt.value)
		w := serve(h, r)
		if w.Code != tt.want || (tt.want == 202) != (len(b.starts) == 1) {
			t.Errorf("%s: got %d %s, want %d", name, w.Code, w.Body, tt.want)
		}
		if challenged := w.Header().Get("WWW-Authenticate") != ""; challenged != (tt.want == 401) {
			t.Errorf("%s: WWW-Authenticate is %q", name, w.Header().Get("WWW-Authenticate"))
		}
		if body.read && tt.want != 202 {
			t.Errorf("%s: the body was read", name)
		}
	}
}

// unreadBody notes whether anybody reads it.
type unreadBody struct{ read bool }

func (b *unreadBody) Read([]byte) (int, error) {
	b.read = true
	return 0, io.EOF
}

// A secret that is missing must not let everybody in, and the delivery is to be tried again.
func TestWebhookWhoseSecretIsMissing(t *testing.T) {
	t.Parallel()
	for name, auth := range map[string]obj{
		"basic":       {"type": "basic", "username": "a"},
		"header":      {"type": "header", "header_name": "X-Key"},
		"jwt":         {"type": "jwt"},
		"a short key": {"type": "jwt", "jwt_secret": string(secret[:31])},
		"unknown":     {"type": "oauth"},
		"empty":       {},
		"null":        nil,
	} {
		b, h := triggered(t, obj{"auth": auth})
		var log bytes.Buffer
		h.Logger = slog.New(slog.NewTextHandler(&log, nil))
		w := call(h, "POST", "/webhook/order", "", "Authorization", "Basic Og==", "X-Key", "")
		if w.Code != 500 || len(b.starts) > 0 || !strings.Contains(log.String(), "level=ERROR") || strings.Contains(w.Body.String(), "auth") {
			t.Errorf("%s: got %d %s; the log says %s", name, w.Code, w.Body, &log)
		}
		if strings.Contains(log.String(), string(secret[:31])) {
			t.Errorf("%s: the log tells the secret", name)
		}
	}
}

func TestWebhookKeepsNoCredentials(t *testing.T) {
	t.Parallel()
	b, h := triggered(t, obj{"auth": obj{"type": "header", "header_name": "x-shop-key", "header_value": "hunter2"}})
	w := call(h, "POST", "/webhook/order", "", "X-Shop-Key", "hunter2", "Authorization", "Bearer hunter3", "Cookie", "a=hunter4",
		"Proxy-Authorization", "hunter5", "Proxy-X", "hunter6", "X-Kept", "yes")
	if w.Code != 202 || bytes.Contains(b.starts[0].Input, []byte("hunter")) {
		t.Errorf("got %d; the input is %s", w.Code, b.starts[0].Input)
	}
	if headers := b.input(t)["headers"]; !reflect.DeepEqual(headers, obj{"x-kept": "yes"}) {
		t.Errorf("the headers are %v", headers)
	}
}

func TestWebhookBodies(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		media, body string
		status      int
		want        any
	}{
		"nothing":            {"application/json", "", 202, nil},
		"json":               {"application/json; charset=utf-8", `[1,"a"]`, 202, []any{1.0, "a"}},
		"json of a kind":     {"application/vnd.github+json", `{"a":null}`, 202, obj{"a": nil}},
		"json, broken":       {"application/json", `{"a"`, 400, nil},
		"json, a name twice": {"application/json", `{"a":1,"a":2}`, 400, nil},
		"json, too deep":     {"application/json", strings.Repeat("[", 65) + strings.Repeat("]", 65), 400, nil},
		"a form":             {"application/x-www-form-urlencoded", "a=1&b=%C3%BC&b=+", 202, obj{"a": "1", "b": []any{"ü", " "}}},
		"a form, broken":     {"application/x-www-form-urlencoded", "a=%zz", 400, nil},
		"text":               {"text/plain", "hello\nworld", 202, "hello\nworld"},
		"without a type":     {"", `{"a":1}`, 202, `{"a":1}`},
		"no text":            {"image/png", "\x89PNG\xff", 415, nil},
		"as large as may be": {"text/plain", strings.Repeat("a", MaxRequest), 202, strings.Repeat("a", MaxRequest)},
		"too large":          {"text/plain", strings.Repeat("a", MaxRequest+1), 413, nil},
	} {
		b, h := triggered(t, nil)
		w := call(h, "POST", "/webhook/order", tt.body, "Content-Type", tt.media)
		if w.Code != tt.status {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
		if tt.status == 202 {
			if got := b.input(t)["body"]; !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s: the body is %.80v", name, got)
			}
		}
	}
	_, h := triggered(t, nil)
	if w := call(h, "POST", "/webhook/order", "x", "Content-Encoding", "gzip"); w.Code != 415 {
		t.Errorf("compressed: got %d", w.Code)
	}
}

func TestWebhookDeliveredAgain(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Idempotency-Key", "webhook-id"} {
		b, h := triggered(t, nil)
		first := call(h, "POST", "/webhook/order", `{"a":1}`, "Content-Type", "application/json", name, "m1", "Date", "today")
		again := call(h, "POST", "/webhook/order", `{"a":1}`, "Content-Type", "application/json", name, "m1", "Date", "tomorrow")
		other := call(h, "POST", "/webhook/order", `{"a":2}`, "Content-Type", "application/json", name, "m1")
		if first.Code != 202 || again.Code != 202 || again.Body.String() != first.Body.String() || other.Code != 422 || len(b.starts) != 1 {
			t.Errorf("%s: got %d, %d %s, %d; %d starts", name, first.Code, again.Code, again.Body, other.Code, len(b.starts))
		}
		if first.Header().Get("Idempotency-Replayed") != "" || again.Header().Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s: Idempotency-Replayed is %q", name, again.Header().Get("Idempotency-Replayed"))
		}
		if b.starts[0].ID != "webhook:m1" {
			t.Errorf("%s: the start id is %q", name, b.starts[0].ID)
		}
	}
	_, h := triggered(t, nil)
	if w := call(h, "POST", "/webhook/order", "", "Idempotency-Key", strings.Repeat("k", 256)); w.Code != 400 {
		t.Errorf("a key too long: got %d", w.Code)
	}
}

func over(status flow.Status, output, reply string, p *flow.Problem) *flow.View {
	return &flow.View{Summary: flow.Summary{ID: "x", Status: status, Error: p}, Output: json.RawMessage(output), Reply: json.RawMessage(reply)}
}

func TestWebhookAnswers(t *testing.T) {
	t.Parallel()
	boom := &flow.Problem{Code: "http_error", Message: "connecting to 10.0.0.7 as root", Node: "call"}
	const reply = `{"status":201,"headers":{"Content-Type":["text/html"],"X-A":["1","2"]},"body":"<p>"}`
	for name, tt := range map[string]struct {
		response string
		view     *flow.View
		status   int
		body     string
	}{
		"at its end":              {"on_completion", over(flow.Completed, `{"a":1}`, "", nil), 200, `{"a":1}`},
		"at its end, with null":   {"on_completion", over(flow.Completed, ``, "", nil), 200, `null`},
		"its output, not a reply": {"on_completion", over(flow.Completed, `1`, reply, nil), 200, `1`},
		"a reply":                 {"at_return_node", over(flow.Suspended, ``, reply, nil), 201, `<p>`},
		"a reply, then a failure": {"at_return_node", over(flow.Failed, ``, reply, boom), 201, `<p>`},
		"ended without a reply":   {"at_return_node", over(flow.Completed, `7`, "", nil), 200, `7`},
		"an answer that is none":  {"at_return_node", over(flow.Completed, `7`, `"yes"`, nil), 500, ""},
		"failed":                  {"on_completion", over(flow.Failed, "", "", boom), 500, ""},
		"failed without a reply":  {"at_return_node", over(flow.Failed, "", "", boom), 500, ""},
		"cancelled":               {"on_completion", over(flow.Cancelled, "", "", nil), 500, ""},
	} {
		b, h := triggered(t, obj{"response_type": tt.response})
		b.view = tt.view
		w := call(h, "POST", "/webhook/order", "")
		if w.Code != tt.status || tt.body != "" && w.Body.String() != tt.body {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: the type may be guessed", name)
		}
		if tt.body == "<p>" && (w.Header().Get("Content-Security-Policy") != "sandbox" || len(w.Header()["X-A"]) != 2) {
			t.Errorf("%s: the headers are %v", name, w.Header())
		}
		if strings.Contains(w.Body.String(), "10.0.0.7") {
			t.Errorf("%s: the answer tells what went wrong inside: %s", name, w.Body)
		}
	}
}

func TestWebhookOfAFailedExecutionSaysWhich(t *testing.T) {
	t.Parallel()
	b, h := triggered(t, obj{"response_type": "on_completion"})
	b.view = over(flow.TimedOut, "", "", &flow.Problem{Code: "timeout"})
	var doc obj
	w := call(h, "POST", "/webhook/order", "")
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc["code"] != "execution_failed" || doc["execution_id"] != "x" || doc["execution_status"] != "timed_out" || doc["error_code"] != "timeout" {
		t.Errorf("the problem is %s", w.Body)
	}
}

func TestWebhookWaitsNoLongerThanItSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, h := triggered(t, obj{"response_type": "at_return_node", "response_timeout_ms": 1500})
		began := time.Now()
		w := call(h, "POST", "/webhook/order", "")
		if w.Code != 202 || w.Body.String() != `{"execution_id":"x","status":"running"}` || time.Since(began) != 1500*time.Millisecond {
			t.Errorf("after %s: %d %s", time.Since(began), w.Code, w.Body)
		}
	})
}

func TestWebhookCallersAreAnsweredWhenTheServerCloses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, h := triggered(t, obj{"response_type": "on_completion"})
		began := time.Now()
		time.AfterFunc(time.Second, h.Close)
		if w := call(h, "POST", "/webhook/order", ""); w.Code != 202 || time.Since(began) != time.Second {
			t.Errorf("after %s: %d %s", time.Since(began), w.Code, w.Body)
		}
	})
}

func TestWebhookCallersWhoWaitAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, h := triggered(t, obj{"response_type": "on_completion"})
		for range MaxWaiting {
			go call(h, "POST", "/webhook/order", "")
		}
		synctest.Wait()
		w := call(h, "POST", "/webhook/order", "")
		if w.Code != 503 || w.Header().Get("Retry-After") != "1" || len(b.starts) != MaxWaiting {
			t.Errorf("got %d, %d starts", w.Code, len(b.starts))
		}
		h.Close()
		synctest.Wait()
		if w := call(h, "POST", "/webhook/order", ""); w.Code != 202 {
			t.Errorf("when they are gone: got %d", w.Code)
		}
	})
}

func TestWebhookForAnybody(t *testing.T) {
	t.Parallel()
	b, h := triggered(t, nil)
	var log bytes.Buffer
	h.Logger, h.Public = slog.New(slog.NewTextHandler(&log, nil)), true
	for range 3 {
		if w := call(h, "POST", "/webhook/order", ""); w.Code != 202 {
			t.Errorf("got %d", w.Code)
		}
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), "workflow=order") {
		t.Errorf("%d warnings: %s", n, &log)
	}
	h.Anonymous = func(*http.Request) error { return flow.Problemf("forbidden", "not here") }
	if w := call(h, "POST", "/webhook/order", ""); w.Code != 403 || len(b.starts) != 3 {
		t.Errorf("a caller who may not come in: got %d", w.Code)
	}
}

// A page of somebody else's can have a browser GET whatever it likes.
func TestWebhookByGetIsNoSafeRequest(t *testing.T) {
	t.Parallel()
	for name, auth := range map[string]obj{
		"none": {"type": "none"}, "basic": {"type": "basic", "username": "a", "password": "b"},
	} {
		b, h := triggered(t, obj{"methods": []any{"GET"}, "auth": auth})
		h.Anonymous = origin.Check
		basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("a:b"))
		if w := call(h, "GET", "/webhook/order", "", "Sec-Fetch-Site", "cross-site", "Authorization", basic); w.Code == 202 || len(b.starts) > 0 {
			t.Errorf("%s, from a page of somebody else's: got %d", name, w.Code)
		}
		if w := call(h, "GET", "/webhook/order", "", "Sec-Fetch-Site", "none", "Authorization", basic); w.Code != 202 {
			t.Errorf("%s, from the address bar: got %d", name, w.Code)
		}
	}
}

func TestWebhookWhenTheEngineFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want int
	}{{flow.ErrUnavailable, 503}, {flow.ErrNotFound, 404}, {errors.New("hunter2"), 500}, {flow.Problemf("invalid_params", "hunter2"), 500}} {
		b, h := triggered(t, nil)
		b.err = tt.err
		if w := call(h, "POST", "/webhook/order", ""); w.Code != tt.want || strings.Contains(w.Body.String(), "hunter2") {
			t.Errorf("%v: got %d %s", tt.err, w.Code, w.Body)
		}
	}
}

// The server's own limits are shorter than what a trigger may have its callers wait.
func TestWebhookCallersWaitLongerThanTheServerWrites(t *testing.T) {
	t.Parallel()
	_, h := triggered(t, obj{"response_type": "on_completion", "response_timeout_ms": 1500})
	s := httptest.NewUnstartedServer(h)
	s.Config.ReadTimeout, s.Config.WriteTimeout = time.Second, time.Second // a busy machine reads a request within that
	s.Start()
	defer s.Close()
	res, err := s.Client().Post(s.URL+"/webhook/order", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != 202 || !strings.Contains(string(body), "running") {
		t.Errorf("got %d %s, %v", res.StatusCode, body, err)
	}
}
