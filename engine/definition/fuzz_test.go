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
