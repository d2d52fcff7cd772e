package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
	"prana/handlers/api/explain"
)

func (sh *shell) suspendedCommand() *cobra.Command {
	var f flow.SuspensionFilter
	cmd := &cobra.Command{
		Use:   "suspended",
		Short: "List what waits, and for what",
		Long:  "List what waits for what, since when and until when, what ends first first. `prana resume SUSPENSION` ends a wait by hand.",
		Args:  takes(0, 0),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, _ []string) error {
			return sh.suspended(ctx, c, f)
		})),
	}
	cmd.Flags().StringVar(&f.Type, "type", "", "only this type: external_event, sub_workflow, polling, delay, retry, approval, concurrency …")
	cmd.Flags().StringVar(&f.EventType, "event-type", "", "only those that wait for this event")
	cmd.Flags().StringVar(&f.Workflow, "workflow", "", "only those of this workflow")
	fromNow(cmd, &f.ExpiresBefore, "expiring", "only those that time ends before")
	cmd.Flags().StringVar(&f.Execution, "execution", "", "only those of this execution")
	pageFlags(cmd, &f.Limit, &f.Cursor)
	return cmd
}

func (sh *shell) suspended(ctx context.Context, c *client.Client, f flow.SuspensionFilter) error {
	page, err := c.Suspensions(ctx, f)
	if err != nil {
		return err
	}
	t := newTable("SUSPENSION", "WORKFLOW", "NODE", "TYPE", "SINCE", "UNTIL", "WHAT")
	for _, s := range page.Items {
		end := s.ResumeAt
		if end == nil || s.Type == flow.Approval { // time ends only a turn of that one
			end = s.TimeoutAt
		}
		t.add(s.ID, s.Workflow, s.Node, s.Type, moment(&s.SuspendedAt), moment(end), explain.Waiting(s, s.SuspendedAt))
	}
	if err := printPage(sh, page, t, nothingOf(f.Type)); err != nil || len(page.Items) == 0 || sh.output != formatTable {
		return err
	}
	sh.note("to end a wait: prana resume SUSPENSION, with data as -i KEY=VALUE; one for an event also by prana event send")
	return nil
}

// nothingOf says that nothing waits, and which types there are where that may be why.
func nothingOf(suspendType string) string {
	if suspendType == "" || slices.Contains(suspendTypes, suspendType) {
		return "nothing waits"
	}
	return fmt.Sprintf("nothing waits; %s is no type of the engine, whose are %s; other nodes may have their own", suspendType, strings.Join(suspendTypes, ", "))
}
