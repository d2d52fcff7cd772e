package cli

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

func TestErrorsOfTheServerHaveExitCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		answer any
		code   int
		stderr string
	}{
		{flow.ErrInvalid, 3, "invalid"},
		{flow.Problemf("invalid_query", "no"), 3, "invalid_query: no"},
		{flow.ErrTooLarge, 3, ""},
		{flow.NotFound("execution", "x"), 4, `there is no execution "x"`},
		{flow.ErrConflict, 5, ""},
		{flow.ErrGone, 5, ""},
		{flow.ErrMismatch, 5, ""},
		{&flow.Problem{Code: "conflict", Message: "m", Details: map[string]any{"winner": "event"}}, 5, `  winner: "event"`},
		{flow.ErrUnavailable, 6, ""},
		{flow.ErrTooManyEvents, 6, "too_many_events"},
		{wire.ErrUnauthorized, 7, "PRANA_TOKEN"},
		{wire.ErrForbidden, 7, ""},
		{flow.Problemf("internal", "oops"), 1, "oops"},
		{nil, 1, "not as a Prana server does"},
	} {
		f := newFake(t, map[string]any{"GET /v1/executions/x": c.answer})
		prana(t, f.url, "show", "x").wants(t, c.code, "", c.stderr)
	}
}

// TestSuccessOfSomethingElse: a page to log in at, or another service, answers whatever it is asked.
func TestSuccessOfSomethingElse(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{`{}`, `null`, `<html>`} {
		f := &fake{all: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) })}
		s := httptest.NewServer(f)
		t.Cleanup(s.Close)
		for _, line := range []string{"run order -o json", "run order --wait", "result " + unlike, "show " + unlike, "show -o json " + unlike, "list", "event send t", "workflows"} {
			if got := prana(t, s.URL, strings.Fields(line)...); got.code != 6 || got.stdout != "" || !strings.Contains(got.stderr, "not as a Prana server does") {
				t.Errorf("%s, answered %s: %+v", line, answer, got)
			}
		}
	}
}

// unlike is a whole id, which is asked about as it is.
const unlike = "07NZ4Qk0Qk0Qk0Qk0Qk0Qk0"

func TestNoServer(t *testing.T) {
	t.Parallel()
	prana(t, "http://127.0.0.1:1", "list").wants(t, 6, "", "prana dev")
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"evnt", "event", "event foo", "event send", "show", "show a b", "list x", "list --nope", "list -o xml", "list --limit many", "list --limit 0", "delays --limit -1", "suspended --limit 1001",
		"run id --timeout 1s", "run id --wait --timeout -1s",
		"run", "run id -i noequals", "run id --redis miniredis", "validate", "deploy", "demo x",
		"worker", "worker --redis nonsense", "server --port minus", "bench --only nope", "--server nonsense list", "--config /does/not/exist.yaml list",
	} {
		args := strings.Fields(line)
		r := prana(t, "", args...)
		if r.code != 2 || r.stdout != "" || r.stderr == "" {
			t.Errorf("%v: exit %d, stdout %q, stderr %q; want 2, nothing, something", args, r.code, r.stdout, r.stderr)
		}
	}
}

// TestTakenPort: whoever starts a second server is told that the port is in use, not that something failed.
func TestTakenPort(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	prana(t, "", "server", "--redis", "miniredis", "--port", port).wants(t, 5, "", "address already in use")
}

// TestMissingFilesAreNotFound: 3 says that a definition is there and wrong.
func TestMissingFilesAreNotFound(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "nope")
	file := dir + ".yaml"
	for _, args := range [][]string{
		{"validate", file},
		{"fmt", file},
		{"graph", file},
		{"deploy", file},
		{"run", file},
		{"run", file, "--embedded", "--redis", "miniredis"},
		{"test", file},
		{"validate", dir},
		{"dev", dir},
	} {
		prana(t, "", args...).wants(t, 4, "", "nope")
	}
}

func TestHelpIsNoError(t *testing.T) {
	t.Parallel()
	prana(t, "").wants(t, 0, "Available Commands", "")
	prana(t, "", "help", "run").wants(t, 0, "--input-json", "")
	prana(t, "", "help", "exit-codes").wants(t, 0, " 130  interrupted", "")
	prana(t, "", "version").wants(t, 0, "prana ", "")
	prana(t, "", "version", "-o", "json").wants(t, 0, `"version":`, "")
}

// The codes are those of the contract, each once.
func TestTableOfExits(t *testing.T) {
	t.Parallel()
	var codes []int
	for _, e := range exits {
		codes = append(codes, e.code)
	}
	slices.Sort(codes)
	if want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130}; !slices.Equal(codes, want) {
		t.Errorf("the codes are %v, want %v", codes, want)
	}
}

func TestEveryVerbIsExplained(t *testing.T) {
	t.Parallel()
	sh := &shell{}
	for _, cmd := range sh.root().Commands() {
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: its short text is %q", cmd.Name(), cmd.Short)
		}
	}
}

func TestForeignAnswer(t *testing.T) {
	t.Parallel()
	for status, code := range map[int]int{
		http.StatusBadGateway: 6, http.StatusServiceUnavailable: 6, http.StatusGatewayTimeout: 6, // a proxy that does not reach the server
		http.StatusNotFound: 1, http.StatusInternalServerError: 1, http.StatusTooManyRequests: 1,
	} {
		f := newFake(t, map[string]any{"GET /v1/executions": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>", status)
		})})
		prana(t, f.url, "list").wants(t, code, "", strconv.Itoa(status))
	}
	f := newFake(t, map[string]any{"GET /v1/executions": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		wire.Write(w, http.StatusBadGateway, wire.ProblemType, []byte(`{"title":"Bad Gateway","detail":"upstream is down"}`))
	})})
	prana(t, f.url, "list").wants(t, 6, "", "upstream is down")
}
