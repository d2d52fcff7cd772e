package markdown

import (
	"slices"
	"testing"

	"github.com/yuin/goldmark/ast"
)

// The anchors are those of GitHub, so that a link works in both places.
func TestAnchors(t *testing.T) {
	t.Parallel()
	src := []byte("# Näher: was *ist* das?\n\n## `prana event send`\n\n## http.webhook_trigger\n\n## GET /v1/executions/{id}\n\n## a - b\n\n## a - b\n\n## a - b-1\n")
	var got []string
	Visit(Parse(src), func(h *ast.Heading) { got = append(got, ID(h)) })
	want := []string{"näher-was-ist-das", "prana-event-send", "httpwebhook_trigger", "get-v1executionsid", "a---b", "a---b-1", "a---b-1-1"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
