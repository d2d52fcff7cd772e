package cli

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
)

// when does something once, as soon as a text was written.
type when struct {
	text string
	do   func()

	mu   sync.Mutex
	all  bytes.Buffer
	once sync.Once
}

func (w *when) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all.Write(p)
	if strings.Contains(w.all.String(), w.text) {
		w.once.Do(w.do)
	}
	return len(p), nil
}

func (w *when) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.String()
}

// until runs a command line and interrupts it once a text was written to stderr.
func until(t *testing.T, text string, args ...string) (code int, stderr string) {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	w := &when{text: text, do: interrupt}
	sh := &shell{stdin: strings.NewReader(""), stdout: io.Discard, stderr: w, environ: []string{}}
	return run(ctx, sh, args), w.String()
}

// An interrupt is how servers are meant to end: in order, without an error.
func TestServerEndsInOrder(t *testing.T) {
	t.Parallel()
	code, stderr := until(t, "prana worker --redis", "server", "--redis", "miniredis", "--port", "0")
	if code != 0 || !strings.Contains(stderr, "prana server: http://127.0.0.1:") || !strings.Contains(stderr, "shutting down") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
}

func TestDevPublishesItsDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a.yaml", strings.Replace(definitionOf, "NAME", "a", 1))
	code, stderr := until(t, "published workflow a", "dev", dir, "--redis", "miniredis", "--port", "0")
	if code != 0 || !strings.Contains(stderr, "prana dev: http://127.0.0.1:") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
}
