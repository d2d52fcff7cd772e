// A team's own worker: what "prana worker" runs, and a node of their own.
package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"prana/cmd/prana/app"
	"prana/config"
	"prana/engine/node"
	"prana/handlers/nodes"
	"prana/integration/testdata/gallery/supplier_payout/bank"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	cfg, err := config.Load(config.Options{}) // prana.yaml and PRANA_* variables
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	client := nodes.NewClient(nodes.Egress{AllowPrivate: cfg.Egress.AllowsPrivate(false), AllowCIDRs: cfg.Egress.Allow})
	types := append(nodes.Builtin(nodes.Options{HTTP: client}), bank.CheckIBAN)
	worker, err := app.Start(ctx, app.Options{
		Config: cfg, Worker: true, Registry: node.NewRegistry(types...),
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	select {
	case <-ctx.Done():
	case err = <-worker.Err():
		log.Print(err)
	}
	return worker.Shutdown(context.WithoutCancel(ctx))
}
