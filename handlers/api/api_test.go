package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// samples has a good request for every route.
var samples = map[string]struct{ target, body string }{
	"POST /v1/workflows":                           {"/v1/workflows", "id: order"},
	"POST /v1/workflows:validate":                  {"/v1/workflows:validate", "id: order"},
	"GET /v1/workflows/{id}":                       {"/v1/workflows/order", ""},
	"GET /v1/workflows/{id}/versions":              {"/v1/workflows/order/versions", ""},
	"GET /v1/workflows/{id}/versions/{version}":    {"/v1/workflows/order/versions/" + version, ""},
	"POST /v1/workflows/{id}/executions":           {"/v1/workflows/order/executions", `{"input":1}`},
	"GET /v1/executions/{id}":                      {"/v1/executions/" + execID, ""},
	"GET /v1/executions/{id}/history":              {"/v1/executions/" + execID + "/history", ""},
	"GET /v1/executions/{id}/suspensions":          {"/v1/executions/" + execID + "/suspensions", ""},
	"GET /v1/executions/{id}/relations":            {"/v1/executions/" + execID + "/relations", ""},
	"GET /v1/executions/{id}/output":               {"/v1/executions/" + execID + "/output", ""},
	"POST /v1/executions/{id}:resume":              {"/v1/executions/" + execID + ":resume", `{"data":1}`},
	"POST /v1/executions/{id}:approve":             {"/v1/executions/" + execID + ":approve", `{"by":"Ada"}`},
	"POST /v1/executions/{id}:reject":              {"/v1/executions/" + execID + ":reject", `{"comment":"no"}`},
	"POST /v1/executions/{id}:cancel":              {"/v1/executions/" + execID + ":cancel", ""},
	"POST /v1/executions/{id}:terminate":           {"/v1/executions/" + execID + ":terminate", ""},
	"POST /v1/executions/{id}:pause":               {"/v1/executions/" + execID + ":pause", ""},
	"POST /v1/executions/{id}:unpause":             {"/v1/executions/" + execID + ":unpause", ""},
	"POST /v1/executions/{id}:retry":               {"/v1/executions/" + execID + ":retry", ""},
	"POST /v1/executions/{id}:rerun":               {"/v1/executions/" + execID + ":rerun", ""},
	"POST /v1/suspensions/{id}:resume":             {"/v1/suspensions/" + execID + ":1.0:1:resume", `{"data":1}`},
	"POST /v1/events":                              {"/v1/events", `{"type":"t"}`},
	"GET /resume/{token}":                          {"/resume/a-1.000-b", ""},
	"POST /resume/{token}":                         {"/resume/a-1.000-b", `{"y":2}`},
	"POST /v1/hooks/{name}":                        {"/v1/hooks/shop", `{}`},
	"GET /v1/hooks/{name}/deliveries":              {"/v1/hooks/shop/deliveries", ""},
	"GET /v1/hooks/{name}/deliveries/{id}":         {"/v1/hooks/shop/deliveries/a1-0", ""},
	"POST /v1/hooks/{name}/deliveries/{id}:replay": {"/v1/hooks/shop/deliveries/a1-0:replay", ""},
	"GET /v1/dead/{id}":                            {"/v1/dead/a", ""},
	"POST /v1/dead/{id}:run":                       {"/v1/dead/a:run", ""},
	"DELETE /v1/dead/{id}":                         {"/v1/dead/a", ""},
	"POST /webhook/{workflow}":                     {"/webhook/order", `{}`},
	"POST /webhook/{workflow}/{path}":              {"/webhook/order/paid/now", `{}`},
}

func sample(rt route) *http.Request {
	s, ok := samples[rt.method+" "+rt.path]
	if !ok {
		s.target = rt.path
	}
	return request(rt.method, s.target, s.body, "Last-Event-ID", "0.1.0")
}

func TestEveryRouteAnswers(t *testing.T) {
	t.Parallel()
	for _, rt := range newAPI(config(newFake())).routes() {
		t.Run(rt.method+" "+rt.path, func(t *testing.T) {
			t.Parallel()
			w := serve(config(newFake()), sample(rt))
			if w.Code/100 != 2 {
				t.Errorf("got %d: %s", w.Code, w.Body)
			}
		})
	}
}

func TestEveryRouteAsksForTheToken(t *testing.T) {
	t.Parallel()
	open := map[string]bool{"/healthz": true, "/readyz": true, "/v1/hooks/{name}": true, "/webhook/{workflow}": true, "/webhook/{workflow}/{path}": true, "/resume/{token}": true}
	c := config(newFake())
	c.Token = "correct horse"
	for _, rt := range newAPI(c).routes() {
		want := http.StatusUnauthorized
		if open[rt.path] {
			want = http.StatusOK
		}
		if w := serve(c, sample(rt)); w.Code != want {
			t.Errorf("%s %s without token: got %d, want %d", rt.method, rt.path, w.Code, want)
		}
	}
}

func TestEveryErrorIsAProblem(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err    error
		status int
	}{
		{flow.ErrNotFound, 404},
		{flow.ErrConflict, 409},
		{flow.ErrInvalid, 400},
		{flow.ErrGone, 410},
		{flow.ErrMismatch, 422},
		{flow.ErrUnavailable, 503},
		{flow.ErrTooLarge, 413},
		{flow.Problemf("surprise", "unlisted"), 500},
		{errors.New("redis: password is hunter2"), 500},
	} {
		for _, rt := range newAPI(config(newFake())).routes() {
			switch rt.path {
			case "/healthz", "/readyz", "/openapi.json", "/v1/node-types", "/v1/workflows:validate", "/v1/hooks/{name}", "/webhook/{workflow}", "/webhook/{workflow}/{path}":
				continue // never ask the engine, or answer in their own way
			}
			f := newFake()
			f.err = tt.err
			w := serve(config(f), sample(rt))
			doc := problemIn(t, w)
			if w.Code != tt.status || doc.Status != tt.status {
				t.Errorf("%s %s with %v: got %d, want %d", rt.method, rt.path, tt.err, w.Code, tt.status)
			}
			if strings.Contains(w.Body.String(), "hunter2") {
				t.Errorf("%s %s tells the text of a foreign error", rt.method, rt.path)
			}
			if (w.Header().Get("Retry-After") != "") != (tt.status == 503) {
				t.Errorf("Retry-After is %q with status %d", w.Header().Get("Retry-After"), tt.status)
			}
		}
	}
}

func problemIn(t *testing.T, w *httptest.ResponseRecorder) wire.Problem {
	t.Helper()
	var doc wire.Problem
	if ct := w.Header().Get("Content-Type"); ct != wire.ProblemType {
		t.Fatalf("status %d has Content-Type %q: %s", w.Code, ct, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestProblemsTellWhoWon(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.err = &flow.Problem{Code: "conflict", Message: "too late", Node: "wait", Details: map[string]any{
		"execution_id": execID, "resolved_by": "timeout", "status": "completed",
	}}
	w := send(f, "POST", "/v1/executions/"+execID+":resume", "{}")
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"type": "/docs/problems#conflict", "title": "Conflict", "status": 409.0, "detail": "too late", "code": "conflict",
		"execution_id": execID, "node": "wait", "resolved_by": "timeout", "execution_status": "completed",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestPanicsAreProblems(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.panicking = true
	var log bytes.Buffer
	c := config(f)
	c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	w := serve(c, request("GET", "/v1/executions", ""))
	doc := problemIn(t, w)
	id, _ := doc.Extra["request_id"].(string)
	if w.Code != 500 || id == "" || !strings.Contains(log.String(), id) {
		t.Errorf("got %d %+v; log %s", w.Code, doc, &log)
	}
}

func TestPathsThatLeadNowhere(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		method, target string
		status         int
		allow          string
	}{
		{"GET", "/", 404, ""},
		{"GET", "/v2", 404, ""},
		{"GET", "/v1/executions/", 404, ""},
		{"DELETE", "/v1/executions", 405, "GET, HEAD"},
		{"OPTIONS", "/v1/workflows", 405, "GET, HEAD, POST"},
		{"GET", "/v1/executions/" + execID + ":resume", 405, "POST"},
		{"POST", "/v1/executions/" + execID, 405, "GET, HEAD"},
		{"POST", "/v1/executions/" + execID + ":destroy", 404, ""},
		{"POST", "/v1/executions/" + execID + ":", 405, "GET, HEAD"},
		{"POST", "/v1/executions/:resume", 404, ""},
		{"POST", "/v1/executions/a:b:resume", 404, ""},
		{"POST", "/v1/executions/..%2f..%2fhealthz:resume", 404, ""},
		{"POST", "/v1/executions/%00:resume", 404, ""},
		{"GET", "/v1/executions/..%2fworkflows", 404, ""},
		{"GET", "/v1/executions/{prana-0}", 404, ""},
		{"GET", "/v1/workflows/..%2forder", 404, ""},
		{"GET", "/v1/workflows/Order", 404, ""},
		{"POST", "/v1/suspensions/" + execID + ":1.0:1", 404, ""},
		{"POST", "/v1/suspensions/" + execID + ":1.0:resume", 404, ""},
		{"POST", "/v1/suspensions/" + execID + ":-1.0:1:resume", 404, ""},
		{"POST", "/v1/workflows/order:validate", 404, ""},
	} {
		f := newFake()
		w := send(f, tt.method, tt.target, "")
		if w.Code != tt.status || w.Header().Get("Allow") != tt.allow {
			t.Errorf("%s %s: got %d, Allow %q; want %d, %q", tt.method, tt.target, w.Code, w.Header().Get("Allow"), tt.status, tt.allow)
		}
		problemIn(t, w)
		if f.last() != nil {
			t.Errorf("%s %s reached the engine: %v", tt.method, tt.target, f.last())
		}
	}
}

func TestSplitVerb(t *testing.T) {
	t.Parallel()
	for segment, want := range map[string][2]string{
		"a:resume":       {"a", "resume"},
		"a":              {"a", ""},
		"a:1.0:1:resume": {"a:1.0:1", "resume"},
		":":              {"", ""},
		"":               {"", ""},
	} {
		if id, verb := splitVerb(segment); [2]string{id, verb} != want {
			t.Errorf("%q: got %q, %q", segment, id, verb)
		}
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	event := func(size int) string {
		frame := `{"type":"t","data":""}`
		return `{"type":"t","data":"` + strings.Repeat("x", size-len(frame)) + `"}`
	}
	if w := send(newFake(), "POST", "/v1/events", event(MaxBody)); w.Code != 202 {
		t.Errorf("a body at the bound: got %d", w.Code)
	}
	if w := send(newFake(), "POST", "/v1/events", event(MaxBody+1)); w.Code != 413 {
		t.Errorf("a body beyond the bound: got %d", w.Code)
	}
	r := request("POST", "/v1/events", event(MaxBody+1))
	r.ContentLength = -1 // not announced
	if w := serve(config(newFake()), r); w.Code != 413 {
		t.Errorf("an unannounced body beyond the bound: got %d", w.Code)
	}
	c := config(newFake())
	c.Token = "secret"
	if w := serve(c, request("POST", "/v1/events", event(MaxBody+1))); w.Code != 413 {
		t.Errorf("the limit comes before the token: got %d", w.Code)
	}
}

func TestConfiguredBodyLimit(t *testing.T) {
	t.Parallel()
	c := config(newFake())
	c.MaxBody = 30
	for body, want := range map[string]int{`{"type":"t","data":"12345678"}`: 202, `{"type":"t","data":"123456789"}`: 413} {
		for _, announced := range []int64{int64(len(body)), -1} {
			r := request("POST", "/v1/events", body)
			r.ContentLength = announced
			if w := serve(c, r); w.Code != want || want == 413 && !strings.Contains(w.Body.String(), "30 bytes") {
				t.Errorf("%d bytes: got %d %s, want %d", len(body), w.Code, w.Body, want)
			}
		}
	}
	if w := serve(c, request("POST", "/resume/a-1.000-b", `"`+strings.Repeat("x", 30)+`"`)); w.Code != 413 {
		t.Errorf("a resume URL: got %d", w.Code)
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	if w := send(newFake(), "HEAD", "/v1/executions/"+execID, ""); w.Code != 200 {
		t.Errorf("got %d", w.Code)
	}
}

func TestReadyzTellsThatRedisIsAway(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.err = errors.New("dial tcp: refused")
	if w := send(f, "GET", "/readyz", ""); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("got %d", w.Code)
	}
	if w := send(f, "GET", "/healthz", ""); w.Code != 200 {
		t.Errorf("healthz: got %d", w.Code)
	}
}

func TestPreferWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.unending, f.view.Status, f.view.Output = true, flow.Suspended, nil
		began := time.Now()
		w := send(f, "POST", "/v1/workflows/order/executions", "", "Prefer", "respond-async, wait=3600")
		if took := time.Since(began); took != maxWait {
			t.Errorf("waited %v, want the bound of %v", took, maxWait)
		}
		var res wire.Result
		if err := json.Unmarshal(w.Body.Bytes(), &res); err != nil {
			t.Fatal(err)
		}
		if w.Code != 201 || res.Status != flow.Suspended || res.ExecutionID != execID {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
		if got := w.Header().Get("Preference-Applied"); got != "wait=60" {
			t.Errorf("Preference-Applied is %q", got)
		}
	})
}

func TestServerOutlastsTheLongestWait(t *testing.T) {
	t.Parallel()
	s := NewServer(http.NotFoundHandler())
	if s.WriteTimeout <= maxWait || s.ReadHeaderTimeout == 0 || s.ReadTimeout == 0 || s.IdleTimeout == 0 || s.MaxHeaderBytes == 0 {
		t.Errorf("a timeout is missing or too short: %+v", s)
	}
}

func TestMetricsAreBehindTheToken(t *testing.T) {
	t.Parallel()
	c := Config{Token: "sesame", Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })}
	h := New(c)
	for token, want := range map[string]int{"": http.StatusUnauthorized, "Bearer sesame": http.StatusTeapot} {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/metrics", nil)
		r.Header.Set("Authorization", token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("with %q /metrics answers %d, want %d", token, w.Code, want)
		}
	}
}

func TestMetricsAreOnlyRead(t *testing.T) {
	t.Parallel()
	c := config(newFake())
	c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for method, want := range map[string]int{"GET": http.StatusTeapot, "HEAD": http.StatusTeapot, "POST": 405, "DELETE": 405} {
		w := serve(c, request(method, "/metrics", ""))
		if w.Code != want || (w.Header().Get("Allow") == "GET, HEAD") != (want == 405) {
			t.Errorf("%s: got %d, Allow %q, want %d", method, w.Code, w.Header().Get("Allow"), want)
		}
	}
}

func TestConsoleIsBehindTheToken(t *testing.T) {
	t.Parallel()
	c := config(newFake())
	c.Token = "secret"
	c.Console = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for _, path := range []string{"/", "/queues", "/queues/", "/queues/api/queues"} {
		if w := serve(c, request("GET", path, "")); w.Code != 401 {
			t.Errorf("%s without token: got %d", path, w.Code)
		}
		r := request("GET", path, "")
		r.SetBasicAuth("me", "secret")
		if w := serve(c, r); w.Code != http.StatusTeapot {
			t.Errorf("%s with the token as password: got %d", path, w.Code)
		}
	}
}
