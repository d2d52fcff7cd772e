package hooks

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	now    = time.Unix(1_800_000_000, 0)
	secret = []byte(key1)
	other  = []byte(strings.ToLower(key1))
)

const key1 = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// engine counts each id once, as the real one does.
type engine struct {
	mu     sync.Mutex
	seen   map[string]bool
	events []flow.Event
	starts []flow.StartRequest
	err    error
}

func (e *engine) once(id string) (again bool) {
	again = e.seen[id]
	e.seen[id] = true
	return again
}

func (e *engine) Publish(_ context.Context, ev flow.Event) (flow.PublishResult, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	again := e.once(ev.ID)
	if !again {
		e.events = append(e.events, ev)
	}
	return flow.PublishResult{ID: ev.ID, Matched: 2, Executions: []string{"a", "b"}, Buffered: true, Repeated: again}, e.err
}

func (e *engine) Start(_ context.Context, r flow.StartRequest) (flow.StartResult, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	again := e.once(r.ID)
	if !again {
		e.starts = append(e.starts, r)
	}
	return flow.StartResult{ExecutionID: "x", Replayed: again}, e.err
}

func setup(t *testing.T) (*engine, http.Handler) {
	t.Helper()
	e := &engine{seen: map[string]bool{}}
	h, err := New(Config{
		Hooks: map[string]Hook{
			"paid":  {Event: "payment", Secrets: []string{key1}},
			"order": {Workflow: "order", Secrets: []string{key1}},
			"git":   {Event: "push", Secrets: []string{key1}, Scheme: HMAC, Header: "X-Hub-Signature-256", Prefix: "sha256=", IDHeader: "X-GitHub-Delivery"},
			"plain": {Event: "plain", Secrets: []string{key1}, Scheme: HMAC},
		},
		Publisher: e, Starter: e, Deliveries: &notes{}, Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return e, h
}

func sign(key []byte, parts ...string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(strings.Join(parts, "")))
	return mac.Sum(nil)
}

func v1(key []byte, id string, at time.Time, body string) string {
	sum := sign(key, id, ".", strconv.FormatInt(at.Unix(), 10), ".", body)
	return "v1," + base64.StdEncoding.EncodeToString(sum)
}

func standard(name, id string, at time.Time, signatures, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/v1/hooks/"+name, strings.NewReader(body))
	r.Header.Set("webhook-id", id)
	r.Header.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	r.Header.Set("webhook-signature", signatures)
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const body = `{"order_id":42}`

func TestStandardSignatures(t *testing.T) {
	t.Parallel()
	good := v1(secret, "m1", now, body)
	_, h := setup(t)
	for name, tt := range map[string]struct {
		r    *http.Request
		want int
	}{
		"good":                 {standard("paid", "m1", now, good, body), 200},
		"first of two":         {standard("paid", "m1", now, good+" "+v1(other, "m1", now, body), body), 200},
		"second of two":        {standard("paid", "m1", now, v1(other, "m1", now, body)+" "+good, body), 200},
		"beside another kind":  {standard("paid", "m1", now, "v1a,abc "+good, body), 200},
		"as old as may be":     {standard("paid", "m1", now.Add(-Tolerance), v1(secret, "m1", now.Add(-Tolerance), body), body), 200},
		"too old":              {standard("paid", "m1", now.Add(-Tolerance-time.Second), v1(secret, "m1", now.Add(-Tolerance-time.Second), body), body), 401},
		"too new":              {standard("paid", "m1", now.Add(Tolerance+time.Second), v1(secret, "m1", now.Add(Tolerance+time.Second), body), body), 401},
		"key in other case":    {standard("paid", "m1", now, v1(other, "m1", now, body), body), 401},
		"empty key":            {standard("paid", "m1", now, v1(nil, "m1", now, body), body), 401},
		"other id":             {standard("paid", "m2", now, good, body), 401},
		"other time":           {standard("paid", "m1", now.Add(time.Second), good, body), 401},
		"other body":           {standard("paid", "m1", now, good, body+" "), 401},
		"other version":        {standard("paid", "m1", now, "v2"+good[2:], body), 401},
		"no signature":         {standard("paid", "m1", now, "", body), 401},
		"only a version":       {standard("paid", "m1", now, "v1,", body), 401},
		"no id":                {standard("paid", "", now, v1(secret, "", now, body), body), 401},
		"huge id":              {standard("paid", strings.Repeat("i", 181), now, v1(secret, strings.Repeat("i", 181), now, body), body), 401},
		"unknown hook":         {standard("nobody", "m1", now, good, body), 401},
		"name in other case":   {standard("Paid", "m1", now, good, body), 401},
		"signed, but no JSON":  {standard("paid", "m3", now, v1(secret, "m3", now, "hello"), "hello"), 400},
		"signed, member twice": {standard("paid", "m3", now, v1(secret, "m3", now, `{"a":1,"a":2}`), `{"a":1,"a":2}`), 400},
		"signed, huge number":  {standard("paid", "m3", now, v1(secret, "m3", now, `{"a":1e1000}`), `{"a":1e1000}`), 400},
		"signed, empty":        {standard("paid", "m4", now, v1(secret, "m4", now, ""), ""), 200},
	} {
		if w := serve(h, tt.r); w.Code != tt.want {
			t.Errorf("%s: got %d %s, want %d", name, w.Code, w.Body, tt.want)
		}
	}
}

func TestTimestampsThatAreNone(t *testing.T) {
	t.Parallel()
	_, h := setup(t)
	for _, stamp := range []string{"", "now", "1e9", "-9223372036854775808", "9223372036854775807", "1800000000.0", " 1800000000"} {
		r := standard("paid", "m1", now, "", body)
		r.Header.Set("webhook-timestamp", stamp)
		r.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(sign(secret, "m1.", stamp, ".", body)))
		if w := serve(h, r); w.Code != 401 {
			t.Errorf("%q: got %d", stamp, w.Code)
		}
	}
}

func TestHMACSignatures(t *testing.T) {
	t.Parallel()
	good := hex.EncodeToString(sign(secret, body))
	for name, tt := range map[string]struct {
		hook, header, signature string
		want                    int
	}{
		"good":              {"git", "X-Hub-Signature-256", "sha256=" + good, 200},
		"without prefix":    {"git", "X-Hub-Signature-256", good, 401},
		"upper case":        {"git", "X-Hub-Signature-256", "sha256=" + strings.ToUpper(good), 200},
		"default header":    {"plain", "X-Signature-256", good, 200},
		"another header":    {"plain", "X-Hub-Signature-256", good, 401},
		"key in other case": {"git", "X-Hub-Signature-256", "sha256=" + hex.EncodeToString(sign(other, body)), 401},
		"empty key":         {"git", "X-Hub-Signature-256", "sha256=" + hex.EncodeToString(sign(nil, body)), 401},
		"cut":               {"git", "X-Hub-Signature-256", "sha256=" + good[:62], 401},
		"empty":             {"git", "X-Hub-Signature-256", "", 401},
		"at a standard one": {"paid", "X-Signature-256", good, 401},
	} {
		_, h := setup(t)
		r := httptest.NewRequest(http.MethodPost, "/v1/hooks/"+tt.hook, strings.NewReader(body))
		r.Header.Set(tt.header, tt.signature)
		if w := serve(h, r); w.Code != tt.want {
			t.Errorf("%s: got %d, want %d", name, w.Code, tt.want)
		}
	}
}

func TestUnknownAndUnsignedLookAlike(t *testing.T) {
	t.Parallel()
	_, h := setup(t)
	unknown := serve(h, standard("nobody", "m1", now, "v1,x", body))
	unsigned := serve(h, standard("paid", "m1", now, "v1,x", body))
	if unknown.Body.String() != unsigned.Body.String() || !reflect.DeepEqual(unknown.Header(), unsigned.Header()) {
		t.Errorf("%v %s\n%v %s", unknown.Header(), unknown.Body, unsigned.Header(), unsigned.Body)
	}
	if ct := unknown.Header().Get("Content-Type"); ct != wire.ProblemType {
		t.Errorf("Content-Type is %s", ct)
	}
}

func TestBodyLimitComesFirst(t *testing.T) {
	t.Parallel()
	_, h := setup(t)
	sized := func(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }
	for size, want := range map[int]int{MaxBody: 200, MaxBody + 1: 413, 300 << 10: 413} {
		b := sized(size)
		if w := serve(h, standard("paid", "m"+strconv.Itoa(size), now, v1(secret, "m"+strconv.Itoa(size), now, b), b)); w.Code != want {
			t.Errorf("%d bytes, signed: got %d, want %d", size, w.Code, want)
		}
	}
	for _, name := range []string{"paid", "nobody"} {
		if w := serve(h, standard(name, "m", now, "", sized(300<<10))); w.Code != 413 {
			t.Errorf("300 KiB for %s, unsigned: got %d", name, w.Code)
		}
	}
}

func TestFiveDeliveriesCountOnce(t *testing.T) {
	t.Parallel()
	e, h := setup(t)
	for i := range 5 {
		w := serve(h, standard("paid", "m1", now, v1(secret, "m1", now, body), body))
		var got wire.Processed
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if want := (wire.Processed{Status: "processed", Count: 2, Executions: []string{"a", "b"}, Buffered: true}); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v", got)
		}
		if replayed := w.Header().Get("Idempotency-Replayed") == "true"; replayed != (i > 0) {
			t.Errorf("delivery %d: replayed is %v", i, replayed)
		}
	}
	want := []flow.Event{{ID: "paid:m1", Type: "payment", Data: []byte(body)}}
	if !reflect.DeepEqual(e.events, want) {
		t.Errorf("got %+v", e.events)
	}
}

func TestHookThatStarts(t *testing.T) {
	t.Parallel()
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	e, h := setup(t)
	for range 5 {
		r := standard("order", "m1", now, v1(secret, "m1", now, body), body)
		r.Header.Set("traceparent", parent)
		w := serve(h, r)
		if got := w.Body.String(); got != `{"status":"processed","count":1,"executions":["x"],"buffered":false}` {
			t.Errorf("got %d %s", w.Code, got)
		}
	}
	want := []flow.StartRequest{{Workflow: "order", ID: "order:m1", Input: []byte(body), Same: byID, Trace: map[string]string{"traceparent": parent}}}
	if !reflect.DeepEqual(e.starts, want) {
		t.Errorf("got %+v", e.starts)
	}
}

func TestHMACDeliveriesCountOnce(t *testing.T) {
	t.Parallel()
	e, h := setup(t)
	deliver := func(id string) {
		r := httptest.NewRequest(http.MethodPost, "/v1/hooks/git", strings.NewReader(body))
		r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(sign(secret, body)))
		if id != "" {
			r.Header.Set("X-GitHub-Delivery", id)
		}
		serve(h, r)
	}
	for _, id := range []string{"d1", "d1", "d2", "", ""} {
		deliver(id)
	}
	if len(e.events) != 3 {
		t.Errorf("got %d events, want 3: %+v", len(e.events), e.events)
	}
}

func TestErrorsOfTheEngine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want int
	}{
		{flow.ErrUnavailable, 503}, {flow.ErrNotFound, 404}, {flow.ErrMismatch, 422}, {flow.ErrTooLarge, 413}, {errors.New("x"), 500},
	} {
		for _, name := range []string{"paid", "order"} {
			e, h := setup(t)
			e.err = tt.err
			if w := serve(h, standard(name, "m", now, v1(secret, "m", now, body), body)); w.Code != tt.want {
				t.Errorf("%s with %v: got %d", name, tt.err, w.Code)
			}
		}
	}
}

func TestBodiesAreBoundedBeforeTheSignature(t *testing.T) {
	t.Parallel()
	e := &engine{seen: map[string]bool{}}
	hs, err := New(Config{Hooks: everyScheme, Publisher: e, Deliveries: &notes{}, MaxBody: 8})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		hook, body string
		want       int
	}{
		{"bearer", `"123456"`, 200}, {"bearer", `"1234567"`, 413}, {"github", `"123456"`, 401}, {"github", `"1234567"`, 413}, {"nobody", `"1234567"`, 413},
	} {
		if w := serve(hs, posted(tt.hook, tt.body, "Authorization: Bearer "+key1)); w.Code != tt.want {
			t.Errorf("%s for %s: got %d", tt.body, tt.hook, w.Code)
		}
	}
}

func TestOnlyPost(t *testing.T) {
	t.Parallel()
	_, h := setup(t)
	if w := serve(h, httptest.NewRequest(http.MethodGet, "/v1/hooks/paid", nil)); w.Code != 405 || w.Header().Get("Allow") != "POST" {
		t.Errorf("got %d", w.Code)
	}
}

func TestHooksThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, hook := range map[string]Hook{
		"no-secret":        {Event: "e"},
		"empty":            {Event: "e", Secrets: []string{""}},
		"short":            {Event: "e", Secrets: []string{key1[:MinSecret-1]}},
		"short-before":     {Event: "e", Secrets: []string{key1, key1[:MinSecret-1]}},
		"short-in-base64":  {Event: "e", Secrets: []string{"whsec_" + base64.StdEncoding.EncodeToString(secret[:MinSecret-1])}},
		"both":             {Event: "e", Workflow: "w", Secrets: []string{key1}},
		"neither":          {Secrets: []string{key1}},
		"unknown-scheme":   {Event: "e", Secrets: []string{key1}, Scheme: "md5"},
		"Bad Name":         {Event: "e", Secrets: []string{key1}},
		"../path":          {Event: "e", Secrets: []string{key1}},
		"empty-github":     {Event: "e", Secrets: []string{""}, Scheme: GitHub},
		"empty-stripe":     {Event: "e", Secrets: []string{""}, Scheme: Stripe},
		"empty-slack":      {Event: "e", Secrets: []string{""}, Scheme: Slack},
		"empty-hmac":       {Event: "e", Secrets: []string{""}, Scheme: HMAC},
		"empty-bearer":     {Event: "e", Secrets: []string{""}, Scheme: Bearer},
		"secret-of-none":   {Event: "e", Secrets: []string{key1}, Scheme: None},
		"header-of-github": {Event: "e", Secrets: []string{key1}, Scheme: GitHub, Header: "X-Mine"},
		"bad-header":       {Event: "e", Secrets: []string{key1}, Scheme: HMAC, Header: "X Mine"},
		"md5":              {Event: "e", Secrets: []string{key1}, Scheme: HMAC, Algorithm: "md5"},
		"base32":           {Event: "e", Secrets: []string{key1}, Scheme: HMAC, Encoding: "base32"},
		"broken":           {Event: "e", Secrets: []string{key1}, ID: "{{ $body. }}"},
		"unknown-root":     {Event: "e", Secrets: []string{key1}, When: "$bdy.x"},
		"no-execution":     {Event: "e", Secrets: []string{key1}, Data: "{{ $input.x }}"},
		"secrets":          {Event: "e", Secrets: []string{key1}, Data: "{{ $secrets.X }}"},
		"environment":      {Event: "e", Secrets: []string{key1}, Data: "{{ $env.HOME }}"},
	} {
		if _, err := New(Config{Hooks: map[string]Hook{name: hook}}); err == nil {
			t.Errorf("%s was accepted", name)
		} else if strings.Contains(err.Error(), key1[:MinSecret-1]) {
			t.Errorf("%s: %q tells the secret", name, err)
		}
	}
	if err := Check(map[string]Hook{"ok": {Event: "e", Secrets: []string{key1[:MinSecret]}}}); err != nil {
		t.Error(err)
	}
}

func TestParseSecret(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		string(secret): string(secret),
		"whsec_" + base64.StdEncoding.EncodeToString(secret):      string(secret),
		"whsec_" + base64.StdEncoding.EncodeToString(secret[:23]): "",
		"whsec_***": "",
		"whsec_":    "",
		"":          "",
		"short":     "",
	} {
		got, err := ParseSecret(text)
		if (err != nil) != (want == "") || (err == nil && string(got) != want) {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}
