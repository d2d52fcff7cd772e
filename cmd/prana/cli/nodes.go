package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"prana/engine/definition"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
)

func (sh *shell) nodesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "nodes [TYPE]",
		Short: "List the node types, or describe one; needs no server",
		Long: "List the node types of this binary, or describe one: its ports, parameters, output, and examples.\n" +
			"As data (-o json) it is what GET /v1/node-types tells of the server's.",
		Args: takes(0, 1),
		RunE: verb(func(_ context.Context, args []string) error { return sh.nodes(args) }),
	}
}

func (sh *shell) nodes(args []string) error {
	cfg, err := sh.loadAsUser()
	if err != nil {
		return err
	}
	reg := sh.checker(cfg).registry
	if len(args) == 0 {
		return sh.nodeList(reg.Describe())
	}
	t, ok := reg.Lookup(args[0])
	if !ok {
		return unknownType(reg, args[0])
	}
	return sh.nodePage(t.Describe())
}

func unknownType(reg *node.Registry, name string) error {
	err := flow.NotFound("node type", flow.Cut(name, 80))
	if hint := plan.DidYouMean(name, reg.Names()); hint != "" {
		err.Message += "; " + hint
	}
	return err
}

func (sh *shell) nodeList(all []node.Description) error {
	t := newTable("TYPE", "PARAMETERS", "SUMMARY")
	for _, d := range all {
		t.add(d.Name, strconv.Itoa(len(d.Fields)), d.Summary)
	}
	return printPage(sh, flow.Page[node.Description]{Items: all}, t, "no node types")
}

func (sh *shell) nodePage(d node.Description) error {
	page, err := definition.ReferenceOf(d)
	if err != nil {
		return err
	}
	return sh.print(d, func() { fmt.Fprint(sh.stdout, strings.TrimPrefix(page, "## ")) })
}
