package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"prana/engine/flow"
)

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// TestAFullDiskIsNoSuccess: what is cut short must not pass for all there is, in whatever form it is printed.
func TestAFullDiskIsNoSuccess(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{"GET /v1/executions": flow.Page[flow.Summary]{Items: []flow.Summary{{ID: "x1", CreatedAt: noon}}}})
	for _, line := range []string{"list", "list -o json", "list -o yaml", "version", "--help", "schema"} {
		var stderr bytes.Buffer
		sh := &shell{stdin: strings.NewReader(""), stdout: full{}, stderr: &stderr, environ: []string{"PRANA_SERVER=" + f.url}}
		if code := run(t.Context(), sh, strings.Fields(line)); code != 1 || !strings.Contains(stderr.String(), "no space left") {
			t.Errorf("%s: exit %d and %q; want 1 and why", line, code, stderr.String())
		}
	}
}
