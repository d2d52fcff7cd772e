package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
)

func (sh *shell) delaysCommand() *cobra.Command {
	var f flow.DelayFilter
	cmd := &cobra.Command{
		Use:   "delays",
		Short: "List delays by the time they end",
		Args:  takes(0, 0),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, _ []string) error {
			return sh.delays(ctx, c, f)
		})),
	}
	cmd.Flags().StringVar(&f.Execution, "execution", "", "only those of this execution, with those that are over")
	cmd.Flags().StringVar(&f.Workflow, "workflow", "", "only those of this workflow")
	fromNow(cmd, &f.From, "from", "only those that end then or later")
	fromNow(cmd, &f.Until, "until", "only those that end before")
	pageFlags(cmd, &f.Limit, &f.Cursor)
	return cmd
}

func (sh *shell) delays(ctx context.Context, c *client.Client, f flow.DelayFilter) error {
	page, err := c.Delays(ctx, f)
	if err != nil {
		return err
	}
	t := newTable("EXECUTION", "WORKFLOW", "NODE", "RUN", "STATUS", "SUSPENDED", "RESUMES")
	for _, d := range page.Items {
		t.add(d.ExecutionID, d.Workflow, d.Node, strconv.Itoa(d.RunIndex), string(d.Status), moment(&d.SuspendedAt), moment(&d.ResumeAt))
	}
	return printPage(sh, page, t, "no delays")
}
