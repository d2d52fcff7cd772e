package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"prana/cmd/prana/app"
	"prana/engine/node"
	"prana/handlers/nodes"
)

// Program is the command line with what a team adds to it: all verbs know it. The zero value is prana itself.
type Program struct {
	Name string // what the binary is called, for its help and completion; empty = prana
	// Types are the team's own node types, beside the built-in ones.
	Types []node.Type
	// Middleware adds to the names that the configuration may use.
	Middleware map[string]app.Middleware
}

// Main runs the command line of this process, and ends the process with its exit code. The first signal ends things in
// order, the second one at once.
func (p Program) Main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from here on a signal is no longer caught
	os.Exit(p.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Run runs one command line and gives its exit code. When ctx ends, servers stop in order and waiting clients detach.
func (p Program) Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	sh := &shell{program: p, stdin: stdin, stdout: stdout, stderr: stderr, environ: os.Environ()}
	if _, err := app.NodeTypes(p.Types, nodes.Options{}); err != nil {
		return sh.report(err) // nobody who types can mend it
	}
	return run(ctx, sh, args)
}
