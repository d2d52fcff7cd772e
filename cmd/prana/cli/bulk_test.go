package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// crowd answers lists from executions, with filters and pages of two, and notes what is done to which.
type crowd struct {
	all  []flow.Summary
	fail map[string]*flow.Problem

	mu   sync.Mutex
	done []string
}

func (c *crowd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v1/executions" {
		c.list(w, r)
		return
	}
	id, verb, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/executions/"), ":")
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.fail[id]; p != nil {
		doc := wire.ProblemOf(p)
		if p.RetryAfter > 0 {
			delete(c.fail, id)
		}
		doc.Write(w)
		return
	}
	c.done = append(c.done, verb+" "+id)
	fmt.Fprintf(w, `{"execution_id":%q,"status":"running","generation":1,"rerun_of":"another"}`, id)
}

func (c *crowd) list(w http.ResponseWriter, r *http.Request) {
	q, page, from := r.URL.Query(), flow.Page[flow.Summary]{}, 0
	_, _ = fmt.Sscan(q.Get("cursor"), &from)
	fit := []flow.Summary{}
	for _, x := range c.all {
		if (q.Get("status") == "" || q.Get("status") == string(x.Status)) && (q.Get("workflow") == "" || q.Get("workflow") == x.Workflow) &&
			(q.Get("tag") == "" || q.Get("tag") == "of="+x.Tags["of"]) {
			fit = append(fit, x)
		}
	}
	to := min(from+2, len(fit))
	page.Items = fit[from:to]
	if to < len(fit) {
		page.Cursor = fmt.Sprint(to)
	}
	_ = json.NewEncoder(w).Encode(page)
}

func (c *crowd) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.done)
}

// people has executions of two workflows in all statuses: n of each.
func people(n int) *crowd {
	c := &crowd{fail: map[string]*flow.Problem{}}
	for _, workflow := range []string{"order", "other"} {
		for _, status := range flow.Statuses() {
			for i := range n {
				c.all = append(c.all, flow.Summary{
					ID: anID(fmt.Sprintf("0%s%s%d", workflow, strings.ReplaceAll(string(status), "_", ""), i)), Workflow: workflow, Status: status,
					Tags: map[string]string{"of": fmt.Sprint(i)},
				})
			}
		}
	}
	return c
}

func (c *crowd) serve(t *testing.T) *fake {
	t.Helper()
	f := newFake(t, nil)
	f.all = c
	return f
}

// TestBulkRefusesWithoutATerminal: nothing is done, and the count is told.
func TestBulkRefusesWithoutATerminal(t *testing.T) {
	t.Parallel()
	c := people(3)
	f := c.serve(t)
	r := prana(t, f.url, "cancel", "--workflow", "order")
	r.wants(t, 2, "", "this would cancel 15 executions; --yes does it without asking\n  3 order paused\n  3 order pending\n")
	prana(t, f.url, "retry", "--all").wants(t, 2, "", "12 executions")
	prana(t, f.url, "rerun", "--status", "failed").wants(t, 2, "", "6 executions")
	if n := c.count(); n != 0 {
		t.Errorf("%d were done all the same: %v", n, c.done)
	}
}

func TestBulkDoesWhatFiltersChoose(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args string
		n    int
	}{
		{"cancel --all --yes", 30},
		{"terminate --all -y", 36},
		{"cancel --workflow order -y", 15},
		{"cancel --status suspended -y", 6},
		{"cancel --workflow order --status running --yes", 3},
		{"cancel --workflow order --since 1h --yes", 15},
		{"cancel --tag of=1 --yes", 10},
		{"cancel --tag of=9 --workflow order --yes", 0},
		{"retry --all -y", 12},
		{"rerun --workflow order -y", 15},
	} {
		c := people(3)
		r := prana(t, c.serve(t).url, strings.Fields(tt.args)...)
		if r.code != 0 || c.count() != tt.n || strings.Count(r.stdout, "\n") != tt.n {
			t.Errorf("%s: exit %d, did %d, wrote %q, %q; want %d", tt.args, r.code, c.count(), r.stdout, r.stderr, tt.n)
		}
		for _, d := range c.done {
			if verb := strings.Fields(tt.args)[0]; !strings.HasPrefix(d, verb+" ") {
				t.Errorf("%s did %s", tt.args, d)
			}
		}
	}
}

func TestBulkOfNamedOnes(t *testing.T) {
	t.Parallel()
	c, a, b := people(0), anID("0a"), anID("0b")
	f := c.serve(t)
	prana(t, f.url, "cancel", a, b, a).wants(t, 0, "cancelling "+a, "")
	if c.count() != 2 {
		t.Errorf("did %v", c.done)
	}
	got := prana(t, f.url, "retry", a, b, "-o", "json").stdout
	same(t, got, fmt.Sprintf(`{"items":[
		{"execution_id":%[1]q,"result":{"execution_id":%[1]q,"status":"running","generation":1}},
		{"execution_id":%[2]q,"result":{"execution_id":%[2]q,"status":"running","generation":1}}]}`, a, b))
	if n := strings.Count(prana(t, f.url, "retry", a, b, "-o", "jsonl").stdout, "\n"); n != 2 {
		t.Errorf("%d lines, want 2", n)
	}
}

// TestBulkTellsEachFailure: the exit code is theirs when they have the same.
func TestBulkTellsEachFailure(t *testing.T) {
	t.Parallel()
	c, a, b, d := people(0), anID("0a"), anID("0b"), anID("0d")
	f := c.serve(t)
	c.fail[a] = flow.Problemf(flow.ErrConflict.Code, "it is completed")
	r := prana(t, f.url, "cancel", a, b)
	r.wants(t, 5, "cancelling "+b, a+": conflict: it is completed")
	r.wants(t, 5, "", "1 of 2 executions done; 1 failed, 0 not tried")
	c.fail[d] = flow.NotFound("execution", d)
	r = prana(t, f.url, "cancel", a, b, d, "-o", "json")
	r.wants(t, 1, `"error":{"code":"conflict","message":"it is completed"`, "2 failed")
}

// TestBulkComesBack when a server that is too busy says so.
func TestBulkComesBack(t *testing.T) {
	t.Parallel()
	c, a, b := people(0), anID("0a"), anID("0b")
	f := c.serve(t)
	busy := flow.Problemf(flow.ErrUnavailable.Code, "too busy")
	busy.RetryAfter = 1
	c.fail[a] = busy
	prana(t, f.url, "cancel", a, b).wants(t, 0, "cancelling "+a, "")
}

// TestBulkStops where all the others would fail as well.
func TestBulkStops(t *testing.T) {
	t.Parallel()
	var ids []string
	c := people(0)
	for i := range 100 {
		id := anID(fmt.Sprintf("0%02d", i))
		ids = append(ids, id)
		c.fail[id] = flow.Problemf(wire.ErrUnauthorized.Code, "no")
	}
	f := c.serve(t)
	r := prana(t, f.url, append([]string{"cancel"}, ids...)...)
	r.wants(t, 7, "", "not tried")
	if n := len(f.asked()); n > 2*atOnce {
		t.Errorf("%d requests", n)
	}
}

func TestBulkIsUsedRight(t *testing.T) {
	t.Parallel()
	id := anID("0a")
	for line, why := range map[string]string{
		"cancel":                          "which executions?",
		"cancel " + id + " --all":         "not both",
		"retry " + id + " " + id + " -f":  "for one execution",
		"retry --all --wait":              "for one execution",
		"retry --all --id k":              "one execution",
		"rerun --all --plan":              "for one execution",
		"cancel --status completed":       "is not for executions that are completed",
		"terminate --status failed --yes": "is not for",
	} {
		prana(t, people(1).serve(t).url, strings.Fields(line)...).wants(t, 2, "", why)
	}
}

func TestAsking(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]error{"y\n": nil, " YES \n": nil, "\n": errDeclined, "no\n": errDeclined, "": errDeclined, "yep\n": errDeclined} {
		var asked bytes.Buffer
		sh := &shell{stdin: strings.NewReader(answer), stderr: &asked}
		if err := sh.ask(t.Context(), "cancel 2 executions"); err != want || asked.String() != "cancel 2 executions? [y/N] " { //nolint:errorlint // the same value
			t.Errorf("%q: %v, after %q", answer, err, asked.String())
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	never, w := io.Pipe()
	defer func() { _ = w.Close() }()
	if err := (&shell{stdin: never, stderr: io.Discard}).ask(ctx, "x"); exitCode(err) != 130 {
		t.Errorf("interrupted: %v", err)
	}
}
