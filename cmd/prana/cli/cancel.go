package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
	"prana/handlers/api/wire"
)

func (sh *shell) cancelCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "cancel ID",
		Short: "End an execution before its time",
		Args:  takes(1, 1),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
			if err := c.Cancel(ctx, flow.CancelRequest{Execution: args[0], Reason: reason}); err != nil {
				return err
			}
			return sh.print(wire.Accepted{ExecutionID: args[0]}, func() { fmt.Fprintln(sh.stdout, "cancelling", args[0]) })
		})),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; it is stored and told")
	return cmd
}
