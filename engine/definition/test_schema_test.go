package definition_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"prana/engine/definition"
	"prana/engine/plan"
)

// TestEveryTestFileFitsItsSchema holds all test files of the repository against the schema: it accepts those that can be read,
// and no other.
func TestEveryTestFileFitsItsSchema(t *testing.T) {
	t.Parallel()
	s := compiled(t, definition.TestSchema())
	good, bad := 0, 0
	err := filepath.WalkDir("../..", func(file string, e fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, "_test.yaml") {
			return err
		}
		src, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		_, _, found := definition.ReadTests(file, src)
		err = s.Validate(definition.Value(src))
		if plan.HasErrors(found) {
			bad++
		} else {
			good++
		}
		if plan.HasErrors(found) == (err == nil) {
			t.Errorf("%s is read with %v, and the schema says %v", file, found, err)
		}
		return nil
	})
	if err != nil || good < 8 || bad < 1 {
		t.Errorf("%d test files are good and %d are bad (%v)", good, bad, err)
	}
}

func TestSchemaOfTestsRefuses(t *testing.T) {
	t.Parallel()
	s := compiled(t, definition.TestSchema())
	good := "workflow: a.yaml\nvariables: {limit: 3}\ncases:\n  - name: one\n    now: 2026-01-02T03:04:05Z\n    stubs:\n      call: [{error: down}, {output: 1, port: main}]\n" +
		"    http:\n      GET a.example.com/: {status: 503}\n    steps:\n      - advance: 1h30m\n      - {cancel: why, refused: conflict}\n" +
		"    want: {status: completed, nodes: {call: {attempts: 2}}}\n"
	check := func(src string) (schema, read bool) {
		_, _, found := definition.ReadTests("f", []byte(src))
		return s.Validate(definition.Value([]byte(src))) == nil, !plan.HasErrors(found)
	}
	if schema, read := check(good); !schema || !read {
		t.Fatalf("a good file: the schema says %t, and it is read: %t", schema, read)
	}
	for _, edit := range [][2]string{
		{"workflow: a.yaml\n", ""},
		{"variables: {", "variabels: {"},
		{"variables: {limit: 3}", "variables: 3"},
		{"name: one", "nam: one"},
		{"now: 2026-01-02T03:04:05Z", "now: tomorrow"},
		{"error: down", "error: 5"},
		{"error: down", "error: {message: m}"},
		{"port: main", "prot: main"},
		{"[{error: down}, {output: 1, port: main}]", "[]"},
		{"status: 503", "status: 5030"},
		{"advance: 1h30m", "advance: 3 days"},
		{"advance: 1h30m", "advance: 90"},
		{"{cancel: why, refused: conflict}", "{cancel: why, advance: 1h}"},
		{"{cancel: why, refused: conflict}", "{refused: conflict}"},
		{"status: completed", "status: complete"},
		{"attempts: 2", "attempts: two"},
		{"    want: {status: completed, nodes: {call: {attempts: 2}}}", "    want: {}"},
	} {
		if schema, read := check(strings.Replace(good, edit[0], edit[1], 1)); schema || read {
			t.Errorf("%q instead of %q: the schema says %t, and it is read: %t", edit[1], edit[0], schema, read)
		}
	}
}
