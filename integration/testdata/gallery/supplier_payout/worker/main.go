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
	worker, err := app.Start(ctx, app.Options{
		Config: cfg, Worker: true, Types: []node.Type{bank.CheckIBAN},
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
