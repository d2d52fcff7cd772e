package demo

import (
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"

	"prana/engine/definition"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/handlers/nodes"
)

// The workflows are an example to their readers: in the canonical form, and without a warning, except that a POST is
// retried, which is the point of that pattern.
func TestWorkflowsAreClean(t *testing.T) {
	t.Parallel()
	registry := node.NewRegistry(nodes.Builtin(nodes.Options{})...)
	files, err := definitions.ReadDir("workflows")
	if err != nil {
		t.Fatal(err)
	}
	published := map[string]bool{}
	for _, f := range files {
		src, err := definitions.ReadFile(path.Join("workflows", f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		w, p, found := definition.Check(f.Name(), src, registry, plan.Options{})
		found = slices.DeleteFunc(found, func(d plan.Diagnostic) bool {
			return f.Name() == "retry.yaml" && d.Code == plan.CodeUnsafeRetry
		})
		if p == nil || len(found) > 0 {
			t.Errorf("%s: %v", f.Name(), found)
			continue
		}
		published[w.ID] = true
		if want, err := definition.Format(w); err != nil || withoutComments(string(src)) != string(want) {
			t.Errorf("%s: %v; the canonical form is\n%s", f.Name(), err, want)
		}
	}
	for _, p := range patterns {
		if !published["demo_"+p] {
			t.Errorf("there is no workflow for %s", p)
		}
	}
}

func withoutComments(src string) string {
	var b strings.Builder
	for line := range strings.Lines(src) {
		if !strings.HasPrefix(line, "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func running(t *testing.T) *partner {
	t.Helper()
	p, err := startPartner()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestJobsTakeTheirTime(t *testing.T) {
	t.Parallel()
	p := running(t)
	for _, want := range []string{"running", "running", "completed", "completed"} {
		_, body := ask(t, "GET", p.url+"/jobs/1", "")
		if body["status"] != want {
			t.Errorf("got %v, want %s", body, want)
		}
	}
}

func TestPaymentsFailTwiceAndChargeOnce(t *testing.T) {
	t.Parallel()
	p := running(t)
	var charge any
	for i, want := range []int{503, 503, 201, 200} {
		status, body := ask(t, "POST", p.url+"/payments", "key")
		if status != want {
			t.Errorf("attempt %d: got %d, want %d", i+1, status, want)
		}
		if i == 3 && body["charge"] != charge {
			t.Errorf("the repetition got %v, want %v", body["charge"], charge)
		}
		charge = body["charge"]
	}
	if status, _ := ask(t, "POST", p.url+"/payments", ""); status != 400 {
		t.Errorf("without a key: got %d, want 400", status)
	}
	if got := p.paid(); got != "attempts 4, keys 1, charges 1" {
		t.Errorf("got %q", got)
	}
}

func ask(t *testing.T, method, url, key string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body map[string]any
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body
}
