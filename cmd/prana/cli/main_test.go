package cli

import (
	"context"
	"os"
	"testing"
)

// TestMain is prana itself where bench starts a worker process, and where a shell completes: the binary of the tests is the one
// that they have.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "worker" || os.Args[1] == "__complete") {
		os.Exit(Program{}.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}
