package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"prana/handlers/api/client"
	"prana/handlers/api/explain"
)

func (sh *shell) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain ID",
		Short: "Say why an execution is where it is, what would move it, and who can",
		Long: "Say in a sentence why an execution is where it is, since and until when, what would move it, and who can, and give the\n" +
			"commands that make sense now. With -o json, the same in its parts.",
		Args: takes(1, 1),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
			v, err := c.Show(ctx, args[0])
			if err != nil {
				return err
			}
			e := explain.Of(v, time.Now())
			return sh.print(e, func() {
				fmt.Fprintln(sh.stdout, e.Sentence)
				sh.printNext(e.Next)
			})
		})),
	}
}

// printNext writes commands as they can be copied: whole, with what they are for as a comment of the shell.
func (sh *shell) printNext(next []explain.Command) {
	if len(next) == 0 {
		return
	}
	t := newTable()
	for _, c := range next {
		t.add("  "+sh.toServer(c.Line), "# "+c.Why)
	}
	fmt.Fprintf(sh.stdout, "\nNext:\n%s", t.text())
}

// toServer makes a command speak to the server that this one speaks to.
func (sh *shell) toServer(line string) string {
	if sh.server == "" {
		return line
	}
	return line + " --server " + explain.Quoted(sh.server)
}
