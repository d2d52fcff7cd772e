package cli

import (
	"context"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
)

func isPausable(s flow.Status) bool {
	return s == flow.Pending || s == flow.Running || s == flow.Suspended
}

func isPaused(s flow.Status) bool { return s == flow.Paused }

func (sh *shell) pauseCommand() *cobra.Command {
	return sh.orderCommand(order{
		"pause", "Keep executions from going on: what runs comes to its end, and nothing begins", "paused",
		func(ctx context.Context, c *client.Client, id, reason string) error {
			return c.Pause(ctx, flow.PauseRequest{Execution: id, By: userName(), Reason: reason})
		}, isPausable,
	})
}

func (sh *shell) unpauseCommand() *cobra.Command {
	return sh.orderCommand(order{
		"unpause", "Let executions go on that were paused", "unpaused",
		func(ctx context.Context, c *client.Client, id, reason string) error {
			return c.Unpause(ctx, flow.PauseRequest{Execution: id, By: userName(), Reason: reason})
		}, isPaused,
	})
}
