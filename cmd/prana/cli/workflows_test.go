package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/handlers/api/wire"
)

func TestWorkflows(t *testing.T) {
	t.Parallel()
	page := flow.Page[flow.WorkflowInfo]{Items: []flow.WorkflowInfo{{ID: "order", Name: "An order", Version: "v2", Versions: 2, CreatedAt: noon}}}
	f := newFake(t, map[string]any{"GET /v1/workflows": page, "GET /v1/workflows/order/versions": page, "GET /v1/workflows/nope/versions": flow.NotFound("workflow", "nope")})
	got, want := trimmed(prana(t, f.url, "workflows").stdout), trimmed(`
		WORKFLOW  VERSION  VERSIONS  PUBLISHED                 NAME
		order     v2       2         2026-01-02T12:00:00.000Z  An order`)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	same(t, prana(t, f.url, "workflows", "-o", "json").stdout, string(mustJSON(t, page)))
	got, want = trimmed(prana(t, f.url, "workflows", "order").stdout), trimmed(`
		WORKFLOW  VERSION  PUBLISHED                 NAME
		order     v2       2026-01-02T12:00:00.000Z  An order`)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	prana(t, f.url, "workflows", "nope").wants(t, 4, "", "nope")
}

// TestWorkflowsShow prints what can be published again.
func TestWorkflowsShow(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "good.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	w, _, _ := definition.Read("good.yaml", text)
	d := wire.Definition{ID: "order", Version: "v1", Definition: w}
	f := newFake(t, map[string]any{"GET /v1/workflows/order": d, "GET /v1/workflows/order/versions/v1": d})
	r := prana(t, f.url, "workflows", "show", "order")
	r.wants(t, 0, "id: order\nnodes:\n  - key: start\n", "")
	again, _, _ := definition.Read("again.yaml", []byte(r.stdout))
	before, _ := w.Version()
	if after, err := again.Version(); err != nil || after != before {
		t.Errorf("it reads as version %s, was %s: %v\n%s", after, before, err, r.stdout)
	}
	same(t, prana(t, f.url, "workflows", "show", "order", "--version", "v1", "-o", "json").stdout, string(mustJSON(t, d)))
}

func TestConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "prana.yaml")
	if err := os.WriteFile(file, []byte("port: 9000\nhooks:\n  shop:\n    secret: 0123456789abcdef0123456789abcdef\n    event: paid\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := prana(t, "http://127.0.0.1:7", "config", "--config", file)
	for _, line := range []string{
		"KEY VALUE FROM DEFAULT VARIABLE", "port 9000 prana.yaml:1:1 8484 PRANA_PORT", "server http://127.0.0.1:7 PRANA_SERVER http://127.0.0.1:8484 PRANA_SERVER",
		"token [REDACTED] PRANA_TOKEN PRANA_TOKEN", "worker.concurrency 64 default 64 PRANA_WORKER_CONCURRENCY", "hooks.shop.event paid prana.yaml:5:5 PRANA_HOOKS_SHOP_EVENT",
	} {
		if !strings.Contains(squeezed(r.stdout), line+"\n") {
			t.Errorf("no line %q in\n%s", line, r.stdout)
		}
	}
	if r.code != 0 || strings.Contains(r.stdout+r.stderr, "sesame") || strings.Contains(r.stdout, "0123456789abcdef") {
		t.Errorf("exit %d, or a secret was shown:\n%s", r.code, r.stdout)
	}
	same(t, prana(t, "", "config", "port", "-o", "jsonl", "--config", file).stdout,
		`{"key":"port","variable":"PRANA_PORT","value":"9000","default":"8484","origin":"prana.yaml:1:1"}`)
	section := prana(t, "", "config", "retention").stdout
	if n := strings.Count(section, "\n"); n != 3 || !strings.Contains(section, "retention.failed") {
		t.Errorf("the section is\n%s", section)
	}
	prana(t, "", "config", "prot").wants(t, 4, "", "did you mean")
}

// TestConfigOfAWrongFile says what is wrong.
func TestConfigOfAWrongFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "prana.yaml")
	if err := os.WriteFile(file, []byte("port: many\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	prana(t, "", "config", "--config", file).wants(t, 2, "worker.concurrency", "prana.yaml:1:1")
}

// squeezed has one space where there are several.
func squeezed(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	return b.String()
}

func TestRunStartsLaterWithTags(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{"POST /v1/workflows/order/executions": started, "GET /v1/executions/x1": viewOf(flow.Pending)})
	prana(t, f.url, "run", "order", "--at", "2026-01-02T12:00:00Z", "--tag", "customer=ada", "--tag", "kind=big", "--version", "v1").wants(t, 0, "pending", "")
	same(t, f.asked()[0].body, `{"version":"v1","start_at":"2026-01-02T12:00:00Z","tags":{"customer":"ada","kind":"big"}}`)
	prana(t, f.url, "run", filepath.Join("testdata", "good.yaml"), "--version", "v1").wants(t, 2, "", "--version")
	prana(t, f.url, "run", "order", "--at", "soon").wants(t, 2, "", "neither a time")
}

// TestVerbsOfUsersNeedNoSecretsOfServers runs verbs beside the configuration of a server whose hooks have their secrets in
// variables that are set nowhere here.
func TestVerbsOfUsersNeedNoSecretsOfServers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "prana.yaml", "listen: 0.0.0.0\nhooks:\n  shop: {event: paid} # PRANA_HOOKS_SHOP_SECRET\nstreams:\n  orders: {stream: \"\"}\n")
	config := []string{"--config", filepath.Join(dir, "prana.yaml")}
	f := newFake(t, map[string]any{"GET /v1/workflows": flow.Page[flow.WorkflowInfo]{Items: []flow.WorkflowInfo{}}})
	prana(t, f.url, append([]string{"workflows"}, config...)...).wants(t, 0, "", "")
	prana(t, f.url, append([]string{"validate", "testdata/good.yaml"}, config...)...).wants(t, 0, "", "")
	prana(t, f.url, append([]string{"worker", "--redis", "redis://127.0.0.1:7"}, config...)...).wants(t, 2, "", "hooks.shop.secret")
}
