package cli

import (
	"context"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
)

func (sh *shell) relationsCommand() *cobra.Command {
	var f flow.RelationFilter
	cmd := &cobra.Command{
		Use:   "relations",
		Short: "List parents and their children",
		Args:  takes(0, 0),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, _ []string) error {
			return sh.relations(ctx, c, f)
		})),
	}
	cmd.Flags().StringVar(&f.Parent, "parent", "", "only the children of this execution")
	cmd.Flags().StringVar(&f.Child, "child", "", "only the parent of this execution")
	pageFlags(cmd, &f.Limit, &f.Cursor)
	return cmd
}

func (sh *shell) relations(ctx context.Context, c *client.Client, f flow.RelationFilter) error {
	page, err := c.Relations(ctx, f)
	if err != nil {
		return err
	}
	t := newTable("PARENT", "NODE", "CHILD", "TYPE", "CREATED")
	for _, r := range page.Items {
		t.add(r.ParentID, r.Node, r.ChildID, r.Type, moment(&r.CreatedAt))
	}
	return printPage(sh, page, t, "no relations")
}
