package cli

import (
	"context"

	"github.com/spf13/cobra"

	"prana/engine/definition"
	"prana/engine/flow"
)

func (sh *shell) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of definitions; needs no server",
		Long: "Print the JSON Schema (2020-12) of definitions, with the parameters of the node types of this binary.\n" +
			"Editors complete and check with it: write it to prana.schema.json, and begin a definition with\n\n" +
			"  # yaml-language-server: $schema=prana.schema.json",
		Args: takes(0, 0),
		RunE: verb(sh.schema),
	}
}

func (sh *shell) schema(context.Context, []string) error {
	cfg, err := sh.loadAsUser()
	if err != nil {
		return err
	}
	schema := definition.Schema(sh.checker(cfg).registry)
	if sh.output != formatTable {
		return sh.print(schema, nil)
	}
	raw, err := flow.Encode(schema)
	if err != nil {
		return err
	}
	return sh.printJSON(raw, true)
}
