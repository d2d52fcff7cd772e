// Command acme is prana with what a team adds to it: worker, server and all verbs of the command line know it.
package main

import (
	"context"
	"log"

	"prana/cmd/prana/app"
	"prana/cmd/prana/cli"
	"prana/engine/flow"
	"prana/engine/node"

	"example.com/acme/charge"
	"example.com/acme/courier"
)

func main() {
	cli.Program{
		Name:       "acme",
		Types:      []node.Type{charge.Node, courier.Node},
		Middleware: map[string]app.Middleware{"audit": {Call: audit}},
	}.Main()
}

// audit is told what happened; prana.yaml names it.
func audit(ctx context.Context, n flow.Notice, next flow.Next) {
	if n.Name == flow.NodeFailed {
		log.Printf("audit: %s failed at %s: %s", n.Execution, n.Node, n.Error)
	}
	next(ctx, n)
}
