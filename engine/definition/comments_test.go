package definition_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"prana/engine/definition"
	"prana/engine/plan"
)

// corpus gives the definitions of the repository that can be read, each with its name.
func corpus(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{
		"testdata/diagnostics/*.txt", "testdata/rewrite/*.txt", "../../integration/testdata/*/*.yaml", "../../cmd/prana/demo/workflows/*.yaml", "../../cmd/prana/cli/testdata/*.yaml",
	} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files, %v", pattern, err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			src, _, _ := strings.Cut(string(raw), separator)
			if w, _, found := definition.Read("", []byte(src)); w != nil && !plan.HasErrors(found) && definition.NotationOf([]byte(src)) == definition.YAML {
				all[file] = src
			}
		}
	}
	if len(all) < 20 {
		t.Fatalf("only %d definitions can be read", len(all))
	}
	return all
}

// A definition full of comments keeps all of them, settles at once, and stays the
// same workflow: above each line, behind each, both, and the same one everywhere.
func TestRewriteKeepsCommentsOfTheCorpus(t *testing.T) {
	t.Parallel()
	for name, src := range corpus(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			for _, form := range []string{"INDENT# NUMBER here\nLINE\n", "LINE # NUMBER here\n", "INDENT# NUMBER here\nLINE # NUMBER here too\n", "\nINDENT# here\n\nLINE\n"} {
				full := commented(src, form)
				if got, want := strings.Count(rewrite(t, full, definition.YAML), " here"), strings.Count(full, " here"); got != want || want == 0 {
					t.Errorf("%d of %d comments are kept of\n%s", got, want, full)
				}
			}
		})
	}
}

// commented puts a comment at every line where it is one.
func commented(src, form string) string {
	same, _, _ := definition.Read("", []byte(src))
	lines := slices.Collect(strings.Lines(strings.TrimSuffix(src, "\n") + "\n"))
	done := ""
	for i, line := range lines {
		bare := strings.TrimRight(line, "\n")
		indent := bare[:len(bare)-len(strings.TrimLeft(bare, " "))]
		try := done + strings.NewReplacer("INDENT", indent, "NUMBER", strconv.Itoa(i), "LINE", bare).Replace(form)
		w, _, found := definition.Read("", []byte(try+strings.Join(lines[i+1:], "")))
		if w == nil || plan.HasErrors(found) || !reflect.DeepEqual(w, same) { // inside a text
			try = done + line
		}
		done = try
	}
	return done
}

// Comments where authors of YAML put them, and what comes of them.
func TestRewriteHardComments(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 60) + "end"
	for name, src := range map[string]string{
		"before the first key":       "# c1\n\n# c2\nid: a\nnodes: []\n",
		"at the end":                 "id: a\nnodes: []\n# c1\n\n# c2\n",
		"at the end, no line break":  "id: a\nnodes: [] # c1\n# c2",
		"only a mark":                "id: a\n#\n# c1\n#\nnodes: []\n",
		"behind items":               "id: a\nnodes:\n  - key: n # c1\n    type: core.log # c2\n  # c3\n\n  # c4\n",
		"in a flow list":             "id: a\nnodes: [ # c1\n  { key: n, type: core.log }, # c2\n  # c3\n  { key: m, # c4\n    type: core.log } # c5\n] # c6\n",
		"in a flow mapping":          "id: a\nvariables: { # c1\n  x: 1, # c2\n  # c3\n  y: [1, # c4\n    2] # c5\n}\nnodes: []\n",
		"behind a literal":           "id: a\nvariables:\n  x: | # c1\n    # text\n    more # text\n  # c2\n  y: 1\nnodes: []\n",
		"behind a dropped field":     "id: a\nversion: 3 # c1\n# c2\nnodes: []\n",
		"around long texts":          "id: a\n# c1\ndescription: " + long + " # c2\nname: \"" + long + "\" # c3\nnodes: []\n",
		"behind document marks":      "--- # c1\n# c2\nid: a # c3\nnodes: []\n... # c4\n",
		"with Windows line ends":     "# c1\r\nid: a # c2\r\nnodes: []\r\n# c3\r\n",
		"in connections":             "id: a\nnodes: [ { key: n, type: core.log } ]\nconnections:\n  # c1\n  - { from: n, # c2\n      to: n } # c3\n  - n -> n # c4\n",
		"in the map of connections":  "id: a\nnodes: [ { key: n, type: core.log } ]\nconnections:\n  n: # c1\n    # c2\n    main: # c3\n      # c4\n      - to: n # c5\n        # c6\n        to_port: main # c7\n",
		"in the guide's form":        "id: a\nnodes:\n  # c1\n  - id: n # c2\n    # c3\n    type: action # c4\n    integration_name: core # c5\n    action_name: log # c6\n    settings: # c7\n      # c8\n      max_retries: 2 # c9\n      # c10\n      message: x # c11\n",
		"a text that looks like one": "id: a # c1\nname: \"# none\"\nvariables: { x: 'a # b', y: a#b } # c2\nnodes: []\n",
		"with tabs":                  "id: a\t# c1\nnodes: []\t\t# c2\n",
	} {
		got := rewrite(t, src, definition.YAML)
		for i := 1; strings.Contains(src, "# c"+strconv.Itoa(i)); i++ {
			if strings.Count(got, "# c"+strconv.Itoa(i)) < 1 {
				t.Errorf("%s: comment %d is lost:\n%s", name, i, got)
			}
		}
	}
}

// What cannot be kept is refused, not left out.
func TestRewriteRefuses(t *testing.T) {
	t.Parallel()
	for code, src := range map[string]string{
		plan.CodeAlias:            "id: a\nvariables: { x: &x 1, y: *x }\nnodes: []\n",
		plan.CodeSeveralDocuments: "id: a\nnodes: []\n---\nid: b\nnodes: []\n",
		plan.CodeDuplicateField:   "id: a\nid: b\nnodes: []\n",
	} {
		out, found, err := definition.Rewrite("f", []byte(src), definition.YAML)
		if out != nil || err != nil || !strings.Contains(text(found), " "+code+" ") {
			t.Errorf("%s: %q, %v, %v", code, out, found, err)
		}
	}
	merge := "id: a\nvariables: { x: 1, <<: { y: 2 } }\nnodes: []\n"
	if w := read(t, merge); len(w.Variables) != 2 {
		t.Errorf("a merge key is a name like any other: %v", w.Variables)
	}
}
