package api

import (
	"reflect"
	"strings"
	"testing"

	"prana/engine/flow"
)

func TestEventsInEveryForm(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		body   string
		header []string
		want   flow.Event
	}{
		{
			"ours", `{"type":"t","data":{"a":1},"id":"i","keep":true,"limit":2}`, nil,
			flow.Event{ID: "i", Type: "t", Data: []byte(`{"a":1}`), Keep: true, Limit: 2},
		},
		{"by key", `{"type":"t"}`, []string{"Idempotency-Key", "k"}, flow.Event{ID: "k", Type: "t"}},
		{
			"structured", `{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a":1},"time":"x","myext":5,"traceparent":"` + traceparent + `"}`,
			[]string{"Content-Type", "application/cloudevents+json; charset=utf-8"},
			flow.Event{ID: "/s#1", Type: "t", Data: []byte(`{"a":1}`), Trace: map[string]string{"traceparent": traceparent}},
		},
		{
			"structured, bytes", `{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"AAE="}`,
			[]string{"Content-Type", "application/cloudevents+json"},
			flow.Event{ID: "/s#1", Type: "t", Data: []byte(`"AAE="`)},
		},
		{
			"binary", `{"a":1}`, binaryMode("application/json"),
			flow.Event{ID: "/s#1 ü", Type: "t", Data: []byte(`{"a":1}`)},
		},
		{"binary, text", `hi "you"`, binaryMode("text/plain"), flow.Event{ID: "/s#1 ü", Type: "t", Data: []byte(`"hi \"you\""`)}},
		{"binary, bytes", "\x00\x01", binaryMode("image/png"), flow.Event{ID: "/s#1 ü", Type: "t", Data: []byte(`"AAE="`)}},
		{"binary, empty", "", binaryMode(""), flow.Event{ID: "/s#1 ü", Type: "t"}},
	} {
		f := newFake()
		w := send(f, "POST", "/v1/events", tt.body, tt.header...)
		if w.Code != 202 || !reflect.DeepEqual(f.last(), tt.want) {
			t.Errorf("%s: got %d %s\n got %+v\nwant %+v", tt.name, w.Code, w.Body, f.last(), tt.want)
		}
	}
}

func binaryMode(media string) []string {
	return []string{"Ce-Specversion", "1.0", "Ce-Id", "1%20%C3%BC", "Ce-Source", "/s", "Ce-Type", "t", "Content-Type", media}
}

func TestBadEvents(t *testing.T) {
	t.Parallel()
	structured := []string{"Content-Type", "application/cloudevents+json"}
	for _, tt := range []struct {
		body   string
		header []string
	}{
		{"", nil},
		{"{}", nil},
		{`{"type":""}`, nil},
		{`{"type":5}`, nil},
		{`{"type":"t","Type":"u"}`, nil},
		{`{"type":"t","limit":-1}`, nil},
		{`{"specversion":"0.3","id":"1","source":"s","type":"t"}`, structured},
		{`{"specversion":"1.0","source":"s","type":"t"}`, structured},
		{`{"specversion":"1.0","id":1,"source":"s","type":"t"}`, structured},
		{`{"specversion":"1.0","id":"1","id":"2","source":"s","type":"t"}`, structured},
		{`[]`, structured},
		{`{"a":1,"a":2}`, binaryMode("application/json")},
		{`{`, binaryMode("application/json")},
	} {
		f := newFake()
		if w := send(f, "POST", "/v1/events", tt.body, tt.header...); w.Code != 400 || f.last() != nil {
			t.Errorf("%s: got %d %s", tt.body, w.Code, w.Body)
		}
	}
}

// TestACloudEventWithoutItsMediaTypeIsToldSo: whoever forgets it is not left with a member that events do not have.
func TestACloudEventWithoutItsMediaTypeIsToldSo(t *testing.T) {
	t.Parallel()
	for _, header := range [][]string{nil, {"Content-Type", "application/json"}} {
		w := send(newFake(), "POST", "/v1/events", `{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{}}`, header...)
		if w.Code != 400 || !strings.Contains(w.Body.String(), "a CloudEvent is sent as application/cloudevents+json") {
			t.Errorf("%v: got %d %s", header, w.Code, w.Body)
		}
	}
}

func TestLongCloudEventIDsAreDigested(t *testing.T) {
	t.Parallel()
	f := newFake()
	header := binaryMode("")
	header[3] = strings.Repeat("i", 300)
	if w := send(f, "POST", "/v1/events", "", header...); w.Code != 202 || len(f.last().(flow.Event).ID) != 64 {
		t.Errorf("got %d, %+v", w.Code, f.last())
	}
}

func TestPublishAnswer(t *testing.T) {
	t.Parallel()
	f := newFake()
	w := send(f, "POST", "/v1/events", `{"type":"t","id":"i"}`)
	if got := strings.TrimSpace(w.Body.String()); got != `{"id":"i","matched":0,"executions":[],"buffered":false}` {
		t.Errorf("got %s", got)
	}
	f.replayed, f.matched = true, []string{execID}
	w = send(f, "POST", "/v1/events", `{"type":"t","id":"i"}`)
	if w.Header().Get("Idempotency-Replayed") != "true" || !strings.Contains(w.Body.String(), `"matched":1`) {
		t.Errorf("got %v %s", w.Header(), w.Body)
	}
}
