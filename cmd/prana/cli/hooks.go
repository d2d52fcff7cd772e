package cli

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
)

func (sh *shell) hooksCommand() *cobra.Command {
	var f flow.DeliveryFilter
	cmd := &cobra.Command{
		Use:   "hooks [NAME]",
		Short: "List the named webhooks, or the last deliveries of one",
		Long: "List the named webhooks of the server, or what was delivered to one of them: with --refused what was not let in, and why.\n" +
			"The name - stands for all names that no webhook has.",
		Args: takes(0, 1),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
			if len(args) == 0 {
				return sh.hooks(ctx, c)
			}
			f.Hook = args[0]
			return sh.deliveries(ctx, c, f)
		})),
	}
	cmd.Flags().BoolVar(&f.Refused, "refused", false, "the deliveries that were refused")
	pageFlags(cmd, &f.Limit, &f.Cursor)
	cmd.AddCommand(sh.hooksShowCommand(), sh.hooksReplayCommand())
	return cmd
}

func (sh *shell) hooksShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME DELIVERY",
		Short: "Show a delivery with its body",
		Args:  takes(2, 2),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
			d, err := c.Delivery(ctx, args[0], args[1])
			if err != nil {
				return err
			}
			return sh.print(d, func() {
				for line := range strings.Lines(d.Body) {
					fmt.Fprintln(sh.stdout, oneLine(strings.TrimRight(line, "\r\n")))
				}
			})
		})),
	}
}

func (sh *shell) hooksReplayCommand() *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use:   "replay NAME DELIVERY",
		Short: "Act again by a delivery",
		Long:  "Act by a delivery once more, as the webhook is configured now and under a new id. The signature is not asked for again.",
		Args:  takes(2, 2),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
			res, err := c.ReplayDelivery(ctx, args[0], args[1], key)
			if err != nil {
				return err
			}
			return sh.print(res, func() {
				fmt.Fprintln(sh.stdout, strings.TrimSpace(fmt.Sprintf("%s: %d %s", res.Status, res.Count, strings.Join(res.Executions, " "))))
			})
		})),
	}
	cmd.Flags().StringVar(&key, "id", "", "a name for this replay, which then counts once")
	return cmd
}

func (sh *shell) hooks(ctx context.Context, c *client.Client) error {
	page, err := c.Hooks(ctx)
	if err != nil {
		return err
	}
	t := newTable("HOOK", "SCHEME", "EVENT", "WORKFLOW", "ACCEPTED", "REFUSED")
	for _, h := range page.Items {
		t.add(h.Name, h.Scheme, h.Event, h.Workflow, strconv.Itoa(h.Kept.Accepted), strconv.Itoa(h.Kept.Refused))
	}
	return printPage(sh, page, t, "no hooks")
}

func (sh *shell) deliveries(ctx context.Context, c *client.Client, f flow.DeliveryFilter) error {
	page, err := c.Deliveries(ctx, f)
	if err != nil {
		return err
	}
	t := newTable("DELIVERY", "AT", "OUTCOME", "SIZE", "SOURCE", "ID", "WHAT")
	for _, d := range page.Items {
		t.add(d.ID, moment(&d.At), d.Outcome, strconv.FormatInt(d.Size, 10), d.Source, d.Key, whatCame(d))
	}
	return printPage(sh, page, t, "no deliveries")
}

// whatCame says what came of a delivery.
func whatCame(d flow.Delivery) string {
	what := d.Reason
	switch {
	case d.Outcome == flow.DeliveryRefused:
	case d.Repeated:
		what = "came before"
	case d.Buffered && d.Count == 0:
		what = "kept for a wait"
	default:
		what = strings.Join(d.Executions, " ")
	}
	if d.ReplayOf != "" {
		what = strings.TrimSuffix("replay of "+d.ReplayOf+": "+what, ": ")
	}
	return cmp.Or(what, "-")
}
