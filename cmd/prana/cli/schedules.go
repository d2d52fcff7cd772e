package cli

import (
	"context"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
)

func (sh *shell) schedulesCommand() *cobra.Command {
	var f flow.ScheduleFilter
	cmd := &cobra.Command{
		Use:   "schedules",
		Short: "List the workflows that start by themselves, by their next time",
		Args:  takes(0, 0),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, _ []string) error {
			return sh.schedules(ctx, c, f)
		})),
	}
	cmd.Flags().StringVar(&f.Workflow, "workflow", "", "only that of this workflow")
	pageFlags(cmd, &f.Limit, &f.Cursor)
	return cmd
}

func (sh *shell) schedules(ctx context.Context, c *client.Client, f flow.ScheduleFilter) error {
	page, err := c.Schedules(ctx, f)
	if err != nil {
		return err
	}
	t := newTable("WORKFLOW", "VERSION", "PATTERN", "TIMEZONE", "MISFIRE", "LAST", "NEXT")
	for _, s := range page.Items {
		t.add(s.Workflow, s.Version, s.Pattern, s.Timezone, string(s.Misfire), moment(s.LastTick), moment(s.NextTick))
	}
	return printPage(sh, page, t, "no schedules")
}
