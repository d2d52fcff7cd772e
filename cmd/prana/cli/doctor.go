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
		Args:  takes(0, 0),
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
	for _, c := range report.Checks {
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
