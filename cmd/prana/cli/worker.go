package cli

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"prana/cmd/prana/app"
	"prana/config"
)

func (sh *shell) workerCommand() *cobra.Command {
	var tied bool
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Run steps, timers and the sweeper",
		Args:  takes(0, 0),
	}
	g := overrides(cmd)
	g.flag("concurrency", "worker.concurrency", "how many steps run at once"+defaultOf(config.Default().Worker.Concurrency))
	g.queues()
	// For a process that starts workers of its own: the pipe closes when it dies, however it dies.
	cmd.Flags().BoolVar(&tied, "exit-with-stdin", false, "shut down when stdin is closed")
	_ = cmd.Flags().MarkHidden("exit-with-stdin") // it exists: declared one line above
	cmd.RunE = verb(func(ctx context.Context, _ []string) error {
		if tied {
			var done context.CancelFunc
			ctx, done = untilClosed(ctx, sh.stdin)
			defer done()
		}
		return sh.work(ctx, g)
	})
	return cmd
}

func (sh *shell) work(ctx context.Context, g *given) error {
	cfg, err := sh.load(g.values())
	if err != nil {
		return err
	}
	if cfg.Redis.URL == "" {
		return usagef("a worker needs the Redis of its server: --redis or PRANA_REDIS (`prana dev` is server and worker in one)")
	}
	o := sh.options(cfg)
	o.Worker = true
	a, err := app.Start(ctx, o)
	if err != nil {
		return err
	}
	sh.note("prana worker: %d steps at once, from %s", cfg.Worker.Concurrency, queuesServed(cfg.Worker.Queues))
	sh.note("%s", a.Redis())
	return sh.serve(ctx, a, cfg.Worker.ShutdownGrace)
}

// queuesServed says from which queues a worker takes its steps.
func queuesServed(names []string) string {
	if len(names) == 0 {
		return "all queues"
	}
	return "queues " + strings.Join(names, ", ")
}

// untilClosed ends the context when the stream does.
func untilClosed(ctx context.Context, stream io.Reader) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, stream) // an error is an end too
		cancel()
	}()
	return ctx, cancel
}
