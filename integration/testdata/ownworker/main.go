// A team's own worker: Prana's nodes and one of their own, in one process.
package main

import (
	"context"
	"fmt"
	"log"
	"os/signal"
	"syscall"

	"prana/cmd/prana/app"
	"prana/config"
	"prana/engine/node"
	"prana/handlers/nodes"
)

func main() {
	cfg, err := config.Load(config.Options{}) // prana.yaml and PRANA_* variables
	if err != nil {
		log.Fatal(err)
	}
	types := append(nodes.Builtin(nodes.Options{}), node.Type{Name: "acme.greet", Run: greet})
	worker, err := app.Start(context.Background(), app.Options{Config: cfg, Worker: true, Registry: node.NewRegistry(types...)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	<-ctx.Done()
	if err := worker.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// greet is a node: it gets a call and leaves with an output, or fails.
func greet(_ context.Context, c *node.Call) (node.Outcome, error) {
	return node.Outcome{Output: map[string]any{"greeting": "hello from acme", "key": c.Key}}, nil
}
