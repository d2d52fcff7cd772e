package cli

import (
	"context"

	"github.com/spf13/cobra"

	"prana/cmd/prana/app"
)

func (sh *shell) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check Redis, its settings, and what the engine keeps there",
		Long: "Check Redis, its settings, and what the engine keeps there. Each check comes to one of\n" +
			"  ok       nothing to say\n" +
			"  advice   nothing is wrong; it could be better, or cannot be seen: snapshots instead of an append-only file, hooks without a secret\n" +
			"  warning  work waits, was given up, or is about to be refused: a queue that nobody serves, tasks of the intake queue that were\n" +
			"           given up (prana dead), memory that is almost full\n" +
			"  failed   executions can be lost, or an invariant is broken\n" +
			"With a warning or a failure it exits with 1, so that a script can tell; with advice only, with 0.",
		Args: takes(0, 0),
	}
	g := overrides(cmd)
	cmd.RunE = verb(func(ctx context.Context, _ []string) error { return sh.doctor(ctx, g) })
	return cmd
}

func (sh *shell) doctor(ctx context.Context, g *given) error {
	cfg, err := sh.load(g.values())
	if err != nil {
		return err
	}
	report, err := app.Doctor(ctx, sh.options(cfg))
	if err != nil {
		return err
	}
	t := newTable("CHECK", "STATUS", "MESSAGE", "HINT")
	for i := range report.Checks {
		c := &report.Checks[i]
		c.Hint = sh.ours(c.Hint)
		t.add(c.Name, c.Status, c.Message, c.Hint)
	}
	if sh.output == formatLines {
		err = printLines(sh, report.Checks)
	} else {
		err = sh.print(report, func() { sh.printTable(t) })
	}
	if err == nil && !report.OK {
		return silent(errFindings)
	}
	return err
}
