package definition_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"prana/engine/definition"
	"prana/engine/fuzztest"
	"prana/engine/plan"
)

// sources are definitions in every form that is read, and many that are not.
func sources(f *testing.F) {
	f.Helper()
	f.Add(canonical)
	for _, src := range forms {
		f.Add(src)
	}
	for _, c := range guideNodes {
		f.Add(`{"id":"flow","nodes":[` + c.src + `]}`)
	}
	f.Add("id: a\nvariables: { a: \"\\n x\", b: '0o7', c: |\n  x\n   y\n, d: >-\n  z }")
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "fuzz") {
			return err
		}
		src, err := os.ReadFile(path)
		f.Add(string(src))
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
}

// FuzzRead: a source is a workflow, or diagnostics with their places say why not; what is accepted is accepted again, as the same
// version, once it is formatted.
func FuzzRead(f *testing.F) {
	sources(f)
	f.Fuzz(func(t *testing.T, src string) {
		fuzztest.Cheap(t, func() {
			w, p, found := definition.Check("f", []byte(src), types(), plan.Options{})
			if w == nil && !plan.HasErrors(found) {
				t.Fatal("neither a workflow nor an error")
			}
			for _, d := range found {
				if d.Line < 1 || d.Column < 1 || d.String() == "" {
					t.Fatalf("no place: %+v", d)
				}
			}
			if p != nil {
				roundTrip(t, w)
			}
		})
	})
}

// FuzzRewrite: what is read is rewritten, in either notation, into what is read as the same version, and is rewritten into itself.
func FuzzRewrite(f *testing.F) {
	sources(f)
	f.Fuzz(func(t *testing.T, src string) {
		fuzztest.Cheap(t, func() {
			w, _, found := definition.Read("f", []byte(src))
			if w == nil || plan.HasErrors(found) {
				return
			}
			want, err := w.Version()
			if err != nil {
				t.Fatal(err)
			}
			for _, to := range []definition.Notation{definition.YAML, definition.JSON} {
				out, _, err := definition.Rewrite("f", []byte(src), to)
				if err != nil {
					t.Fatal(err)
				}
				if got := version(t, string(out)); got != want {
					t.Fatalf("version %s became %s:\n%s", want, got, out)
				}
				if again, _, err := definition.Rewrite("f", out, to); err != nil || !bytes.Equal(again, out) {
					t.Fatalf("%v:\n%s\nis rewritten as\n%s", err, out, again)
				}
			}
		})
	})
}

// cases are files of test cases.
var cases = []string{
	"workflow: a.yaml\ncases:\n  - {name: a, want: {status: completed}}\n",
	"workflow: a.yaml\nwith: [b.yaml]\nvariables: {a: 1}\nsecrets: {a: b}\nenv: {A: b}\nnow: 2026-03-02T07:00:00Z\n" +
		"stubs: {a: {output: 1}, b: [{error: down}, {error: {code: c, details: {x: 1}, permanent: true}}]}\nhttp: {GET a/b: [{status: 503}, {body: [1]}]}\n" +
		"cases:\n  - name: a\n    steps:\n      - {publish: {type: a, data: 1}}\n      - {resume: {node: a, error: x}, refused: conflict}\n      - advance: 24h\n      - cancel: why\n" +
		"      - want: {path: [a], ran: [a], waits: [], output: …, reply: {status: 200}, nodes: {a: {runs: 1, attempts: 2, port: p, params: {x: 1}}}}\n    want: {refused: invalid}\n",
	"workflow: [\ncases: {a: b}\n", "cases: [1, [], {want: 3, steps: [x]}]\n", `{"workflow":"a","cases":[{"name":"a","stubs":{"":[]},"http":{"[":null}}]}`,
}

// FuzzReadTests: a file of cases is read, or diagnostics with their places say why not.
func FuzzReadTests(f *testing.F) {
	for _, src := range cases {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		fuzztest.Cheap(t, func() {
			file, _, found := definition.ReadTests("f", []byte(src))
			if file == nil && !plan.HasErrors(found) {
				t.Fatal("neither cases nor an error")
			}
			for _, d := range found {
				if d.Line < 1 || d.Column < 1 || d.String() == "" {
					t.Fatalf("no place: %+v", d)
				}
			}
		})
	})
}
