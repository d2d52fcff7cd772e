package api

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

const (
	traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	startPath   = "/v1/workflows/order/executions"
)

func TestStartSaysItAll(t *testing.T) {
	t.Parallel()
	f := newFake()
	w := send(f, "POST", startPath,
		`{"input":{"a":1},"id":"o-1","version":"v","start_at":"2026-01-02T03:04:05Z","from":"pay","only":true,"tags":{"k":"v"}}`, "Traceparent", traceparent)
	want := flow.StartRequest{
		Workflow: "order", Version: "v", Input: []byte(`{"a":1}`), ID: "o-1", StartAt: born,
		From: "pay", Only: true, Tags: map[string]string{"k": "v"}, Trace: map[string]string{"traceparent": traceparent},
	}
	if !reflect.DeepEqual(f.last(), want) {
		t.Errorf("got  %+v\nwant %+v", f.last(), want)
	}
	if w.Code != 201 || w.Header().Get("Location") != "/v1/executions/"+execID || w.Header().Get("Idempotency-Replayed") != "" {
		t.Errorf("got %d, %v", w.Code, w.Header())
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", maxKey)
	for _, tt := range []struct {
		key, body string
		status    int
		id        string
	}{
		{"k1", "", 201, "k1"},
		{`"k1"`, "", 201, "k1"},
		{"", `{"id":"k2"}`, 201, "k2"},
		{"k2", `{"id":"k2"}`, 201, "k2"},
		{"k1", `{"id":"k2"}`, 400, ""},
		{long, "", 201, long},
		{long + "k", "", 400, ""},
	} {
		f := newFake()
		w := send(f, "POST", startPath, tt.body, "Idempotency-Key", tt.key)
		req, _ := f.last().(flow.StartRequest)
		if w.Code != tt.status || req.ID != tt.id {
			t.Errorf("key %.10q, body %q: got %d, id %.10q", tt.key, tt.body, w.Code, req.ID)
		}
	}
}

func TestRepetitionsSaySo(t *testing.T) {
	t.Parallel()
	for target, status := range map[string]int{
		startPath:                                     200,
		"/v1/executions/" + execID + ":resume":        202,
		"/v1/executions/" + execID + ":approve":       202,
		"/v1/executions/" + execID + ":reject":        202,
		"/v1/executions/" + execID + ":retry":         202,
		"/v1/executions/" + execID + ":rerun":         202,
		"/v1/suspensions/" + execID + ":1.0:1:resume": 202,
	} {
		f := newFake()
		f.replayed = true
		w := send(f, "POST", target, "", "Idempotency-Key", "k")
		if w.Code != status || w.Header().Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s: got %d, %v", target, w.Code, w.Header())
		}
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	f := newFake()
	w := send(f, "POST", "/v1/executions/"+execID+":retry", `{"id":"r-1"}`)
	want := `{"execution_id":"` + execID + `","status":"running","generation":1}` + "\n"
	if w.Code != 202 || w.Body.String() != want || !reflect.DeepEqual(f.last(), flow.RetryRequest{Execution: execID, ID: "r-1"}) {
		t.Errorf("got %d %s, asked %+v", w.Code, w.Body, f.last())
	}
	f.err = flow.Problemf(flow.ErrConflict.Code, "it is completed")
	if w := send(f, "POST", "/v1/executions/"+execID+":retry", ""); w.Code != 409 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestRerun(t *testing.T) {
	t.Parallel()
	f := newFake()
	path := "/v1/executions/" + execID + ":rerun"
	w := send(f, "POST", path, `{"from":"pay","input":null,"version":"latest","id":"r-1"}`, "Traceparent", traceparent)
	want := flow.RerunRequest{Execution: execID, From: "pay", Input: []byte("null"), Version: "latest", ID: "r-1", Trace: map[string]string{"traceparent": traceparent}}
	if w.Code != 202 || w.Header().Get("Location") != "/v1/executions/"+execID || !reflect.DeepEqual(f.last(), want) {
		t.Errorf("got %d %s, asked %+v", w.Code, w.Body, f.last())
	}
	if !strings.Contains(w.Body.String(), `"rerun_of":"`+execID+`"`) {
		t.Errorf("got %s", w.Body)
	}
	if w := send(f, "POST", path, `{"plan":true,"from":"pay"}`); w.Code != 200 || !strings.Contains(w.Body.String(), `"from":"pay"`) {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	f.err = flow.Problemf("node_not_found", "no such node")
	if w := send(f, "POST", path, `{"from":"pa"}`); w.Code != 404 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestStartWaits(t *testing.T) {
	t.Parallel()
	f := newFake()
	w := send(f, "POST", startPath, "", "Prefer", "wait=1")
	want := `{"execution_id":"` + execID + `","workflow":"order","version":"` + version + `","status":"completed","output":{"ok":true},"error":null}`
	if strings.TrimSpace(w.Body.String()) != want || !f.awaited {
		t.Errorf("got %s", w.Body)
	}
}

func TestPreferences(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"wait=10":                10 * time.Second,
		`Wait = "10"`:            10 * time.Second,
		"respond-async, wait=60": time.Minute,
		"wait=61":                time.Minute,
		"wait=-1":                0,
		"wait=99999999999999":    0,
		"wait":                   0,
		"":                       0,
	} {
		if got := waitOf(request("GET", "/", "", "Prefer", header)); got != want {
			t.Errorf("%q: got %v, want %v", header, got, want)
		}
	}
}

func TestBadBodies(t *testing.T) {
	t.Parallel()
	deep := func(n int) string {
		return `{"input":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}`
	}
	wide := func(n int) string { return `{"input":[` + strings.TrimSuffix(strings.Repeat("0,", n), ",") + `]}` }
	for _, tt := range []struct {
		name, body string
		status     int
		says       string
	}{
		{"nothing", ``, 201, ""},
		{"unknown", `{"imput":1}`, 400, `did you mean \"input\"?`},
		{"case", `{"Input":1}`, 400, `did you mean \"input\"?`},
		{"twice", `{"input":1,"input":2}`, 400, "twice"},
		{"twice inside", `{"input":{"a":[{"b":1,"b":2}]}}`, 400, "/input/a//b"},
		{"cut", `{"input":`, 400, "too early"},
		{"more", `{} {}`, 400, "after the JSON"},
		{"no JSON", `hello`, 400, "cannot be read"},
		{"an array", `[]`, 400, "invalid_json"},
		{"wrong type", `{"tags":{"a":1}}`, 400, "tags"},
		{"no time", `{"start_at":"tomorrow"}`, 400, "invalid_json"},
		{"at the depth", deep(wire.MaxDepth), 201, ""},
		{"too deep", deep(wire.MaxDepth + 1), 400, "nested too deep"},
		{"at the width", wide(wire.MaxMembers), 201, ""},
		{"too wide", wide(wire.MaxMembers + 1), 400, "10000"},
	} {
		w := send(newFake(), "POST", startPath, tt.body)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s: got %d %s, want %d with %q", tt.name, w.Code, w.Body, tt.status, tt.says)
		}
	}
}

func TestPositionsOfErrors(t *testing.T) {
	t.Parallel()
	doc := problemIn(t, send(newFake(), "POST", startPath, "{\n  \"id\": \"a\",\n  \"id\": \"b\"}"))
	if doc.Extra["line"] != 3.0 || doc.Extra["pointer"] != "/id" {
		t.Errorf("got %v", doc.Extra)
	}
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		target, media string
		status        int
	}{
		{startPath, "application/json; charset=utf-8", 201},
		{startPath, "application/vnd.x+json", 201},
		{startPath, "application/x-www-form-urlencoded", 201}, // what curl -d says
		{startPath, "", 201},
		{startPath, "text/xml", 415},
		{startPath, "application/yaml", 415},
		{"/v1/workflows", "application/yaml", 201},
		{"/v1/workflows", "application/x-yaml", 201},
		{"/v1/workflows", "text/yaml", 201},
		{"/v1/workflows", "application/json", 201},
		{"/v1/workflows", "text/plain", 201},
		{"/v1/workflows", "image/png", 415},
		{"/v1/events", "application/cloudevents-batch+json", 415},
	} {
		if w := send(newFake(), "POST", tt.target, "{}", "Content-Type", tt.media); w.Code != tt.status {
			t.Errorf("%s as %q: got %d, want %d", tt.target, tt.media, w.Code, tt.status)
		}
	}
}

func TestDeploy(t *testing.T) {
	t.Parallel()
	f := newFake()
	if w := send(f, "POST", "/v1/workflows", "id: order"); w.Code != 201 || w.Header().Get("Location") != "/v1/workflows/order/versions/"+version {
		t.Errorf("new: got %d, %v", w.Code, w.Header())
	}
	f.created = false
	if w := send(f, "POST", "/v1/workflows", "id: order"); w.Code != 200 {
		t.Errorf("known: got %d", w.Code)
	}
	w := send(f, "POST", "/v1/workflows?file=a.yaml", "broken")
	if doc := problemIn(t, w); w.Code != 422 || len(doc.Diagnostics) != 2 || !strings.Contains(string(doc.Diagnostics[0]), "a.yaml") {
		t.Errorf("broken: got %d %+v", w.Code, doc)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"broken":    `{"valid":false,"diagnostics":[{"code":"E1","file":"definition"},{"code":"E2"}]}`,
		"id: order": `"diagnostics":[]}`,
	} {
		w := send(newFake(), "POST", "/v1/workflows:validate", src)
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: got %d %s", src, w.Code, w.Body)
		}
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]any{
		"/v1/executions?status=failed&workflow=w&since=2026-01-02T03:04:05Z&until=2026-01-02T03:04:05Z&limit=1000&cursor=w9gBc": flow.ExecutionFilter{
			Status: flow.Failed, Workflow: "w", Since: born, Until: born, Limit: 1000, Cursor: "c",
		},
		"/v1/executions?tag=team=a&tag=batch%3D7=8&parent_execution_id=p&error=connection+refused&id_prefix=0ab": flow.ExecutionFilter{
			Tags: map[string]string{"team": "a", "batch": "7=8"}, Parent: "p", Error: "connection refused", Prefix: "0ab",
		},
		"/v1/executions?parent=p": flow.ExecutionFilter{Parent: "p"},
		"/v1/suspensions?type=delay&event_type=e&workflow=w&execution_id=x&expires_before=2026-01-02T03:04:05Z&expires_after=2026-01-02T03:04:05Z": flow.SuspensionFilter{
			Type: "delay", EventType: "e", Workflow: "w", Execution: "x", ExpiresBefore: born, ExpiresAfter: born,
		},
		"/v1/suspensions?suspend_type=delay&execution=x&limit=3&cursor=ClwXc":  flow.SuspensionFilter{Type: "delay", Execution: "x", Limit: 3, Cursor: "c"},
		"/v1/delays?execution_id=x&resume_before=2026-01-02T03:04:05Z&limit=1": flow.DelayFilter{Execution: "x", Until: born, Limit: 1},
		"/v1/delays?workflow=w&from=2026-01-02T03:04:05Z&until=2026-01-02T03:04:05Z&limit=1&cursor=BfsAc": flow.DelayFilter{
			Workflow: "w", From: born, Until: born, Limit: 1, Cursor: "c",
		},
		"/v1/relations?parent_execution_id=p&child_execution_id=c": flow.RelationFilter{Parent: "p", Child: "c"},
		"/v1/schedules?workflow=w&limit=2&cursor=oNPoc":            flow.ScheduleFilter{Workflow: "w", Limit: 2, Cursor: "c"},
		"/v1/relations?parent=p":                                   flow.RelationFilter{Parent: "p"},
	} {
		f := newFake()
		if w := send(f, "GET", target, ""); w.Code != 200 || !reflect.DeepEqual(f.last(), want) {
			t.Errorf("%s: got %d, %+v", target, w.Code, f.last())
		}
	}
}

// TestSchedules: times come in the zone of the schedule, and the next is never past.
func TestSchedules(t *testing.T) {
	t.Parallel()
	w := send(newFake(), "GET", "/v1/schedules", "")
	want := `{"items":[` +
		`{"workflow":"nightly","version":"0123456789abcdef","cron_pattern":"30 2 * * *","timezone":"Europe/Berlin","misfire":"all","last_tick":"2026-01-02T04:04:05+01:00","next_tick":"2026-01-03T02:30:00+01:00"},` +
		`{"workflow":"fresh","version":"0123456789abcdef","cron_pattern":"@daily","timezone":"UTC","misfire":"once","next_tick":"2026-01-04T00:00:00Z"},` +
		`{"workflow":"newer","version":"0123456789abcdef","cron_pattern":"@blue_moon","timezone":"UTC","misfire":"once","last_tick":"2026-01-02T03:04:05Z"}]}`
	if got := strings.TrimSpace(w.Body.String()); w.Code != 200 || got != want {
		t.Errorf("got %d %s\nwant %s", w.Code, got, want)
	}
}

func TestBadFilters(t *testing.T) {
	t.Parallel()
	for target, says := range map[string]string{
		"/v1/executions?limit=0":                            "from 1 to 1000",
		"/v1/executions?limit=1001":                         "from 1 to 1000",
		"/v1/executions?limit=x":                            "from 1 to 1000",
		"/v1/executions?status=complete":                    `did you mean \"completed\"?`,
		"/v1/executions?stauts=failed":                      `did you mean \"status\"?`,
		"/v1/executions?since=yesterday":                    "is not a time",
		"/v1/executions?limit=1&limit=2":                    "2 times",
		"/v1/executions?a=%zz":                              "cannot be read",
		"/v1/executions?tag=team":                           "tag=team is not a tag",
		"/v1/executions?tag=%3Da":                           "has no name",
		"/v1/executions?tag=a=1&tag=a=2":                    "given twice",
		"/v1/executions?id_prefix=a-b":                      "no id of an execution",
		"/v1/executions?error=%2F%2F":                       "has no word",
		"/v1/suspensions?expire_before=1":                   `did you mean \"expires_before\"?`,
		"/v1/delays?status=pending":                         "no parameter",
		"/v1/relations?parent_execution=x":                  "did you mean",
		"/v1/delays?from=now":                               "from=now is not a time",
		"/v1/executions/" + execID + "/relations?depth=0":   "from 1 to 100",
		"/v1/executions/" + execID + "/relations?depht=3":   `did you mean \"depth\"?`,
		"/v1/executions/" + execID + "/relations?depth=1e3": "from 1 to 100",
		"/v1/executions/" + execID + "?wait=1":              "no parameter",
		"/v1/executions/" + execID + "/history?limit=1":     "no parameter",
		"/v1/executions/" + execID + "/suspensions?node=a":  "no parameter",
		"/v1/executions/" + execID + "/output?path=a":       "no parameter",
		"/v1/executions?cursor=BfsAc":                       "cursor=BfsAc is not one of this list", // but of that of delays
		"/v1/executions?cursor=Jetc":                        "is not one of this list",
		"/v1/executions?cursor=c":                           "is not one of this list",
		"/v1/executions?status=failed&cursor=Jetcc":         "is not one of this list", // which is in another order
		"/v1/executions?error=refused&cursor=Jetcc":         "is not one of this list",
		"/v1/executions?cursor=w9gBc":                       "is not one of this list",
		"/v1/hooks/std/deliveries?cursor=Potxc":             "is not one of this list", // but of that of another hook
		"/v1/workflows?limt=3":                              `did you mean \"limit\"?`,
		"/v1/workflows?limit=0":                             "from 1 to 1000",
		"/v1/workflows/order?version=1":                     "no parameter",
		"/v1/workflows/order/versions?curser=a":             `did you mean \"cursor\"?`,
		"/v1/node-types?type=core.log":                      "no parameter",
		"/v1/workflows:validate?flie=a.txt":                 `did you mean \"file\"?`,
	} {
		f, method := newFake(), "GET"
		if strings.Contains(target, ":") {
			method = "POST"
		}
		w := send(f, method, target, "")
		if w.Code != 400 || !strings.Contains(w.Body.String(), says) || f.last() != nil {
			t.Errorf("%s: got %d %s", target, w.Code, w.Body)
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.cursor = "n&x"
	w := send(f, "GET", "/v1/executions?limit=2", "")
	if got := w.Header().Get("Link"); got != `</v1/executions?cursor=Jetcn%26x&limit=2>; rel="next"` {
		t.Errorf("Link is %s", got)
	}
	if got := strings.TrimSpace(w.Body.String()); got != `{"items":[],"cursor":"Jetcn\u0026x"}` && got != `{"items":[],"cursor":"Jetcn&x"}` {
		t.Errorf("got %s", got)
	}
}

func TestOutput(t *testing.T) {
	t.Parallel()
	f := newFake()
	target := "/v1/executions/" + execID + "/output"
	if w := send(f, "GET", target, ""); w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"ok":true}` {
		t.Errorf("completed: got %d %s", w.Code, w.Body)
	}
	f.view.Status, f.view.Error = flow.Failed, flow.Problemf("boom", "it broke")
	w := send(f, "GET", target, "")
	if doc := problemIn(t, w); w.Code != 409 || doc.Extra["execution_status"] != "failed" || doc.ExecutionID != execID || doc.Extra["error"] == nil {
		t.Errorf("failed: got %d %+v", w.Code, doc)
	}
}

func TestResumeAndCancel(t *testing.T) {
	t.Parallel()
	wait := flow.SuspensionID{Execution: execID, Step: flow.StepID{Node: 1}, Turn: 1}
	for _, tt := range []struct {
		target, body string
		want         any
	}{
		{"executions/" + execID + ":resume", `{"node":"n","data":{"a":1}}`, flow.ResumeRequest{Execution: execID, Node: "n", Data: []byte(`{"a":1}`)}},
		{"executions/" + execID + ":approve", `{"node":"n","by":"Ada","comment":"yes","id":"i","form":{"a":1}}`, flow.ResumeRequest{
			Execution: execID, Node: "n", Type: flow.Approval, By: "Ada", ID: "i", Data: []byte(`{"decision":"approved","comment":"yes","form":{"a":1}}`),
		}},
		{"executions/" + execID + ":approve", ``, flow.ResumeRequest{Execution: execID, Type: flow.Approval, Data: []byte(`{"decision":"approved","form":{}}`)}},
		{"executions/" + execID + ":reject", `{}`, flow.ResumeRequest{Execution: execID, Type: flow.Approval, Data: []byte(`{"decision":"rejected"}`)}},
		{"executions/" + execID + ":resume", `{"by":"Ada"}`, flow.ResumeRequest{Execution: execID, By: "Ada"}},
		{"executions/" + execID + ":resume", ``, flow.ResumeRequest{Execution: execID}},
		{"executions/" + execID + ":resume", `{"error":{"code":"c","message":"m"},"id":"i"}`, flow.ResumeRequest{
			Execution: execID, Error: flow.Problemf("c", "m"), ID: "i",
		}},
		{"suspensions/" + wait.String() + ":resume", `{"data":1}`, flow.ResumeRequest{Execution: execID, Suspension: &wait, Data: []byte(`1`)}},
		{"executions/" + execID + ":cancel", `{"reason":"r","id":"i"}`, flow.CancelRequest{Execution: execID, Reason: "r", ID: "i"}},
		{"executions/" + execID + ":terminate", `{"reason":"r","id":"i"}`, termination{Execution: execID, Reason: "r", ID: "i"}},
		{"executions/" + execID + ":terminate", ``, termination{Execution: execID}},
		{"executions/" + execID + ":pause", `{"by":"Ada","reason":"r"}`, flow.PauseRequest{Execution: execID, By: "Ada", Reason: "r"}},
		{"executions/" + execID + ":pause", ``, flow.PauseRequest{Execution: execID}},
		{"executions/" + execID + ":unpause", `{"by":"Ada"}`, unpausing{Execution: execID, By: "Ada"}},
	} {
		f := newFake()
		w := send(f, "POST", "/v1/"+tt.target, tt.body)
		if w.Code != 202 || !reflect.DeepEqual(f.last(), tt.want) {
			t.Errorf("%s %s: got %d, %+v", tt.target, tt.body, w.Code, f.last())
		}
	}
}

func TestEndingAgainTellsTheState(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{":cancel", ":terminate"} {
		f := newFake()
		f.replayed = true
		w := send(f, "POST", "/v1/executions/"+execID+verb, `{"id":"i"}`)
		if w.Code != 200 || w.Header().Get("Idempotency-Replayed") != "true" || strings.TrimSpace(w.Body.String()) != `{"execution_id":"`+execID+`","status":"cancelling"}` {
			t.Errorf("%s: got %d %v %s", verb, w.Code, w.Header(), w.Body)
		}
	}
}

func TestBadResumes(t *testing.T) {
	t.Parallel()
	for target, body := range map[string]string{
		"executions/" + execID + ":resume":         `{"data":1,"error":{"code":"c"}}`,
		"suspensions/" + execID + ":1.0:1:resume":  `{"node":"n"}`,
		"executions/" + execID + ":resume?":        `{"error":{}}`,
		"executions/" + execID + ":resume?x":       `{"error":{"code":"c","mesage":"m"}}`,
		"executions/" + execID + ":cancel":         `{"why":"because"}`,
		"executions/" + execID + ":terminate":      `{"why":"because"}`,
		"executions/" + execID + ":pause":          `{"why":"because"}`,
		"suspensions/" + execID + ":1.0:1:resume?": `{"resume":1}`,
	} {
		if w := send(newFake(), "POST", "/v1/"+target, body); w.Code != 400 {
			t.Errorf("%s %s: got %d", target, body, w.Code)
		}
	}
}

func TestTTL(t *testing.T) {
	t.Parallel()
	year := int64(400 * 24 * 3600 * 1000)
	for _, tt := range []struct {
		ms   string
		want time.Duration
		code int
	}{
		{"0", -1, 202},
		{"1", time.Millisecond, 202},
		{fmt.Sprint(year), 400 * 24 * time.Hour, 202},
		{fmt.Sprint(year + 1), 0, 400},
		{"-1", 0, 400},
		{"null", 0, 202},
	} {
		f := newFake()
		w := send(f, "POST", "/v1/events", `{"type":"t","ttl_ms":`+tt.ms+`}`)
		e, _ := f.last().(flow.Event)
		if w.Code != tt.code || e.TTL != tt.want {
			t.Errorf("ttl_ms %s: got %d, %v", tt.ms, w.Code, e.TTL)
		}
	}
}

func TestDryRunOfAnEvent(t *testing.T) {
	t.Parallel()
	f := newFake()
	w := send(f, "POST", "/v1/events", `{"type":"t","data":{"a":1},"id":"i","limit":2,"dry_run":true}`)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"dry_run":true`) || !strings.Contains(w.Body.String(), `"matched":3`) {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}
