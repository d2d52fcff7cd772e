// Command prana is the durable workflow engine: server, worker and command line in one binary.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"prana/cmd/prana/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first signal ends things in order; the second one, no longer caught, at once
	os.Exit(cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
