package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"prana/engine/flow"
	"prana/engine/fuzztest"
	"prana/handlers/api/wire"
)

// wantAnswer sends a request to an API over a fake, which cheaply gives an answer: one that says it did as it was told, or a problem
// that is the caller's. The fake was asked for something exactly if all is well.
func wantAnswer(t *testing.T, f *fake, ask func() *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	var w *httptest.ResponseRecorder
	h := New(config(f))
	fuzztest.Cheap(t, func() {
		f.asked = nil
		w = httptest.NewRecorder()
		h.ServeHTTP(w, ask())
	})
	var p wire.Problem
	switch {
	case w.Code < 300 && f.last() != nil:
	case w.Code >= 400 && w.Code < 500 && f.last() == nil && json.Unmarshal(w.Body.Bytes(), &p) == nil && p.Code != "":
	default:
		t.Errorf("it is answered with %d %s; the engine was asked %+v", w.Code, w.Body, f.last())
	}
	return w
}

// FuzzEvents: POST /v1/events publishes exactly the event that the body or the headers say, or refuses it.
func FuzzEvents(f *testing.F) {
	for _, body := range []string{
		`{"type":"paid","data":{"n":1.50},"id":"e1","ttl_ms":0,"keep":true,"limit":3}`, `{"type":"paid","dry_run":true}`, `{"type":""}`, `{"type":"a","ttl_ms":-1}`, `{"Type":"a"}`, `[`,
		`{"specversion":"1.0","id":"1","source":"/s","type":"paid","data":{"a":1},"x":1}`, `{"specversion":"1.0","id":"1","source":"/s","type":"paid","data_base64":"AA=="}`,
	} {
		f.Add(body, "application/json", "", "")
		f.Add(body, "application/cloudevents+json", "k", "")
		f.Add(body, "text/plain", "", "1.0")
	}
	f.Fuzz(func(t *testing.T, body, media, key, spec string) {
		fake := newFake()
		w := wantAnswer(t, fake, func() *http.Request {
			return request("POST", "/v1/events", body, "Content-Type", media, "Idempotency-Key", key, "Ce-Specversion", spec, "Ce-Id", "1", "Ce-Source", "%2Fs", "Ce-Type", "paid")
		})
		e, ok := fake.last().(flow.Event)
		if ok && (e.Type == "" || len(e.ID) > maxKey || e.Limit < 0 || e.TTL > maxTTL || len(e.Data) > 0 && !json.Valid(e.Data)) {
			t.Errorf("%q is published as %+v: %s", body, e, w.Body)
		}
	})
}

// FuzzRequests: the bodies that start, resume, decide, retry, rerun, cancel and publish do as they say, or are refused.
func FuzzRequests(f *testing.F) {
	targets := []string{
		startPath, "/v1/executions/" + execID + ":resume", "/v1/executions/" + execID + ":approve", "/v1/executions/" + execID + ":reject", "/v1/executions/" + execID + ":retry",
		"/v1/executions/" + execID + ":rerun", "/v1/executions/" + execID + ":cancel", "/v1/executions/" + execID + ":terminate", "/v1/executions/" + execID + ":pause", "/v1/executions/" + execID + ":unpause", "/v1/suspensions/" + execID + ":1.000:1:resume",
	}
	for i := range targets {
		for _, body := range []string{
			"", "{}", "null", `{"input":{"a":[1e2]},"id":"o-1","version":"v","start_at":"2026-01-02T03:04:05Z","from":"pay","only":true,"tags":{"k":"v"}}`,
			`{"data":{"a":1},"by":"Ada","id":"r1","early":true,"node":"n"}`, `{"error":{"code":"c","message":"m","details":{"a":1}}}`, `{"comment":"x","form":{"n":1},"by":"Ada"}`,
			`{"reason":"r","id":"1"}`, `{"from":"pay","input":null,"plan":true}`, `{"id":"` + strings.Repeat("x", 300) + `"}`, `{"a":1,"a":2}`, "\xff",
		} {
			f.Add(byte(i), body, "")
		}
	}
	f.Fuzz(func(t *testing.T, which byte, body, key string) {
		wantAnswer(t, newFake(), func() *http.Request {
			return request("POST", targets[int(which)%len(targets)], body, "Idempotency-Key", key)
		})
	})
}

// FuzzResumeURL: what a browser or a program brings to a resume URL ends the wait with JSON, or is refused.
func FuzzResumeURL(f *testing.F) {
	for _, body := range []string{"", `{"y":2}`, "decision=approved&form.amount=3&form.ok=on&form.day=2026-01-02", "decision=rejected&decision=approved", "form.amount=1e400&form.note=%00", "a=%zz", "%"} {
		f.Add(body, "application/x-www-form-urlencoded", true)
		f.Add(body, "application/json", false)
	}
	f.Fuzz(func(t *testing.T, body, media string, page bool) {
		fake := newFake()
		fake.resume = flow.ResumeView{
			Status: flow.ResumeActive, Workflow: "order", Node: "gate", Type: flow.Approval,
			Data: []byte(`{"title":"Buy?","form":{"type":"object","required":["amount"],"properties":{
				"amount":{"type":"integer"},"note":{"type":"string","maxLength":500},"ok":{"type":"boolean"},"day":{"type":"string","format":"date"},"size":{"enum":["s",1,null]},"more":{}}}}`),
		}
		accept := "application/json"
		if page {
			accept = "text/html"
		}
		var w *httptest.ResponseRecorder
		h := New(config(fake))
		fuzztest.Cheap(t, func() {
			fake.brought = ""
			w = httptest.NewRecorder()
			h.ServeHTTP(w, request("POST", "/resume/"+urlToken, body, "Content-Type", media, "Accept", accept))
		})
		_, data, ended := strings.Cut(fake.brought, " ")
		if ended != (w.Code == 200) || w.Code >= 500 || ended && !json.Valid([]byte(data)) {
			t.Errorf("%q is answered with %d, and the wait ended with %q", body, w.Code, data)
		}
	})
}

// FuzzForm: whatever an approval asks, it is shown as a form; what is typed into that is what the approval takes.
func FuzzForm(f *testing.F) {
	f.Add(`{"type":"object","required":["a"],"properties":{"a":{"type":"integer","title":"A"},"b":{"enum":[1,"x",{}]},"c":{"type":"boolean","default":true}}}`, "decision=approved&form.a=3&form.b=1", true)
	f.Add(`{"properties":[]}`, "", false)
	f.Add(`{"properties":{"a":{"type":["string"],"default":{"x":[1]},"maxLength":1e3}},"required":["a","a",1,"b"]}`, "form.a=%7B", true)
	f.Fuzz(func(t *testing.T, form, typed string, due bool) {
		v := flow.ResumeView{Status: flow.ResumeActive, Workflow: "w", Node: "n", Type: flow.Approval, Data: json.RawMessage(`{"title":"?","form":` + form + `,"due_at":"x"}`)}
		if !json.Valid(v.Data) {
			t.Skip()
		}
		fake := newFake()
		fake.resume = v
		var w *httptest.ResponseRecorder
		h := New(config(fake))
		fuzztest.Cheap(t, func() {
			w = httptest.NewRecorder()
			h.ServeHTTP(w, request("GET", "/resume/"+urlToken, "", "Accept", "text/html"))
		})
		if w.Code != 200 {
			t.Errorf("%s is shown with %d %s", form, w.Code, w.Body)
		}
		fields, err := wire.Form(typed)
		a, asks := askedBy(v)
		if err != nil || !asks {
			return
		}
		fuzztest.Cheap(t, func() {
			if raw, err := flow.Encode(a.decision(fields)); err != nil || !json.Valid(raw) {
				t.Errorf("%q becomes %s, %v", typed, raw, err)
			}
		})
	})
}

// FuzzLists: the parameters of every list are asked of the store as they were given, or are refused.
func FuzzLists(f *testing.F) {
	targets := []string{"/v1/executions", "/v1/suspensions", "/v1/delays", "/v1/relations", "/v1/schedules", "/v1/hooks/shop/deliveries", "/v1/executions/" + execID, "/v1/executions/" + execID + "/history"}
	for i := range targets {
		for _, q := range []string{"", "limit=10&cursor=abc", "status=failed&since=2026-01-02T03:04:05Z", "workflow=order&event_type=a&type=delay", "execution_id=" + execID, "refused=true", "limit=0", "limit=1&limit=2", "%zz", "parent=" + execID + "&child=x", "x=1"} {
			f.Add(byte(i), q)
		}
	}
	f.Fuzz(func(t *testing.T, which byte, query string) {
		wantAnswer(t, newFake(), func() *http.Request {
			r := request("GET", targets[int(which)%len(targets)], "")
			r.URL.RawQuery = query
			return r
		})
	})
}
