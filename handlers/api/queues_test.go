package api

import (
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

func TestQueueFilters(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]any{ // cursors are behind the mark of their list
		"/v1/queues?name=slow&limit=3&cursor=FovSc": wire.QueueFilter{Name: "slow", PageFilter: wire.PageFilter{Limit: 3, Cursor: "c"}},
		"/v1/workers?limit=3&cursor=I9e8c":          wire.PageFilter{Limit: 3, Cursor: "c"},
		"/v1/dead?limit=3&cursor=HfvAc":             wire.PageFilter{Limit: 3, Cursor: "c"},
	} {
		f := newFake()
		f.cursor = "next"
		w := send(f, "GET", target, "")
		_, mark, _ := strings.Cut(strings.TrimSuffix(target, "c"), "&cursor=")
		if w.Code != 200 || !reflect.DeepEqual(f.last(), want) || !strings.Contains(w.Header().Get("Link"), "cursor="+mark+"next&") {
			t.Errorf("%s: got %d, %+v, %v", target, w.Code, f.last(), w.Header())
		}
	}
	for _, target := range []string{"/v1/queues?nam=a", "/v1/workers?limit=0", "/v1/dead?type=a", "/v1/dead/a?full=true"} {
		f := newFake()
		if w := send(f, "GET", target, ""); w.Code != 400 || f.last() != nil {
			t.Errorf("%s: got %d %s", target, w.Code, w.Body)
		}
	}
}

// TestDeadTasksHaveAnyIDs: the ids are those of other services, with colons and slashes, also such that look like verbs.
func TestDeadTasksHaveAnyIDs(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"a", "order:42", "order:run", "a/b:c", "a%2Fb", "ü ?#", "run", ":", "a:", ":run"} {
		at := "/v1/dead/" + url.PathEscape(id)
		for request, want := range map[string]string{"GET " + at: "show ", "DELETE " + at: "delete ", "POST " + at + ":run": "run "} {
			method, target, _ := strings.Cut(request, " ")
			f := newFake()
			w := send(f, method, target, "")
			if w.Code/100 != 2 || f.last() != want+id || !strings.Contains(w.Body.String(), `"id":`) {
				t.Errorf("%s: got %d, asked %q", request, w.Code, f.last())
			}
		}
	}
	for request, want := range map[string]int{"POST /v1/dead/a": 405, "POST /v1/dead/a:stop": 405, "PUT /v1/dead/a:run": 405, "POST /v1/dead": 405, "GET /v1/dead/": 404} {
		method, target, _ := strings.Cut(request, " ")
		if w := send(newFake(), method, target, ""); w.Code != want {
			t.Errorf("%s: got %d, want %d", request, w.Code, want)
		}
	}
}

// TestExamplesOfQueues: what the document shows has the members that are answered, all of them.
func TestExamplesOfQueues(t *testing.T) {
	t.Parallel()
	var doc struct {
		Paths map[string]struct {
			Get struct {
				Responses map[string]struct {
					Content map[string]struct {
						Example struct{ Items []json.RawMessage }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(openapiJSON, &doc); err != nil {
		t.Fatal(err)
	}
	for path, v := range map[string]any{"/v1/queues": &wire.Queue{}, "/v1/workers": &wire.Worker{}, "/v1/dead": &wire.DeadTask{}} {
		items := doc.Paths[path].Get.Responses["200"].Content["application/json"].Example.Items
		if len(items) != 1 {
			t.Fatalf("%s has %d examples", path, len(items))
		}
		if err := wire.Decode(items[0], v); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		var written, meant any
		raw, err := flow.Encode(v)
		if err := errors.Join(err, json.Unmarshal(raw, &written), json.Unmarshal(items[0], &meant)); err != nil || !reflect.DeepEqual(written, meant) {
			t.Errorf("%s: the example is %s, and would be answered as %s, %v", path, items[0], raw, err)
		}
	}
}
