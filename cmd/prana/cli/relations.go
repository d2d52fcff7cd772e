package cli

import (
	"context"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
)

func (sh *shell) relationsCommand() *cobra.Command {
	var (
		f     flow.RelationFilter
		depth int
	)
	cmd := &cobra.Command{
		Use:   "relations [ID]",
		Short: "Show the tree that an execution stands in, or list parents and their children",
		Long: "Given an execution, the tree that it stands in: its parents up to the first, and all below it, at most 1,000.\n" +
			"Without one, parents and children, the newest child first.",
		Args: takes(0, 1),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
			switch {
			case len(args) == 0 && depth != 0:
				return usagef("--depth goes with an execution: prana relations ID --depth %d", depth)
			case len(args) == 0:
				return sh.relations(ctx, c, f)
			case f != flow.RelationFilter{}:
				return usagef("the tree of an execution is shown whole; leave --parent, --child, --limit and --cursor out")
			}
			return sh.family(ctx, c, args[0], depth)
		})),
	}
	cmd.Flags().IntVar(&depth, "depth", 0, "with ID: at most so many generations up and down, 1 to 100 (default all)")
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
	t := newTable("PARENT", "NODE", "CHILD", "WORKFLOW", "STATUS", "MODE", "CREATED")
	for _, r := range page.Items {
		t.add(r.ParentID, r.Node, r.ChildID, r.Workflow, string(r.Status), r.Mode, moment(&r.CreatedAt))
	}
	return printPage(sh, page, t, "no relations")
}
