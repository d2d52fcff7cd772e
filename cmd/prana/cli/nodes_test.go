package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
)

func TestNodes(t *testing.T) {
	t.Parallel()
	prana(t, "", "nodes").wants(t, 0, "\ntime.delay ", "")
	prana(t, "", "nodes", "time.delay").wants(t, 0, "| `duration_ms` | int, 1 to 34560000000, **required** |", "")
	prana(t, "", "nodes", "time.delya").wants(t, 4, "", `did you mean "time.delay"?`)
	prana(t, "", "nodes", "http.request", "-o", "yaml").wants(t, 0, "name: http.request\n", "")
	var d node.Description
	r := prana(t, "", "nodes", "http.request", "-o", "json")
	if err := json.Unmarshal([]byte(r.stdout), &d); err != nil || d.Output[0].Fields[0].Name != "status" {
		t.Errorf("exit %d, %v, %s", r.code, err, r.stdout)
	}
}

var address = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// served gives what a server answers to one request.
func served(t *testing.T, method, path string, body []byte) []byte {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	answers := make(chan []byte, 1)
	w := &when{text: "prana worker --redis"}
	w.do = func() { // holds w's lock, and what is below speaks to the server
		url := address.FindString(w.all.String())
		go func() {
			defer stop()
			answers <- fetched(t, method, url+path, body)
		}()
	}
	sh := &shell{stdin: strings.NewReader(""), stdout: io.Discard, stderr: w, environ: []string{}}
	if code := run(ctx, sh, []string{"server", "--redis", "miniredis", "--port", "0"}); code != 0 {
		t.Fatalf("exit %d\n%s", code, w)
	}
	return <-answers
}

func fetched(t *testing.T, method, url string, body []byte) []byte {
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return nil
	}
	req.Header.Set("Content-Type", "application/yaml")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%s: %s, %v, %s", url, resp.Status, err, raw)
	}
	return raw
}

func TestTheAPITellsOfNodesWhatThisTells(t *testing.T) {
	t.Parallel()
	var here, there flow.Page[node.Description]
	if err := json.Unmarshal(served(t, "GET", "/v1/node-types", nil), &there); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(prana(t, "", "nodes", "-o", "json").stdout), &here); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(here.Items)
	b, _ := json.Marshal(there.Items)
	if len(here.Items) == 0 || !bytes.Equal(a, b) {
		t.Errorf("here:\n%s\nthere:\n%s", a, b)
	}
}

// Diagnostics of the API print as those of `prana validate`, in the same order.
func TestTheAPIDiagnosesAsValidateDoes(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile(filepath.Join("testdata", "bad.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var v validation
	if err := json.Unmarshal(served(t, "POST", "/v1/workflows:validate?file=testdata/bad.yaml", src), &v); err != nil {
		t.Fatal(err)
	}
	var there strings.Builder
	for _, d := range v.Diagnostics {
		there.WriteString(d.String() + "\n")
	}
	here := prana(t, "", "validate", filepath.Join("testdata", "bad.yaml")).stdout
	if here == "" || here != there.String() || !plan.HasErrors(v.Diagnostics) {
		t.Errorf("here:\n%s\nthere:\n%s", here, &there)
	}
}
