package cli

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write what the goldens should say")

func TestValidatePrintsDiagnostics(t *testing.T) {
	t.Parallel()
	r := prana(t, "", "validate", filepath.Join("testdata", "bad.yaml"))
	golden := filepath.Join("testdata", "bad.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(r.stdout), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	r.wants(t, 3, "", "")
	if r.stdout != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", r.stdout, want)
	}
}

func TestValidateAsData(t *testing.T) {
	t.Parallel()
	bad, good := filepath.Join("testdata", "bad.yaml"), filepath.Join("testdata", "good.yaml")
	r := prana(t, "", "validate", bad, good, "-o", "json")
	var v validation
	if err := json.Unmarshal([]byte(r.stdout), &v); err != nil {
		t.Fatalf("%v in %s", err, r.stdout)
	}
	if r.code != 3 || v.Valid || len(v.Workflows) != 2 || v.Workflows[0].Valid || !v.Workflows[1].Valid || len(v.Diagnostics) == 0 {
		t.Errorf("exit %d, %+v", r.code, v)
	}
	prana(t, "", "validate", good, "-o", "json").wants(t, 0, `"valid":true`, "")
	prana(t, "", "validate", good).wants(t, 0, "", "order is valid")
}

func TestValidateReadsStdin(t *testing.T) {
	t.Parallel()
	pranaWith(t, t.Context(), "", "id: Bad Id\nnodes: []\n", "validate", "-").wants(t, 3, "stdin:1:5 error BAD_ID", "")
}
