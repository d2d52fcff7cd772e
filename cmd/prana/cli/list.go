package cli

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
)

// pageFlags are those of every list.
func pageFlags(cmd *cobra.Command, limit *int, cursor *string) {
	cmd.Flags().Var((*limitFlag)(limit), "limit", "at most so many, 1 to 1000 (default 100)")
	cmd.Flags().StringVar(cursor, "cursor", "", "go on where the list before ended")
}

// filterFlags choose executions, for lists and for verbs that are for many.
func filterFlags(cmd *cobra.Command, f *flow.ExecutionFilter) {
	cmd.Flags().StringVar((*string)(&f.Status), "status", "", "only those of this status")
	cmd.Flags().StringVar(&f.Workflow, "workflow", "", "only those of this workflow")
	cmd.Flags().Var((*tagsFlag)(&f.Tags), "tag", "only those that have this tag: name=value; may be given several times")
	cmd.Flags().StringVar(&f.Parent, "parent", "", "only those that this execution started")
	cmd.Flags().StringVar(&f.Error, "error", "", `only those whose error has these words, such as "connection refused"`)
	ago(cmd, &f.Since, "since", "only those created then or later; with --status or --error, those that have had it since then or later")
	ago(cmd, &f.Until, "until", "only those created before; with --status or --error, those that have had it since before")
}

func (sh *shell) listCommand() *cobra.Command {
	var f flow.ExecutionFilter
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List executions, newest first",
		Args:  takes(0, 0),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, _ []string) error {
			return sh.list(ctx, c, f)
		})),
	}
	filterFlags(cmd, &f)
	pageFlags(cmd, &f.Limit, &f.Cursor)
	return cmd
}

// fullPage asks again as long as a page is short and there may be more: a server looks only so far for one page.
func fullPage(ctx context.Context, c *client.Client, f flow.ExecutionFilter) (flow.Page[flow.Summary], error) {
	limit := cmp.Or(f.Limit, 100)
	page, err := c.List(ctx, f)
	for err == nil && page.Cursor != "" && len(page.Items) < limit {
		f.Limit, f.Cursor = limit-len(page.Items), page.Cursor
		var more flow.Page[flow.Summary]
		more, err = c.List(ctx, f)
		page.Items, page.Cursor = append(page.Items, more.Items...), more.Cursor
	}
	return page, err
}

func (sh *shell) list(ctx context.Context, c *client.Client, f flow.ExecutionFilter) error {
	page, err := fullPage(ctx, c, f)
	if err != nil {
		return err
	}
	t := newTable("EXECUTION", "WORKFLOW", "STATUS", "CREATED", "TOOK", "ERROR")
	for _, x := range page.Items {
		problem := ""
		if x.Error != nil {
			problem = x.Error.Error()
		}
		t.add(x.ID, x.Workflow, string(x.Status), moment(&x.CreatedAt), took(&x.CreatedAt, x.EndedAt), problem)
	}
	return printPage(sh, page, t, "no executions")
}
