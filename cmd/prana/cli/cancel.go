package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
	"prana/handlers/api/wire"
)

// order is what is asked of executions with a reason: `prana cancel`, `terminate`, `pause` or `unpause`.
type order struct {
	name, short, done string
	give              func(ctx context.Context, c *client.Client, id, reason string) error
	can               func(flow.Status) bool
}

func isLive(s flow.Status) bool { return !s.Terminal() }

func isCancellable(s flow.Status) bool { return isLive(s) && s != flow.Cancelling }

func (sh *shell) cancelCommand() *cobra.Command {
	return sh.orderCommand(order{
		"cancel", "End executions before their time; what they did is undone (on_cancel)", "cancelling",
		func(ctx context.Context, c *client.Client, id, reason string) error {
			_, err := c.Cancel(ctx, flow.CancelRequest{Execution: id, Reason: reason})
			return err
		}, isCancellable,
	})
}

func (sh *shell) terminateCommand() *cobra.Command {
	return sh.orderCommand(order{
		"terminate", "End executions at once; nothing is undone", "terminated",
		func(ctx context.Context, c *client.Client, id, reason string) error {
			_, err := c.Terminate(ctx, flow.CancelRequest{Execution: id, Reason: reason})
			return err
		}, isLive,
	})
}

func (sh *shell) orderCommand(e order) *cobra.Command {
	var reason string
	s := selection{verb: e.name, can: e.can}
	cmd := &cobra.Command{
		Use:   e.name + " [ID...]",
		Short: e.short,
		Long: e.short + ".\n\nName executions, or choose those that have not ended with the filters of `prana list`, or with --all.\n" +
			"What filters choose is counted first, and only done once you agree, or with --yes.",
		Example: fmt.Sprintf("  prana %[1]s @last\n  prana %[1]s --workflow order --status suspended --until 24h", e.name),
		Args:    takes(0, many),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
			ids, err := s.choose(ctx, sh, c, args)
			if err != nil {
				return err
			}
			act := func(ctx context.Context, id string) (wire.Accepted, error) {
				return wire.Accepted{ExecutionID: id}, e.give(ctx, c, id, reason)
			}
			return doAll(ctx, sh, &s, ids, act, func(a wire.Accepted) string { return e.done + " " + a.ExecutionID })
		})),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; it is stored and told")
	s.flags(cmd)
	return cmd
}
