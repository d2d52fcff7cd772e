package cli

import (
	"context"

	"github.com/spf13/cobra"

	"prana/engine/definition"
	"prana/engine/flow"
)

func (sh *shell) schemaCommand() *cobra.Command {
	var tests bool
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of definitions, or of test files; needs no server",
		Long: "Print the JSON Schema (2020-12) of definitions, with the parameters of the node types of this binary.\n" +
			"Editors complete and check with it: write it to prana.schema.json, and begin a definition with\n\n" +
			"  # yaml-language-server: $schema=prana.schema.json\n\n" +
			"With --tests, that of the files which `prana test` runs.",
		Example: "  prana schema > prana.schema.json\n  prana schema --tests > tests.schema.json",
		Args:    takes(0, 0),
		RunE:    verb(func(context.Context, []string) error { return sh.schema(tests) }),
	}
	cmd.Flags().BoolVar(&tests, "tests", false, "print the schema of test files instead")
	return cmd
}

func (sh *shell) schema(tests bool) error {
	cfg, err := sh.loadAsUser()
	if err != nil {
		return err
	}
	schema := definition.TestSchema()
	if !tests {
		schema = definition.Schema(sh.checker(cfg).registry)
	}
	if sh.output != formatTable {
		return sh.print(schema, nil)
	}
	raw, err := flow.Encode(schema)
	if err != nil {
		return err
	}
	return sh.printJSON(raw, true)
}
