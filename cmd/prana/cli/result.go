package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"prana/cmd/prana/cli/live"
	"prana/engine/flow"
	"prana/handlers/api/client"
	"prana/handlers/api/wire"
)

func (sh *shell) resultCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "result ID",
		Short: "Print the output of an execution, and nothing else",
		Long: "Print the output of a completed execution as JSON, and nothing else. The exit code tells how any other stands:\n" +
			"1 it failed or timed out, 8 it goes on, 9 it was cancelled. With --wait it is waited for; Ctrl-C detaches.",
		Example: "  prana result @last --wait | jq .total",
		Args:    takes(1, 1),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
			return sh.result(ctx, distant{c, sh}, args[0], f)
		})),
	}
	cmd.Flags().BoolVar(&f.wait, "wait", false, "wait for the end")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0*time.Second, "with --wait: how long, such as 30s (default: no end)")
	return cmd
}

func (sh *shell) result(ctx context.Context, s service, id string, f runFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	v, err := look(ctx, s, id)
	if err == nil && f.wait && !v.Status.Terminal() {
		v, err = sh.ended(ctx, s, id, f)
	}
	if err != nil {
		return err
	}
	if v.Status == flow.Completed {
		return sh.printOutput(v)
	}
	sh.note("execution %s is %s", v.ID, live.Ending(v))
	return silent(outcome(v.Status))
}

// printOutput prints JSON, since an output is data, also for people.
func (sh *shell) printOutput(v *flow.View) error {
	output := wire.OrNull(v.Output)
	if sh.output != formatTable {
		return sh.print(output, nil)
	}
	return sh.printJSON(output, width(sh.stdout) > 0)
}
