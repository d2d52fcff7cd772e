package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// ids are of the right length, so that none of them is looked up.
func anID(begin string) string { return begin + strings.Repeat("z", 23-len(begin)) }

func summaries(ids ...string) flow.Page[flow.Summary] {
	page := flow.Page[flow.Summary]{Items: []flow.Summary{}}
	for _, id := range ids {
		page.Items = append(page.Items, flow.Summary{ID: id, Workflow: "order", Status: flow.Suspended, CreatedAt: noon})
	}
	return page
}

func TestPrefixNamesAnExecution(t *testing.T) {
	t.Parallel()
	a, b := anID("0aa1"), anID("0ab1")
	v := viewOf(flow.Completed)
	f := newFake(t, map[string]any{
		"GET /v1/executions": summaries(a, b), "GET /v1/executions/" + a: v, "POST /v1/executions/" + b + ":cancel": wire.Accepted{ExecutionID: b},
		"GET /v1/suspensions": flow.Page[flow.Suspension]{Items: []flow.Suspension{}},
	})
	prana(t, f.url, "show", "0aa").wants(t, 0, "completed", "")
	if got := f.asked()[0].query.Encode(); got != "id_prefix=0aa&limit=100" {
		t.Errorf("it was looked up with %s", got)
	}
	prana(t, f.url, "cancel", "0ab").wants(t, 0, "cancelling "+b, "")
	prana(t, f.url, "suspended", "--execution", "0ab", "-o", "json").wants(t, 0, "{", "")
	if got := f.asked()[len(f.asked())-1].query.Get("execution_id"); got != b {
		t.Errorf("--execution asked for %s", got)
	}
	r := prana(t, f.url, "show", "0a")
	r.wants(t, 2, "", "0a begins the ids of 2 executions")
	r.wants(t, 2, "", a+"  order suspended, created 2026-01-02T12:00:00.000Z")
	prana(t, f.url, "show", "0c").wants(t, 4, "", "no execution whose id begins with 0c")
	prana(t, f.url, "cancel", "").wants(t, 2, "", "an empty text")
}

// TestWholeIDIsNotLookedUp: nor is what is no id at all.
func TestWholeIDIsNotLookedUp(t *testing.T) {
	t.Parallel()
	id := anID("0a")
	f := newFake(t, map[string]any{"GET /v1/executions": summaries(), "GET /v1/executions/" + id: viewOf(flow.Completed), "GET /v1/executions/a.b": flow.NotFound("execution", "a.b")})
	prana(t, f.url, "show", id).wants(t, 0, "completed", "")
	prana(t, f.url, "show", "a.b").wants(t, 4, "", "a.b")
	for _, q := range f.asked() {
		if q.line == "GET /v1/executions" {
			t.Error("it was looked up")
		}
	}
}

// endless is a list that has these executions on a page, and none on any other, of which there is always one more.
func endless(on string, ids ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		page := summaries()
		if r.URL.Query().Get("cursor") == on {
			page = beginning(summaries(ids...), r)
		}
		page.Cursor = r.URL.Query().Get("cursor") + "+"
		_ = json.NewEncoder(w).Encode(page)
	}
}

// TestOldPrefixIsFound: the server is asked again as long as it says that there may be more.
func TestOldPrefixIsFound(t *testing.T) {
	t.Parallel()
	id := anID("0aa1bcde")
	f := newFake(t, map[string]any{"GET /v1/executions": endless("+++", id), "POST /v1/executions/" + id + ":terminate": wire.Accepted{ExecutionID: id}})
	prana(t, f.url, "terminate", "0aa1bcde").wants(t, 0, "terminated "+id, "")
	if n := len(f.asked()); n != 5 {
		t.Errorf("the server was asked %d times, want 4 and the verb", n)
	}
}

// TestShortPrefixIsNotSure: where there are more executions than those looked at, a short prefix may name one of the others.
func TestShortPrefixIsNotSure(t *testing.T) {
	t.Parallel()
	id := anID("0aa1bcde")
	f := newFake(t, map[string]any{"GET /v1/executions": endless("", id), "POST /v1/executions/" + id + ":terminate": wire.Accepted{ExecutionID: id}})
	prana(t, f.url, "terminate", "0aa1").wants(t, 2, "", "give 8 characters or more")
	prana(t, f.url, "terminate", "0aa1bcde").wants(t, 0, "terminated "+id, "")
	prana(t, f.url, "terminate", "0b").wants(t, 4, "", "older ones need their whole id")
}

// pranaAt runs a command line for a user with that home.
func pranaAt(t *testing.T, home, server string, args ...string) ran {
	t.Helper()
	var stdout, stderr bytes.Buffer
	sh := &shell{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, environ: []string{"HOME=" + home, "PRANA_SERVER=" + server}}
	return ran{run(t.Context(), sh, args), stdout.String(), stderr.String()}
}

func TestLastIsWhatWasStartedFromHere(t *testing.T) {
	t.Parallel()
	mine, other, again := anID("0mine"), anID("0other"), anID("0again")
	answers := map[string]any{
		"GET /v1/executions":                     summaries(other),
		"POST /v1/workflows/order/executions":    flow.StartResult{ExecutionID: mine, Workflow: "order"},
		"POST /v1/executions/" + mine + ":rerun": flow.RerunResult{RerunOf: mine, StartResult: flow.StartResult{ExecutionID: again}},
	}
	for _, id := range []string{mine, other, again} {
		v := viewOf(flow.Completed)
		v.ID = id
		answers["GET /v1/executions/"+id] = v
	}
	f, home := newFake(t, answers), t.TempDir()
	r := pranaAt(t, home, f.url, "show", "@last")
	r.wants(t, 0, other, "@last is "+other+" of order, the newest of the server")
	pranaAt(t, home, f.url, "run", "order").wants(t, 0, mine, "")
	pranaAt(t, home, f.url, "show", "@last").wants(t, 0, mine, "")
	pranaAt(t, home, f.url, "rerun", "@last").wants(t, 0, again, "")
	pranaAt(t, home, f.url, "show", "@last").wants(t, 0, again, "")

	elsewhere := newFake(t, map[string]any{"GET /v1/executions": summaries()})
	pranaAt(t, home, elsewhere.url, "show", "@last").wants(t, 4, "", "there are no executions")
}

// TestLastThatIsGone: a server that lost its data is no reason to be stuck.
func TestLastThatIsGone(t *testing.T) {
	t.Parallel()
	mine, other := anID("0mine"), anID("0other")
	v := viewOf(flow.Completed)
	v.ID = other
	f, home := newFake(t, map[string]any{
		"GET /v1/executions": summaries(other), "GET /v1/executions/" + other: v, "GET /v1/executions/" + mine: flow.NotFound("execution", mine),
		"POST /v1/workflows/order/executions": flow.StartResult{ExecutionID: mine},
	}), t.TempDir()
	pranaAt(t, home, f.url, "run", "order").wants(t, 0, mine, "")
	pranaAt(t, home, f.url, "show", "@last").wants(t, 4, "", "@last was "+mine)
	pranaAt(t, home, f.url, "show", "@last").wants(t, 0, other, "")
}

// TestLastStaysWhereSomethingElseIsMissing: a typo of a node is no reason for the next command to mean an execution of somebody else.
func TestLastStaysWhereSomethingElseIsMissing(t *testing.T) {
	t.Parallel()
	mine, other := anID("0mine"), anID("0other")
	v := viewOf(flow.Running)
	v.ID = mine
	at := "/v1/executions/" + mine
	f, home := newFake(t, map[string]any{
		"GET /v1/executions": summaries(other), "GET " + at: v, "POST /v1/workflows/order/executions": flow.StartResult{ExecutionID: mine},
		"POST " + at + ":resume": flow.NotFound("node", "nope"), "POST " + at + ":rerun": flow.NotFound("workflow", "order@nope"),
	}), t.TempDir()
	pranaAt(t, home, f.url, "run", "order").wants(t, 0, mine, "")
	for _, args := range [][]string{{"show", "@last", "--node", "nope"}, {"resume", "@last", "--node", "nope"}, {"rerun", "@last", "--version", "nope"}} {
		r := pranaAt(t, home, f.url, args...)
		r.wants(t, 4, "", "nope")
		if strings.Contains(r.stderr, "@last was") {
			t.Errorf("%v: stderr is %s", args, r.stderr)
		}
	}
	pranaAt(t, home, f.url, "show", "@last").wants(t, 0, mine, "")
}

// TestNothingSecretIsRemembered: an id, and neither the server nor its password.
func TestNothingSecretIsRemembered(t *testing.T) {
	t.Parallel()
	sh := &shell{environ: []string{"XDG_STATE_HOME=" + t.TempDir()}}
	id := anID("0")
	sh.remember("http://ada:sesame@prana.example.com", id)
	if got := sh.recall("http://ada:other@prana.example.com"); got != id {
		t.Errorf("recalled %q", got)
	}
	found := 0
	err := filepath.WalkDir(sh.stateDir(), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		found++
		info, err := e.Info()
		text, _ := os.ReadFile(path)
		if string(text) != id+"\n" || strings.Contains(path, "example") || info.Mode().Perm() != 0o600 {
			t.Errorf("%s (%s) holds %q", path, info.Mode(), text)
		}
		return err
	})
	if err != nil || found != 1 {
		t.Errorf("%d files, %v", found, err)
	}
	if got := (&shell{environ: []string{}}).recall("http://x"); got != "" {
		t.Errorf("without a home, recalled %q", got)
	}
}

func TestManyFit(t *testing.T) {
	t.Parallel()
	var ids []string
	for i := range 12 {
		ids = append(ids, anID(fmt.Sprintf("0a%02d", i)))
	}
	f := newFake(t, map[string]any{"GET /v1/executions": summaries(ids...)})
	prana(t, f.url, "show", "0a").wants(t, 2, "", "and 2 more")
}
