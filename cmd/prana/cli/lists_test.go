package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
)

var (
	noon  = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	later = noon.Add(1500 * time.Millisecond)
)

// table takes the spaces at the ends of lines away, and the indentation of the test.
func trimmed(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(text)) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}

func TestList(t *testing.T) {
	t.Parallel()
	page := flow.Page[flow.Summary]{Cursor: "next", Items: []flow.Summary{
		{ID: "x2", Workflow: "order", Status: flow.Suspended, CreatedAt: noon},
		{ID: "x1", Workflow: "order", Status: flow.Failed, CreatedAt: noon, EndedAt: &later, Error: &flow.Problem{Code: "c", Message: "a\nb"}},
	}}
	f := newFake(t, map[string]any{"GET /v1/executions": page})
	r := prana(t, f.url, "list", "--status", "failed", "--workflow", "order", "--limit", "2", "--cursor", "here")
	r.wants(t, 0, "", "--cursor next")
	if got, want := trimmed(r.stdout), trimmed(`
		EXECUTION  WORKFLOW  STATUS     CREATED                   TOOK  ERROR
		x2         order     suspended  2026-01-02T12:00:00.000Z
		x1         order     failed     2026-01-02T12:00:00.000Z  1.5s  c: a b`); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := f.only(t).query.Encode(); got != "cursor=here&limit=2&status=failed&workflow=order" {
		t.Errorf("asked with %s", got)
	}
}

// TestAPartOfAListSaysSo on stderr in every format; what is read by programs has the items alone, or the whole page.
func TestAPartOfAListSaysSo(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{
		"GET /v1/executions": flow.Page[flow.Summary]{Cursor: "next", Items: []flow.Summary{{ID: "x2", CreatedAt: noon}, {ID: "x1", CreatedAt: noon}}},
	})
	family := newFake(t, map[string]any{"GET /v1/executions/me/relations": flow.Family{Items: []flow.FamilyLink{}, Truncated: true}})
	for _, format := range formats {
		r := prana(t, f.url, "list", "--limit", "2", "-o", format)
		r.wants(t, 0, "x1", "there are more: --cursor next\n")
		if strings.Contains(r.stdout, "there are more") {
			t.Errorf("-o %s gives %s", format, r.stdout)
		}
		prana(t, family.url, "relations", "me", "-o", format).wants(t, 0, "", "there are more than these 0")
	}
	f.answers["GET /v1/executions"] = flow.Page[flow.Summary]{Items: []flow.Summary{{ID: "x1", CreatedAt: noon}}}
	for _, format := range formats {
		if r := prana(t, f.url, "list", "-o", format); r.stderr != "" {
			t.Errorf("a whole list with -o %s says %s", format, r.stderr)
		}
	}
}

// TestListByWhatTheyHave: filters are asked as they are written, and a short page is filled from the ones after it.
func TestListByWhatTheyHave(t *testing.T) {
	t.Parallel()
	pages := map[string]string{
		"":    `{"items":[{"execution_id":"x3"}],"cursor":"one"}`,
		"one": `{"items":[],"cursor":"two"}`,
		"two": `{"items":[{"execution_id":"x2"},{"execution_id":"x1"}],"cursor":"three"}`,
	}
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Encode())
		_, _ = io.WriteString(w, pages[r.URL.Query().Get("cursor")])
	}))
	t.Cleanup(server.Close)
	parent := anID("0mother")
	r := prana(t, server.URL, "list", "--tag", "team=a", "--tag", "batch=7", "--parent", parent, "--error", "connection refused", "--limit", "3")
	r.wants(t, 0, "x1", "there are more: --cursor three")
	if !strings.Contains(r.stdout, "x3") || !strings.Contains(r.stdout, "x2") {
		t.Errorf("listed\n%s", r.stdout)
	}
	filter := "error=connection+refused&limit=%d&parent_execution_id=" + parent + "&tag=batch%%3D7&tag=team%%3Da"
	want := []string{fmt.Sprintf(filter, 3), "cursor=one&" + fmt.Sprintf(filter, 2), "cursor=two&" + fmt.Sprintf(filter, 2)}
	if !slices.Equal(asked, want) {
		t.Errorf("asked with\n%s\nwant\n%s", strings.Join(asked, "\n"), strings.Join(want, "\n"))
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	page := flow.Page[flow.Relation]{Items: []flow.Relation{
		{ParentID: "p", ChildID: "123", Type: "sub_workflow", Node: "yes: no", CreatedAt: noon},
		{ParentID: "p", ChildID: "d", Type: "sub_workflow", CreatedAt: noon},
	}}
	f := newFake(t, map[string]any{"GET /v1/relations": page})
	whole, _ := json.Marshal(page)
	same(t, prana(t, f.url, "relations", "-o", "json").stdout, string(whole))
	lines := strings.Split(strings.TrimSpace(prana(t, f.url, "relations", "-o", "jsonl").stdout), "\n")
	first, _ := json.Marshal(page.Items[0])
	if len(lines) != 2 {
		t.Fatalf("got %d lines, want 2", len(lines))
	}
	same(t, lines[0], string(first))
	want := `items:
  - parent_execution_id: p
    child_execution_id: "123"
    relationship_type: sub_workflow
    node: 'yes: no'
    created_at: "2026-01-02T12:00:00Z"
`
	if got := prana(t, f.url, "relations", "-o", "yaml").stdout; !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestEmptyLists(t *testing.T) {
	t.Parallel()
	none := map[string]any{"items": []any{}}
	f := newFake(t, map[string]any{
		"GET /v1/executions": none, "GET /v1/suspensions": none, "GET /v1/delays": none, "GET /v1/relations": none,
		"GET /v1/schedules": none, "GET /v1/hooks": none,
	})
	for _, verb := range []string{"list", "suspended", "delays", "relations", "schedules", "hooks"} {
		r := prana(t, f.url, verb)
		if r.code != 0 || r.stdout != "" || r.stderr == "" {
			t.Errorf("%s of nothing: %+v", verb, r)
		}
		prana(t, f.url, verb, "-o", "json").wants(t, 0, `{"items":[]}`, "")
	}
}

func TestSuspended(t *testing.T) {
	t.Parallel()
	page := flow.Page[flow.Suspension]{Items: []flow.Suspension{{
		ID: "x:1.000:1", Workflow: "order", Node: "w", Type: flow.ExternalEvent, Data: json.RawMessage(`{"event_type":"paid"}`),
		SuspendedAt: noon, TimeoutAt: &later,
	}}}
	f := newFake(t, map[string]any{"GET /v1/suspensions": page})
	r := prana(t, f.url, "suspended", "--type", "external_event", "--event-type", "paid")
	r.wants(t, 0, "waits for event paid, at most 1.5s", "prana resume SUSPENSION")
	if got := f.only(t).query.Encode(); got != "event_type=paid&type=external_event" {
		t.Errorf("asked with %s", got)
	}
	prana(t, f.url, "suspended", "--workflow", "order", "--expiring", "2026-01-02T12:00:00Z", "-o", "json").wants(t, 0, "{", "")
	if got := f.asked()[1].query.Encode(); got != "expires_before=2026-01-02T12%3A00%3A00Z&workflow=order" {
		t.Errorf("asked with %s", got)
	}
}

// TestSuspendedOfATypeThatNobodyHas: a typo is not refused, since nodes of users have types of their own.
func TestSuspendedOfATypeThatNobodyHas(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{"GET /v1/suspensions": flow.Page[flow.Suspension]{Items: []flow.Suspension{}}})
	prana(t, f.url, "suspended", "--type", "aproval").wants(t, 0, "", "aproval is no type of the engine, whose are external_event, ")
	if r := prana(t, f.url, "suspended", "--type", "approval"); r.stderr != "nothing waits\n" {
		t.Errorf("stderr is %q", r.stderr)
	}
}

// TestTimes: a flag for a time takes one, or how far it is from now.
func TestTimes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		path string
		name string
		off  time.Duration
	}{
		{[]string{"suspended", "--expiring", "1h"}, "/v1/suspensions", "expires_before", time.Hour},
		{[]string{"delays", "--from", "-1m"}, "/v1/delays", "from", -time.Minute},
		{[]string{"delays", "--until", "1h30m"}, "/v1/delays", "until", 90 * time.Minute},
		{[]string{"list", "--since", "24h"}, "/v1/executions", "since", -24 * time.Hour},
	} {
		f := newFake(t, map[string]any{"GET " + tt.path: map[string]any{}})
		before := time.Now()
		prana(t, f.url, tt.args...)
		at, err := time.Parse(time.RFC3339Nano, f.only(t).query.Get(tt.name))
		if err != nil || at.Before(before.Add(tt.off).Round(0)) || at.After(time.Now().Add(tt.off)) {
			t.Errorf("%v asked with %s=%v, %v", tt.args, tt.name, at, err)
		}
	}
	prana(t, "", "delays", "--until", "soon").wants(t, 2, "", "neither a time")
}

func TestDelaysAndRelations(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{
		"GET /v1/delays":    flow.Page[flow.DelayView]{Items: []flow.DelayView{{ExecutionID: "x", Node: "nap", ResumeAt: later, Status: flow.DelayPending}}},
		"GET /v1/relations": flow.Page[flow.Relation]{Items: []flow.Relation{{ParentID: "p", ChildID: "c"}}}, "GET /v1/executions/p": nil,
	})
	prana(t, f.url, "delays", "--workflow", "w", "--from", "2026-01-02T12:00:00Z", "--until", "2026-01-02T13:00:00Z").wants(t, 0, "2026-01-02T12:00:01.500Z", "")
	if got := f.asked()[0].query.Encode(); got != "from=2026-01-02T12%3A00%3A00Z&until=2026-01-02T13%3A00%3A00Z&workflow=w" {
		t.Errorf("asked with %s", got)
	}
	prana(t, f.url, "relations", "--parent", "p").wants(t, 0, "p ", "")
	if got := f.asked()[1].query.Encode(); got != "parent_execution_id=p" {
		t.Errorf("asked with %s", got)
	}
}

func TestFamily(t *testing.T) {
	t.Parallel()
	link := func(parent, child string, distance int, mode string) flow.FamilyLink {
		return flow.FamilyLink{Distance: distance, Relation: flow.Relation{
			ParentID: parent, ChildID: child, Mode: mode, Node: "call", Workflow: "sub", Status: flow.Running, CreatedAt: noon,
		}}
	}
	family := flow.Family{
		Root:      &flow.Summary{ID: "top", Workflow: "order", Status: flow.Suspended, CreatedAt: noon},
		Items:     []flow.FamilyLink{link("top", "me", -1, "sync"), link("me", "a", 1, "async"), link("a", "deep", 2, "sync"), link("me", "b", 1, "fire_and_forget")},
		Truncated: true,
	}
	f := newFake(t, map[string]any{"GET /v1/executions/me/relations": family, "GET /v1/executions/alone/relations": flow.Family{Items: []flow.FamilyLink{}, Root: &flow.Summary{ID: "alone", Status: flow.Running}}})
	r := prana(t, f.url, "relations", "me", "--depth", "2")
	r.wants(t, 0, "", "there are more")
	if got, want := trimmed(r.stdout), trimmed(`
		EXECUTION      STATUS     WORKFLOW  MODE             NODE  CREATED
		top            suspended  order                            2026-01-02T12:00:00.000Z
		└─ me (this)   running    sub       sync             call  2026-01-02T12:00:00.000Z
		   ├─ a        running    sub       async            call  2026-01-02T12:00:00.000Z
		   │  └─ deep  running    sub       sync             call  2026-01-02T12:00:00.000Z
		   └─ b        running    sub       fire_and_forget  call  2026-01-02T12:00:00.000Z`); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := f.only(t).query.Encode(); got != "depth=2" {
		t.Errorf("asked with %s", got)
	}
	same(t, prana(t, f.url, "relations", "me", "-o", "json").stdout, string(mustJSON(t, family)))
	if n := strings.Count(prana(t, f.url, "relations", "me", "-o", "jsonl").stdout, "\n"); n != 4 {
		t.Errorf("%d lines, want 4", n)
	}
	prana(t, f.url, "relations", "alone").wants(t, 0, "alone (this)  running", "")
	prana(t, f.url, "relations", "me", "--parent", "alone").wants(t, 2, "", "leave --parent")
	prana(t, f.url, "relations", "--depth", "2").wants(t, 2, "", "prana relations ID")
}

// TestFamilyOfThePurged: a parent that is gone is named by its child.
func TestFamilyOfThePurged(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{"GET /v1/executions/me/relations": flow.Family{Items: []flow.FamilyLink{{
		Distance: -1, Relation: flow.Relation{ParentID: "gone", ChildID: "me", Status: flow.Running},
	}}}})
	prana(t, f.url, "relations", "me").wants(t, 0, "gone          purged", "")
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	berlin := time.FixedZone("", 3600)
	last, next := noon.In(berlin), noon.Add(24*time.Hour).In(berlin)
	page := flow.Page[flow.ScheduleView]{Items: []flow.ScheduleView{{
		Workflow: "nightly", Version: "v1", Schedule: flow.Schedule{Pattern: "0 13 * * *", Timezone: "Europe/Berlin", Misfire: flow.MisfireAll},
		LastTick: &last, NextTick: &next,
	}, {Workflow: "fresh", Version: "v2", Schedule: flow.Schedule{Pattern: "@daily", Timezone: "UTC", Misfire: flow.MisfireOnce}, NextTick: &noon}}}
	f := newFake(t, map[string]any{"GET /v1/schedules": page})
	got := trimmed(prana(t, f.url, "schedules", "--workflow", "nightly", "--limit", "2").stdout)
	want := trimmed(`
		WORKFLOW  VERSION  PATTERN     TIMEZONE       MISFIRE  LAST                      NEXT
		nightly   v1       0 13 * * *  Europe/Berlin  all      2026-01-02T12:00:00.000Z  2026-01-03T12:00:00.000Z
		fresh     v2       @daily      UTC            once                               2026-01-02T12:00:00.000Z`)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := f.only(t).query.Encode(); got != "limit=2&workflow=nightly" {
		t.Errorf("asked with %s", got)
	}
	same(t, prana(t, f.url, "schedules", "-o", "json").stdout, string(mustJSON(t, page)))
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
