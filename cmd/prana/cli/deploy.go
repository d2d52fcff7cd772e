package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/engine/plan"
	"prana/handlers/api/client"
	"prana/handlers/api/wire"
)

func (sh *shell) deployCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "deploy FILE|DIR...",
		Short: "Publish definitions",
		Long: "Publish definitions: of a directory, every .yaml, .yml and .json file that has nodes. What was published\n" +
			"before with the same content stays as it is. Files with errors are told and the others published.",
		Args: takes(1, many),
		RunE: verb(sh.asking(sh.deploy)),
	}
}

// deployed is the server's answer, and the file.
type deployed struct {
	File string `json:"file"`
	wire.Deployed
}

func (sh *shell) deploy(ctx context.Context, c *client.Client, args []string) error {
	sources, err := sh.readAll(args)
	if err != nil {
		return err
	}
	if len(sources) == 0 {
		return invalidf("there is no definition to publish")
	}
	var page flow.Page[deployed]
	invalid := 0
	for _, s := range sources {
		d, err := c.Deploy(ctx, s.file, s.text)
		if err != nil && !errors.Is(err, flow.ErrInvalid) {
			return err
		}
		if err != nil {
			sh.report(fmt.Errorf("%s: %w", s.file, err))
			invalid++
			continue
		}
		sh.warnings(d.Diagnostics)
		sh.webhook(c, s)
		page.Items = append(page.Items, deployed{s.file, d})
	}
	return sh.printDeployed(page, invalid)
}

func (sh *shell) warnings(list []json.RawMessage) {
	for _, raw := range list {
		var d plan.Diagnostic
		if json.Unmarshal(raw, &d) == nil {
			sh.note("%s", d)
		}
	}
}

func (sh *shell) printDeployed(page flow.Page[deployed], invalid int) error {
	t := newTable("FILE", "WORKFLOW", "VERSION", "RESULT")
	for _, d := range page.Items {
		result := "unchanged"
		if d.Created {
			result = "published"
		}
		t.add(d.File, d.ID, d.Version, result)
	}
	if err := printPage(sh, page, t, "nothing was published"); err != nil {
		return err
	}
	if invalid > 0 {
		return invalidf("%d of %d files were refused", invalid, invalid+len(page.Items))
	}
	return nil
}
