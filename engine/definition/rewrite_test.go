package definition_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"prana/engine/definition"
	"prana/engine/plan"
)

// rewrite gives the canonical form, which must be its own, and the same version.
func rewrite(t *testing.T, src string, to definition.Notation) string {
	t.Helper()
	out, found, err := definition.Rewrite("flow.yaml", []byte(src), to)
	if err != nil || plan.HasErrors(found) {
		t.Fatalf("%v %v in\n%s", err, found, src)
	}
	again, _, err := definition.Rewrite("flow.yaml", out, to)
	if err != nil || string(again) != string(out) {
		t.Errorf("%v: once:\n%s\ntwice:\n%s", err, out, again)
	}
	return string(out)
}

// Each file holds a definition, a line "--", and its canonical form.
func TestRewrite(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/rewrite/*.txt")
	if len(files) == 0 {
		t.Fatal("no goldens")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			src, want, _ := strings.Cut(string(raw), separator)
			got := rewrite(t, src, definition.YAML)
			if *update {
				if err := os.WriteFile(file, []byte(src+separator+got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
			assertComments(t, src, got)
		})
	}
}

// assertComments looks for every comment; in these files only they hold "#".
func assertComments(t *testing.T, src, got string) {
	t.Helper()
	for line := range strings.Lines(src) {
		if _, comment, ok := strings.Cut(line, "#"); ok && !strings.Contains(got, strings.TrimSpace(comment)) {
			t.Errorf("the comment %q is lost", comment)
		}
	}
}

// Whatever can be read can be rewritten, into either notation and back.
func TestRewriteGoldens(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/diagnostics/*.txt")
	done := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		src, _, _ := strings.Cut(string(raw), separator)
		if w, _, found := definition.Read("", []byte(src)); w == nil || plan.HasErrors(found) {
			continue
		}
		done++
		rewrite(t, rewrite(t, src, definition.YAML), definition.JSON)
		rewrite(t, rewrite(t, src, definition.JSON), definition.YAML)
	}
	if done < 10 {
		t.Errorf("only %d goldens can be read", done)
	}
}

func TestRewriteJSON(t *testing.T) {
	t.Parallel()
	src := `{"nodes": [{"type": "manual.trigger", "key": "start", "params": {"z": 5.0, "a": "<é>"}}],
		"connections": [{"to": "b", "from": "start", "from_port": "main"}], "id": "a"}`
	want := `{
  "id": "a",
  "nodes": [
    {
      "key": "start",
      "type": "manual.trigger",
      "params": {
        "z": 5,
        "a": "<é>"
      }
    }
  ],
  "connections": [
    "start -> b"
  ]
}
`
	if got := rewrite(t, src, definition.JSON); got != want {
		t.Errorf("got:\n%s", got)
	}
	yaml := "id: a\nnodes:\n  - key: start\n    type: manual.trigger\n    params:\n      z: 5\n      a: <é>\nconnections:\n  - start -> b\n"
	if got := rewrite(t, src, definition.YAML); got != yaml {
		t.Errorf("got:\n%s", got)
	}
}

func TestRewriteKeepsHardTexts(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"yes", "012", "0x1F", "1e3", "~", "'~'", `"null"`, "2024-01-31", "'it''s'", `'say "x"'`, `"a\tb"`, "plain text", "a: [1, 2]", "[a, {b: c}]", "{a: {b: []}}",
		"|\n  two\n  lines", "|-\n  no end", ">\n  folded\n  text\n\n  more", "|+\n  keep\n\n", "|\n    indented\n  less", "multi\n  line\n  plain", `"é\u2028"`, "\"{{ $input.a }}\"", "{}", "[]",
		"", "+5", "1.50", ".5", "-.5e3", "!!str 5", "'#no comment'", "12:30", "&x" + "", "\"\"",
	} {
		src := "id: a\nnodes: []\nvariables:\n  v: " + strings.ReplaceAll(s, "\n", "\n  ") + "\n  w: 1\n"
		if w, _, found := definition.Read("", []byte(src)); w == nil || plan.HasErrors(found) {
			continue
		}
		rewrite(t, src, definition.YAML)
		rewrite(t, src, definition.JSON)
	}
}

func TestRewriteLeavesWhatItCannotReadAlone(t *testing.T) {
	t.Parallel()
	for _, src := range []string{"", "id: [", "id: a\nnodes: []\nnode: 1\n", "- a"} {
		out, found, err := definition.Rewrite("f", []byte(src), definition.YAML)
		if out != nil || err != nil || !plan.HasErrors(found) {
			t.Errorf("%q: %q, %v, %v", src, out, found, err)
		}
	}
}

// A comment survives wherever it stands, and settles there.
func TestRewriteKeepsEveryComment(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/rewrite/*.txt")
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		src, _, _ := strings.Cut(string(raw), separator)
		lines := strings.SplitAfter(src, "\n")
		for i, line := range lines {
			indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
			for _, comment := range []string{indent + "# here\n", "\n" + indent + "# here\n", indent + "# here\n\n"} {
				text := strings.Join(lines[:i], "") + comment + strings.Join(lines[i:], "")
				if got := rewrite(t, text, definition.YAML); !strings.Contains(got, "# here") {
					t.Errorf("%s: the comment above line %d is lost", file, i+1)
				}
			}
		}
	}
}
