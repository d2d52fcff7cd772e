package cli

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
)

func TestUntilClosed(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	ctx, cancel := untilClosed(t.Context(), r)
	defer cancel()
	if ctx.Err() != nil {
		t.Fatal("ended before the stream did")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
}

// A worker that is tied to its parent ends in order, without an error, when stdin is closed.
func TestWorkerEndsWithStdin(t *testing.T) {
	t.Parallel()
	stdin, parent := io.Pipe()
	up := &when{text: "prana worker", do: func() { _ = parent.Close() }}
	sh := &shell{stdin: stdin, stdout: io.Discard, stderr: up, environ: []string{}}
	if code := run(t.Context(), sh, []string{"worker", "--exit-with-stdin", "--redis", "miniredis"}); code != 0 {
		t.Errorf("exit %d, want 0", code)
	}
}

func TestDevNullIsNoTerminal(t *testing.T) {
	t.Parallel()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if isTerminal(null) || isTerminal(new(bytes.Buffer)) {
		t.Error("there is no terminal here")
	}
}

func TestTableIsSafeForTerminals(t *testing.T) {
	t.Parallel()
	tab := newTable("A", "B")
	tab.add("x\x1b[31m", "line\nbreak")
	if text := tab.text(); strings.Contains(text, "\x1b") || strings.Count(text, "\n") != 2 {
		t.Errorf("got %q", text)
	}
	if got := cut("abcdef", 4); got != "abc…" {
		t.Errorf("cut gives %q", got)
	}
}
