package engine_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

// TestAPanicIsLoggedWithTheFramesOfItsNode, and not with those of the engine, which are the same for all.
func TestAPanicIsLoggedWithTheFramesOfItsNode(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	env := enginetest.Open(t, enginetest.Options{
		Types:  append(types(), node.Type{Name: "test.panics", Run: func(context.Context, *node.Call) (node.Outcome, error) { return intoNothing(nil), nil }}),
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	env.Deploy("id: f\nnodes: [{key: t, type: test.start}, {key: b, type: test.panics}]\nconnections: [t -> b]")
	id := env.Start("f", 1)
	env.Run()
	env.WantStatus(id, flow.Failed)
	line := log.String()
	for _, want := range []string{"a node panicked", "node=b", "assignment to entry in nil map", "engine_test.intoNothing (frames_test.go:", " < "} {
		if !strings.Contains(line, want) {
			t.Errorf("the log lacks %q: %s", want, line)
		}
	}
	if strings.Contains(line, "run.go") || strings.Contains(line, "goexit") || len(line) > 800 {
		t.Errorf("%d bytes are logged: %s", len(line), line)
	}
}

// intoNothing panics.
//
//go:noinline
func intoNothing(m map[string]int) node.Outcome {
	m["a"]++
	return node.Outcome{}
}
