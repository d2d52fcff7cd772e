package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"prana/cmd/prana/app"
	"prana/config"
)

// watchEvery is how often dev looks for changed files.
const watchEvery = time.Second

func (sh *shell) devCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dev [DIR]",
		Short: "Server and worker in one process; publishes the definitions of DIR whenever they change",
		Long: "Server and worker in one process, for developing. Without --redis its data is in .prana (--data-dir), kept by a\n" +
			"redis-server found on PATH; without one, in memory. DIR is the current directory unless given.",
		Args: takes(0, 1),
	}
	g := overrides(cmd).listening()
	g.queues()
	cmd.RunE = verb(func(ctx context.Context, args []string) error {
		w := &watcher{dir: "."}
		if len(args) == 1 {
			w.dir = args[0]
		}
		return sh.dev(ctx, g, w)
	})
	return cmd
}

func (sh *shell) dev(ctx context.Context, g *given, w *watcher) error {
	cfg, err := sh.load(g.values())
	if err != nil {
		return err
	}
	files, err := w.changed()
	if err != nil {
		return unread(fmt.Errorf("the directory of definitions: %w", err), errUsage)
	}
	a, err := sh.startDev(ctx, cfg)
	if err != nil {
		return err
	}
	watching, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p := publisher{sh, sh.checker(cfg), a.Deploy}
		p.publish(watching, files)
		p.watch(watching, w, watchEvery)
	}()
	err = sh.serve(ctx, a, cfg.Worker.ShutdownGrace)
	cancel()
	<-done
	return err
}

func (sh *shell) startDev(ctx context.Context, cfg config.Config) (*app.App, error) {
	o := sh.options(cfg)
	o.API, o.Worker, o.NextPort, o.Dev = true, true, true, true
	a, err := app.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	sh.note("prana dev: %s (queues: %s/queues)", a.URL(), a.URL())
	sh.note("%s", a.Redis())
	return a, nil
}
