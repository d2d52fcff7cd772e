package definition_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/plan"
)

// Strings that YAML would read as something else, or that are hard to write.
func TestFormatKeepsValues(t *testing.T) {
	t.Parallel()
	texts := []string{
		"", " ", "~", "null", "true", "yes", "off", "012", "0o7", "0x1f", "1e3", ".5", ".inf", "1_000", "2024-01-31", "- x", "a: b",
		"a #b", "#b", "{{ $input }}", "*x", "&x", "!x", "%x", "@x", "`x`", "'x'", `"x"`, "x\n", "x\ny", " x\ny", "x\n\ny", "x \ny", "x\n\n",
		"\n", "\tx", "x\ty", "x\r\ny", "\x00", "\u0085", "\u2028", "é 😀", "<<", "=", "---", "...", "--- x", "[", "]", ",", "?", "? x",
		strings.Repeat("word ", 100),
	}
	values := map[string]any{"list": []any{}, "object": map[string]any{}, "nil": nil, "half": 0.5, "big": 1e300, "n": -7, "t": true}
	for i, s := range texts {
		values[fmt.Sprint("v", i)] = s
		values[s] = []any{s, map[string]any{s: s}}
	}
	w := &flow.Workflow{ID: "a", Variables: values}
	out, err := definition.Format(w)
	if err != nil {
		t.Fatal(err)
	}
	got := read(t, string(out))
	for name, want := range values {
		if !reflect.DeepEqual(got.Variables[name], want) {
			t.Errorf("%q: %#v became %#v", name, want, got.Variables[name])
		}
	}
}

func TestFormatEverything(t *testing.T) {
	t.Parallel()
	src := `id: a
name: Name
description: |
  two
  lines
mode: sequential
timeout_ms: 5
concurrency_key: $input.region
concurrency_limit: 3
output: $input
input_schema:
  type: object
on_retry_exhausted:
  event: retries_exhausted
nodes:
  - key: start
    name: Start
    type: manual.trigger
    settings:
      retry_on_failed: true
      max_retries: 2
      retry_delay_ms: 0
      backoff: linear
      max_delay_ms: 9
      jitter: true
      retry_on:
        - timeout
      no_retry_on:
        - "404"
      retry_after: false
      timeout_ms: 7
      on_error: continue
      join: 2
      queue: slow
      concurrency_key: account/{{ $input.account }}
      concurrency_limit: 10000
    metadata:
      x: 1
connections:
  - start.ok -> end.in
  - from: start
    from_port: not simple
    to: end
`
	out, err := definition.Format(read(t, src))
	if err != nil || string(out) != src {
		t.Errorf("%v\n%s", err, out)
	}
}

// Formatting the canonical form again changes nothing.
func TestFormatIsStable(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/diagnostics/*.txt")
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		src, _, _ := strings.Cut(string(raw), separator)
		w, p, _ := definition.Check("f", []byte(src), types(), plan.Options{EnvAllow: []string{"REGION"}})
		if p == nil {
			continue
		}
		once, err := definition.Format(w)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := definition.Format(read(t, string(once)))
		if err != nil || string(once) != string(twice) {
			t.Errorf("%s: %v\n%s", file, err, twice)
		}
		roundTrip(t, w)
	}
}
