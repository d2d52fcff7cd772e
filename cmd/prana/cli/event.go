package cli

import (
	"context"
	"fmt"
	"strings"
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
		dry bool
	)
	cmd := &cobra.Command{
		Use:   "send TYPE",
		Short: "Publish an event to everything that waits for it",
		Args:  takes(1, 1),
	}
	cmd.RunE = verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
		if ttl < 0 {
			return usagef("--ttl is %s; it must be 0 or more", ttl)
		}
		data, err := in.read(sh.stdin)
		if err != nil {
			return err
		}
		e.Type, e.Data = args[0], data
		if cmd.Flags().Changed("ttl") {
			e.TTL = kept(ttl)
		}
		if dry {
			return sh.tryEvent(ctx, c, e)
		}
		return sh.sendEvent(ctx, c, e)
	}))
	in.flags(cmd, "data")
	cmd.Flags().StringVar(&e.ID, "id", "", "a name for this event, which then counts once")
	cmd.Flags().DurationVar(&ttl, "ttl", time.Hour, "how long it is kept for a wait that begins later; 0 = not at all")
	cmd.Flags().IntVar(&e.Limit, "limit", 0, "how many waits take it at most; 0 = all")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "tell what would take it, and why others would not, and send nothing")
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

// tryEvent tells what an event would do.
func (sh *shell) tryEvent(ctx context.Context, c *client.Client, e flow.Event) error {
	res, err := c.DryRun(ctx, e)
	if err != nil {
		return err
	}
	return sh.print(res, func() {
		t := newTable("SUSPENSION", "WORKFLOW", "NODE", "MATCHES", "WHY NOT")
		for _, w := range res.Waits {
			t.add(w.SuspensionID, w.Workflow, w.Node, yesNo(w.Matches), strings.Join(whyNot(w.Reasons), "; "))
		}
		sh.printTable(t)
		sh.note("%d would take it; nothing was sent", res.Matched)
		if res.Buffered {
			sh.note("it would be kept for waits that begin later")
		}
	})
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// whyNot says each clause that an event does not satisfy.
func whyNot(reasons []flow.Mismatch) []string {
	var all []string
	for _, m := range reasons {
		switch {
		case m.Taken != "":
			all = append(all, "taken by "+m.Taken)
		case m.Error != "":
			all = append(all, fmt.Sprintf("match %s: %s", m.Match, m.Error))
		case m.Match != "":
			all = append(all, fmt.Sprintf("match %s gave %s", m.Match, m.Got))
		case m.Got == nil:
			all = append(all, fmt.Sprintf("%s: want %s, got nothing", m.Path, m.Want))
		default:
			all = append(all, fmt.Sprintf("%s: want %s, got %s", m.Path, m.Want, m.Got))
		}
	}
	return all
}
