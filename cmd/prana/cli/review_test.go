//go:build unix

package cli

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReviewValidateIsNotKeptWaiting: what is no regular file is refused at once, in one line and the usual hint.
func TestReviewValidateIsNotKeptWaiting(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo.yaml")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{fifo, "/dev/zero"} { // in this order: what reads the second whole needs all memory
		done := make(chan ran, 1)
		go func() { done <- prana(t, "", "validate", file) }()
		select {
		case r := <-done:
			r.wants(t, 2, "", file)
			first, hint, _ := strings.Cut(r.stderr, "\n")
			if r.stdout != "" || !strings.Contains(first, "no regular file") || strings.Count(hint, "\n") != 1 || !strings.Contains(hint, "--help") {
				t.Errorf("it prints %q and %q, want one line and the hint of every misuse", r.stdout, r.stderr)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("validate %s does not end", file)
		}
	}
}
