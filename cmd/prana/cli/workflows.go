package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/handlers/api/client"
	"prana/handlers/api/wire"
)

func (sh *shell) workflowsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "workflows [WORKFLOW]",
		Short: "List the published workflows, or the versions of one",
		Args:  takes(0, 1),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
			if len(args) == 0 {
				return sh.workflows(ctx, c)
			}
			return sh.versions(ctx, c, args[0])
		})),
	}
	cmd.AddCommand(sh.workflowsShowCommand())
	return cmd
}

func (sh *shell) workflows(ctx context.Context, c *client.Client) error {
	list, err := c.Workflows(ctx)
	if err != nil {
		return err
	}
	t := newTable("WORKFLOW", "VERSION", "VERSIONS", "PUBLISHED", "NAME")
	for _, w := range list {
		t.add(w.ID, w.Version, strconv.Itoa(w.Versions), moment(&w.CreatedAt), w.Name)
	}
	return printPage(sh, flow.Page[flow.WorkflowInfo]{Items: list}, t, "no workflows; prana deploy publishes some")
}

// versions lists those of a workflow.
func (sh *shell) versions(ctx context.Context, c *client.Client, id string) error {
	list, err := c.Versions(ctx, id)
	if err != nil {
		return err
	}
	t := newTable("WORKFLOW", "VERSION", "PUBLISHED", "NAME")
	for _, w := range list {
		t.add(w.ID, w.Version, moment(&w.CreatedAt), w.Name)
	}
	return printPage(sh, flow.Page[flow.WorkflowInfo]{Items: list}, t, "no versions")
}

func (sh *shell) workflowsShowCommand() *cobra.Command {
	var version string
	cmd := &cobra.Command{
		Use:     "show WORKFLOW",
		Short:   "Print the definition of a workflow",
		Long:    "Print the definition of a workflow as YAML that can be published again. With -o it comes with its version, as the API gives it.",
		Example: "  prana workflows show order > order.yaml",
		Args:    takes(1, 1),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
			return sh.showWorkflow(ctx, c, args[0], version)
		})),
	}
	cmd.Flags().StringVar(&version, "version", "", "which version (default: the newest)")
	return cmd
}

func (sh *shell) showWorkflow(ctx context.Context, c *client.Client, id, version string) error {
	w, version, err := c.WorkflowSource(ctx, id, version)
	if err != nil {
		return err
	}
	if sh.output != formatTable {
		return sh.print(wire.Definition{ID: id, Version: version, Definition: w}, nil)
	}
	raw, err := flow.Encode(w)
	if err != nil {
		return err
	}
	text, err := sh.rewrite(source{id, raw}, definition.YAML)
	if err != nil {
		return err
	}
	_, err = sh.stdout.Write(text)
	return err
}
