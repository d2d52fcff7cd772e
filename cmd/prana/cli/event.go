package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
)

func (sh *shell) eventCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "event",
		Short: "Publish events",
		RunE: verb(func(context.Context, []string) error {
			return usagef("event needs a verb: prana event send TYPE")
		}),
	}
	cmd.AddCommand(sh.eventSendCommand())
	return cmd
}

func (sh *shell) eventSendCommand() *cobra.Command {
	var (
		in  input
		e   flow.Event
		ttl time.Duration
	)
	cmd := &cobra.Command{
		Use:   "send TYPE",
		Short: "Publish an event to everything that waits for it",
		Args:  takes(1, 1),
	}
	cmd.RunE = verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
		data, err := in.read(sh.stdin)
		if err != nil {
			return err
		}
		e.Type, e.Data = args[0], data
		if cmd.Flags().Changed("ttl") {
			e.TTL = kept(ttl)
		}
		return sh.sendEvent(ctx, c, e)
	}))
	in.flags(cmd, "data")
	cmd.Flags().StringVar(&e.ID, "id", "", "a name for this event, which then counts once")
	cmd.Flags().DurationVar(&ttl, "ttl", time.Hour, "how long it is kept for a wait that begins later; 0 = not at all")
	return cmd
}

// kept says it in the words of flow.Event, where zero is the default.
func kept(ttl time.Duration) time.Duration {
	if ttl == 0 {
		return -1
	}
	return ttl
}

func (sh *shell) sendEvent(ctx context.Context, c *client.Client, e flow.Event) error {
	res, err := c.Publish(ctx, e)
	if err != nil {
		return err
	}
	return sh.print(res, func() {
		fmt.Fprintf(sh.stdout, "event %s matched %d\n", res.ID, res.Matched)
		for _, id := range res.Executions {
			fmt.Fprintln(sh.stdout, "  "+id)
		}
		if res.Buffered {
			sh.note("it is kept for waits that begin later")
		}
	})
}
