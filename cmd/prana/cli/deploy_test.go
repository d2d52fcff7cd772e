package cli

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const definitionOf = "id: NAME\nnodes:\n  - key: start\n    type: manual.trigger\n"

func TestDeployDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a.yaml", strings.Replace(definitionOf, "NAME", "a", 1))
	write(t, dir, "b.json", `{"id": "b", "nodes": []}`)
	write(t, dir, "package.json", `{"name": "x"}`)
	write(t, dir, "prana.yaml", "limits:\n  nodes: 10\n")
	write(t, dir, "notes.txt", "nodes: no")
	f := newFake(t, map[string]any{"POST /v1/workflows": wire.Deployed{ID: "w", Version: "v", Created: true, Diagnostics: []json.RawMessage{}}})
	r := prana(t, f.url, "deploy", dir)
	r.wants(t, 0, "published", "package.json: left out")
	if n := len(f.asked()); n != 2 {
		t.Errorf("%d files were sent, want 2", n)
	}
	prana(t, f.url, "deploy", t.TempDir()).wants(t, 3, "", "no definition")
}

// A file with errors is told; the others are published all the same.
func TestDeployGoesOnAfterAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad, good := write(t, dir, "bad.yaml", "id: bad"), write(t, dir, "good.yaml", "id: good")
	f := newFake(t, map[string]any{"POST /v1/workflows": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("file") == bad {
			wire.ProblemOf(wire.Undefinable([]json.RawMessage{json.RawMessage(`{"severity":"error","code":"BAD_ID","message":"m"}`)})).Write(w)
			return
		}
		_ = json.NewEncoder(w).Encode(wire.Deployed{ID: "good", Version: "v", Diagnostics: []json.RawMessage{}})
	})})
	r := prana(t, f.url, "deploy", bad, good)
	r.wants(t, 3, "unchanged", "error BAD_ID m")
	r.wants(t, 3, "", "1 of 2 files were refused")
}

func TestWatcherSeesChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := write(t, dir, "a.yaml", "1")
	write(t, dir, "x.txt", "1")
	w := &watcher{dir: dir}
	step := func(want ...string) {
		t.Helper()
		if got, err := w.changed(); err != nil || !slices.Equal(got, want) {
			t.Errorf("changed: %v, %v; want %v", got, err, want)
		}
	}
	step(a)
	step()
	if err := os.Chtimes(a, noon, noon); err != nil {
		t.Fatal(err)
	}
	b := write(t, dir, "b.yml", "1")
	step(a, b)
	if err := os.Remove(a); err != nil {
		t.Fatal(err)
	}
	step()
	write(t, dir, "a.yaml", "1")
	step(a)
}

func TestPublisherPublishesWhatChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	published := make(chan string)
	var notes strings.Builder
	p := publisher{
		sh: &shell{stderr: &notes}, check: (&shell{}).checker(defaults(t)),
		deploy: func(ctx context.Context, w *flow.Workflow) (string, bool, error) {
			select {
			case published <- w.ID:
				return "v", true, nil
			case <-ctx.Done():
				return "", false, ctx.Err()
			}
		},
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.watch(ctx, &watcher{dir: dir}, time.Millisecond)
	}()
	write(t, dir, "bad.yaml", "nodes: [")
	for _, id := range []string{"one", "two"} {
		replace(t, dir, "a.yaml", strings.Replace(definitionOf, "NAME", id, 1))
		if got := receive(ctx, published); got != id {
			t.Errorf("published %q, want %q", got, id)
		}
	}
	cancel()
	<-done
	if !strings.Contains(notes.String(), "bad.yaml: not published") {
		t.Errorf("nothing was said about the bad file: %s", &notes)
	}
}

func receive(ctx context.Context, c <-chan string) string {
	select {
	case s := <-c:
		return s
	case <-ctx.Done():
		return ""
	}
}

// replace swaps a file in one move, so that no half of it is ever read. The time differs from the one before.
func replace(t *testing.T, dir, name, text string) {
	t.Helper()
	file := write(t, dir, name+".new", text)
	if err := os.Chtimes(file, noon, noon.Add(time.Duration(len(name)+int(text[4]))*time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func TestSilentErrorsKeepTheirCode(t *testing.T) {
	t.Parallel()
	if err := silent(errInvalid); exitCode(err) != 3 || !errors.Is(err, errQuiet) {
		t.Errorf("silent(errInvalid) gives %d", exitCode(err))
	}
}

func TestDeployTellsWhereWebhooksGo(t *testing.T) {
	t.Parallel()
	file := write(t, t.TempDir(), "a.yaml", "id: paid\nnodes:\n  - {key: start, type: http.webhook_trigger, params: {path: /shop}}\n")
	f := newFake(t, map[string]any{
		"POST /v1/workflows":                 wire.Deployed{ID: "paid", Version: "v", Created: true, Diagnostics: []json.RawMessage{}},
		"POST /v1/workflows/paid/executions": flow.StartResult{ExecutionID: "x"},
	})
	prana(t, f.url, "deploy", file).wants(t, 0, "published", f.url+"/webhook/paid/shop")
	if r := prana(t, f.url, "run", file); !strings.Contains(r.stderr, f.url+"/webhook/paid/shop") {
		t.Errorf("run says %s", r.stderr)
	}
}
