package cli

import (
	"context"

	"github.com/spf13/cobra"

	"prana/cmd/prana/app"
)

func (sh *shell) serverCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Serve the API and the console; steps are run by workers",
		Args:  takes(0, 0),
	}
	g := overrides(cmd).listening()
	cmd.RunE = verb(func(ctx context.Context, _ []string) error { return sh.serveAPI(ctx, g) })
	return cmd
}

func (sh *shell) serveAPI(ctx context.Context, g *given) error {
	cfg, err := sh.load(g.values())
	if err != nil {
		return err
	}
	o := sh.options(cfg)
	o.API = true
	a, err := app.Start(ctx, o)
	if err != nil {
		return err
	}
	sh.note("prana server: %s", a.URL())
	sh.note("%s", a.Redis())
	sh.note("steps are run by workers: prana worker --redis %s", cfgOr(cfg.Redis.Redacted(), a.RedisURL()))
	return sh.serve(ctx, a, cfg.Worker.ShutdownGrace)
}

// cfgOr prefers the URL that was configured, without its password, to the one that was made.
func cfgOr(configured, made string) string {
	if configured != "" && configured != "miniredis" {
		return configured
	}
	return made
}
