package definition_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"prana/engine/definition"
	"prana/engine/plan"
)

var update = flag.Bool("update", false, "write what the goldens should say")

// Each file holds a definition, a line "--", and the diagnostics that it gives.
func TestDiagnostics(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/diagnostics/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no goldens", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			golden(t, file)
		})
	}
}

const separator = "\n--\n"

func golden(t *testing.T, file string) {
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	src, want, _ := strings.Cut(string(raw), separator)
	_, p, found := definition.Check("flow.yaml", []byte(src), types(), plan.Options{EnvAllow: []string{"REGION"}})
	got := text(found)
	if (p == nil) != plan.HasErrors(found) {
		t.Errorf("plan is nil: %v, but errors: %v", p == nil, plan.HasErrors(found))
	}
	if *update {
		if err := os.WriteFile(file, []byte(src+separator+got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func text(ds []plan.Diagnostic) string {
	var b strings.Builder
	for _, d := range ds {
		b.WriteString(d.String() + "\n")
	}
	return b.String()
}

// Every code of the reference is told by a golden, or by the test named here.
func TestEveryCodeHasAGolden(t *testing.T) {
	t.Parallel()
	elsewhere := map[string]string{
		"TOO_MANY_NODES": "TestLimits", "TOO_MANY_CONNECTIONS": "TestLimits", "TOO_LARGE": "TestBounds",
		"EXPRESSION_TOO_LARGE": "TestBounds",
	}
	all := goldens(t)
	for _, code := range codes(t) {
		if elsewhere[code] == "" && !strings.Contains(all, " "+code+" ") {
			t.Errorf("no golden tells %s", code)
		}
	}
}

func goldens(t *testing.T) string {
	t.Helper()
	files, _ := filepath.Glob("testdata/diagnostics/*.txt")
	var b strings.Builder
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, want, _ := strings.Cut(string(raw), separator)
		b.WriteString(want)
	}
	return b.String()
}

// codes reads the names from the source that documents them.
func codes(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile("../plan/codes.go")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(raw)) {
		if _, value, ok := strings.Cut(line, ` = "`); ok {
			out = append(out, strings.TrimRight(value, "\"\n"))
		}
	}
	return out
}
