package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"prana/cmd/prana/demo"
)

func (sh *shell) demoCommand() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch the five suspension patterns run live, and survive the kill of their worker",
		Long: "Watch the five suspension patterns run live, and survive the kill of their worker. Then it stays up with API and console\n" +
			"until it is interrupted. With --once it ends when all is done, and takes its data with it unless --data-dir says where to keep it.",
		Args: takes(0, 0),
	}
	g := overrides(cmd).listening()
	cmd.Flags().BoolVar(&once, "once", false, "end when all is done")
	cmd.RunE = verb(func(ctx context.Context, _ []string) error {
		return sh.demo(ctx, g, once)
	})
	return cmd
}

func (sh *shell) demo(ctx context.Context, g *given, once bool) (err error) {
	o, err := sh.demoOptions(g, once)
	if err != nil {
		return err
	}
	d, err := demo.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	res, err := d.Play(ctx)
	if err != nil {
		return err
	}
	if err := sh.printDemo(res); err != nil {
		return err
	}
	if !once {
		sh.note("\n%s stays up. Try: prana list --server %s", d.URL(), d.URL())
		sh.note("Ctrl-C ends it.")
		return d.Stay(ctx)
	}
	if !res.OK {
		return silent(errFailed)
	}
	return nil
}

func (sh *shell) demoOptions(g *given, once bool) (demo.Options, error) {
	flags := g.values()
	if !g.isGiven("log-level") {
		flags["log.level"] = "warn" // the demo tells its story itself
	}
	cfg, err := sh.load(flags)
	if err != nil {
		return demo.Options{}, err
	}
	executable, err := os.Executable()
	if err != nil {
		return demo.Options{}, fmt.Errorf("finding the own binary: %w", err)
	}
	environ := sh.environ
	if sh.config != "" {
		environ = append(slices.Clip(environ), "PRANA_CONFIG="+sh.config)
	}
	return demo.Options{
		App: sh.options(cfg), Temporary: once && !g.isGiven("data-dir"),
		Executable: executable, Environ: environ, Stderr: sh.stderr,
	}, nil
}

func (sh *shell) printDemo(res demo.Result) error {
	if sh.output == formatLines {
		return printLines(sh, res.Patterns)
	}
	t := newTable("PATTERN", "STATUS", "TOOK", "WHAT", "EXECUTION")
	for _, p := range res.Patterns {
		t.add(p.Name, string(p.Status), p.Took, p.What, p.ExecutionID)
	}
	return sh.print(res, func() {
		sh.note("")
		sh.printTable(t)
	})
}
