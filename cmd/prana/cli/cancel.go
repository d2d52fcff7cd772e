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
	return sh.endCommand("cancel", "End an execution before its time; what it did is undone (on_cancel)", "cancelling", (*client.Client).Cancel)
}

func (sh *shell) terminateCommand() *cobra.Command {
	return sh.endCommand("terminate", "End an execution at once; nothing is undone", "terminated", (*client.Client).Terminate)
}

func (sh *shell) endCommand(name, short, done string, end func(*client.Client, context.Context, flow.CancelRequest) error) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   name + " ID",
		Short: short,
		Args:  takes(1, 1),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
			if err := end(c, ctx, flow.CancelRequest{Execution: args[0], Reason: reason}); err != nil {
				return err
			}
			return sh.print(wire.Accepted{ExecutionID: args[0]}, func() { fmt.Fprintln(sh.stdout, done, args[0]) })
		})),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; it is stored and told")
	return cmd
}
