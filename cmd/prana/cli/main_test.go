package cli

import (
	"context"
	"os"
	"testing"
)

// TestMain is prana itself where bench starts a worker process: the binary of the tests is the one that it has.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		os.Exit(Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}
