package enginetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"prana/engine/cases"
	"prana/engine/node"
)

// RunCases runs every case of the test files that match the pattern as a subtest, as `prana test` does, with node types of one's
// own. What nodes ask by HTTP is answered by the world that types is given:
//
//	enginetest.RunCases(t, "flows/*_test.yaml", func(w cases.World) []node.Type {
//		return append(nodes.Builtin(nodes.Options{HTTP: nodes.Offline(w)}), shout)
//	})
func RunCases(t *testing.T, pattern string, types func(w cases.World) []node.Type) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no file matches %s (%v)", pattern, err)
	}
	for _, f := range files {
		suite := load(t, f, types)
		for _, c := range suite.Cases {
			t.Run(strings.TrimSuffix(filepath.Base(f), filepath.Ext(f))+"/"+c.Name, func(t *testing.T) {
				t.Parallel()
				r := suite.Play(t.Context(), c)
				for _, failure := range r.Failures {
					t.Error(failure)
				}
				if t.Failed() {
					t.Log(r.Ran())
				}
			})
		}
	}
}

func load(t *testing.T, file string, types func(w cases.World) []node.Type) *cases.Suite {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	suite, found, err := cases.Load(file, src, cases.Options{Types: types, Read: os.ReadFile})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range found {
		t.Log(d)
	}
	if suite == nil {
		t.Fatalf("%s cannot be played", file)
	}
	return suite
}
