package bench_test

import (
	"context"
	"os"
	"testing"

	"prana/cmd/prana/cli"
)

// TestMain is prana itself where a measurement starts a worker process: the binary of the tests is the one that it has.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		os.Exit(cli.Program{}.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}
