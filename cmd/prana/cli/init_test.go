package cli

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"prana/config"
)

// TestInitMakesWhatWorks: the project is valid, runs, and is written as prana fmt would.
func TestInitMakesWhatWorks(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "project")
	r := prana(t, "", "init", dir)
	r.wants(t, 0, filepath.Join(dir, "order.yaml"), "next: cd "+dir)
	order := filepath.Join(dir, "order.yaml")
	prana(t, "", "validate", order).wants(t, 0, "", "workflow order is valid")
	prana(t, "", "fmt", "--check", order).wants(t, 0, "", "")
	prana(t, "", "test", dir).wants(t, 0, "order.yaml: 5 of 5 branches taken\n3 passed, 0 failed", "")

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	pranaWith(t, ctx, "", "", "run", "--embedded", "--redis", "miniredis", order, "-i", "order_id=42", "-i", "amount:=50", "-o", "json").
		wants(t, 0, `"output":{"order_id":"42","status":"accepted"}`, "")
	pranaWith(t, ctx, "", "", "run", "--embedded", "--redis", "miniredis", "--timeout", "1s", order, "-i", "order_id=42", "-i", "amount:=250", "-o", "json").
		wants(t, 8, `"status":"suspended"`, "was in memory, and is gone")
}

// TestInitHasOneDefinition: neither the settings nor the schema are published.
func TestInitHasOneDefinition(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	prana(t, "", "init", dir).wants(t, 0, "", "")
	sh := &shell{stderr: io.Discard}
	found, err := sh.readDir(dir)
	if err != nil || len(found) != 1 || filepath.Base(found[0].file) != "order.yaml" {
		t.Errorf("got %v, %v", found, err)
	}
}

func TestInitNeverOverwrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mine := filepath.Join(dir, "README.md")
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	prana(t, "", "init", dir, "-o", "json").wants(t, 0, `"kept":["README.md"]`, "")
	r := prana(t, "", "init", dir)
	if text, _ := os.ReadFile(mine); string(text) != "mine" || r.code != 0 || r.stdout != "" || !strings.Contains(r.stderr, "exists and was left as it is") {
		t.Errorf("README.md is now %q; %+v", text, r)
	}
	prana(t, "", "init", mine).wants(t, 2, "", "README.md")
}

// TestSettingsOfAProject: what the comments say to be the defaults are the defaults.
func TestSettingsOfAProject(t *testing.T) {
	t.Parallel()
	text, err := templates.ReadFile("templates/prana.yaml")
	if err != nil {
		t.Fatal(err)
	}
	set := regexp.MustCompile(`(?m)^# ((  )?[a-z_]+:( |$))`).ReplaceAllString(string(text), "$1")
	dir := t.TempDir()
	for _, content := range []string{string(text), set} {
		if err := os.WriteFile(filepath.Join(dir, "prana.yaml"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := config.Load(config.Options{Dir: dir, Environ: []string{}})
		if err != nil || !reflect.DeepEqual(got, config.Default()) {
			t.Errorf("%v\n%s\ngives %+v", err, content, got)
		}
	}
	settings, err := config.Settings(config.Options{Dir: dir, Environ: []string{}})
	if err != nil {
		t.Error(err)
	}
	from := 0
	for _, s := range settings {
		if strings.HasPrefix(s.Origin, "prana.yaml:") {
			from++
		}
	}
	if from != 7 {
		t.Errorf("%d settings come from the file, want 7:\n%s", from, set)
	}
}

// TestReadmeOfAProject names only verbs that there are.
func TestReadmeOfAProject(t *testing.T) {
	t.Parallel()
	text, err := templates.ReadFile("templates/README.md")
	if err != nil {
		t.Fatal(err)
	}
	root := (&shell{}).root()
	for _, m := range regexp.MustCompile("prana ([a-z]+)").FindAllStringSubmatch(string(text), -1) {
		if cmd, _, err := root.Find(m[1:]); err != nil || cmd == root {
			t.Errorf("there is no prana %s", m[1])
		}
	}
}

// TestInitWhereNothingCanBeWritten: a directory that cannot be made is no mistake of the command line, wherever it is.
func TestInitWhereNothingCanBeWritten(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"/proc/nothing", filepath.Join(t.TempDir(), strings.Repeat("d", 300))} {
		prana(t, "", "init", dir).wants(t, 1, "", "the directory of the project")
	}
}
