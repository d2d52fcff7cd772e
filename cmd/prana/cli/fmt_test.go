package cli

import (
	"os"
	"path/filepath"
	"testing"

	"prana/engine/definition"
)

const untidy = "# An order.\nnodes:\n- type: manual.trigger # by hand\n  id: start\nid: order\n"

const tidy = "# An order.\nid: order\nnodes:\n  - key: start\n    type: manual.trigger # by hand\n"

func written(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return file
}

func wantFile(t *testing.T, file, want string) {
	t.Helper()
	got, err := os.ReadFile(file)
	if err != nil || string(got) != want {
		t.Errorf("%s: %v\n%s", file, err, got)
	}
}

func TestFmtInPlace(t *testing.T) {
	t.Parallel()
	file, other := written(t, "a.yaml", untidy), written(t, "b.yaml", tidy)
	prana(t, "", "fmt", "--check", file, other).wants(t, 3, file+"\n", "")
	wantFile(t, file, untidy)
	if r := prana(t, "", "fmt", file, other); r.code != 0 || r.stdout != file+"\n" {
		t.Errorf("exit %d, stdout %q, stderr %q", r.code, r.stdout, r.stderr)
	}
	wantFile(t, file, tidy)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	if r := prana(t, "", "fmt", "--check", file, other); r.code != 0 || r.stdout != "" {
		t.Errorf("exit %d, stdout %q", r.code, r.stdout)
	}
	prana(t, "", "fmt", "--check", filepath.Dir(file), "-o", "json").wants(t, 0, `"changed":false`, "")
}

func TestFmtElsewhere(t *testing.T) {
	t.Parallel()
	if r := pranaWith(t, t.Context(), "", untidy, "fmt", "-"); r.code != 0 || r.stdout != tidy {
		t.Errorf("exit %d, stdout %s", r.code, r.stdout)
	}
	file := written(t, "a.yaml", untidy)
	prana(t, "", "fmt", "--to", "json", file).wants(t, 0, "{\n  \"id\": \"order\",", "")
	wantFile(t, file, untidy)
	file = written(t, "a.json", `{"nodes": [{"id": "start", "type": "manual.trigger"}], "id": "order"}`)
	prana(t, "", "fmt", "--to", "yaml", file).wants(t, 0, "id: order\nnodes:\n", "")
	prana(t, "", "fmt", file).wants(t, 0, file, "")
	wantFile(t, file, "{\n  \"id\": \"order\",\n  \"nodes\": [\n    {\n      \"key\": \"start\",\n      \"type\": \"manual.trigger\"\n    }\n  ]\n}\n")
}

func TestFmtRefuses(t *testing.T) {
	t.Parallel()
	bad := written(t, "bad.yaml", "id: [\n")
	prana(t, "", "fmt", bad).wants(t, 3, "", "BAD_SYNTAX")
	wantFile(t, bad, "id: [\n")
	prana(t, "", "fmt", "--to", "json", bad).wants(t, 3, "", "BAD_SYNTAX")
	prana(t, "", "fmt", "--to", "toml", bad).wants(t, 2, "", "toml")
	prana(t, "", "fmt", "-", bad).wants(t, 2, "", "stands alone")
	prana(t, "", "fmt", "--to", "json", bad, bad).wants(t, 2, "", "one definition")
	prana(t, "", "fmt", "--to", "json", "--check", bad).wants(t, 2, "", "check")
}

// definitions are those that people may take as a model.
func definitions(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"../demo/workflows/*.yaml", "../../../integration/testdata/guide/*.yaml", "../../../integration/testdata/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, files...)
	}
	if len(all) < 10 {
		t.Fatalf("only %d definitions found", len(all))
	}
	return all
}

func TestFmtOfTheDefinitionsHere(t *testing.T) {
	t.Parallel()
	for _, file := range definitions(t) {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		once, _, err := definition.Rewrite(file, src, definition.YAML)
		if err != nil || once == nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		twice, _, err := definition.Rewrite(file, once, definition.YAML)
		if err != nil || string(twice) != string(once) {
			t.Errorf("%s: %v\n%s", file, err, twice)
		}
	}
}
