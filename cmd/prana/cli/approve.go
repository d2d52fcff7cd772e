package cli

import (
	"context"
	"fmt"
	"os/user"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
	"prana/handlers/api/wire"
)

// verdict is `prana approve` or `prana reject`.
type verdict struct {
	name, done string
	send       func(c *client.Client, ctx context.Context, id string, d wire.Decide) (flow.ResumeResult, error)
}

func (sh *shell) approveCommand() *cobra.Command {
	return sh.decideCommand(verdict{"approve", "approved", (*client.Client).Approve},
		"Approve what waits for a decision",
		"Approve, with what the form asks for. In a terminal, fields that must be filled in and were not given are asked for.")
}

func (sh *shell) rejectCommand() *cobra.Command {
	return sh.decideCommand(verdict{"reject", "rejected", (*client.Client).Reject},
		"Reject what waits for a decision", "Reject. No form needs to be filled in for that.")
}

func (sh *shell) decideCommand(v verdict, short, long string) *cobra.Command {
	var (
		in input
		d  wire.Decide
	)
	cmd := &cobra.Command{
		Use: v.name + " ID", Short: short, Long: long + "\nThe approval is the only one that waits in the execution, or that of --node.",
		Args: takes(1, 1),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
			if err := sh.fillIn(ctx, c, v, args[0], &in, &d); err != nil {
				return err
			}
			res, err := v.send(c, ctx, args[0], d)
			if err != nil {
				return err
			}
			done := wire.Resumed{ExecutionID: args[0], SuspensionID: res.Suspension, Node: res.Node}
			return sh.print(done, func() { fmt.Fprintf(sh.stdout, "%s %s at node %s\n", v.done, done.ExecutionID, done.Node) })
		})),
	}
	in.name = "form-json"
	flags := cmd.Flags()
	flags.StringArrayVar(&in.pieces, "set", nil, "one field of the form: name=value, or name:=JSON")
	flags.StringVar(&in.whole, in.name, "", "the form as JSON; - reads stdin")
	flags.StringVar(&d.Node, "node", "", "the approval, when several wait")
	flags.StringVar(&d.Comment, "comment", "", "what you want to say")
	flags.StringVar(&d.By, "by", userName(), "who decides")
	flags.StringVar(&d.ID, "id", "", "a name for this decision, which then counts once")
	return cmd
}

// userName is how the operating system calls who runs this; empty when it does not know.
func userName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// fillIn makes the form of what was given, by the form that the approval asks for.
func (sh *shell) fillIn(ctx context.Context, c *client.Client, v verdict, id string, in *input, d *wire.Decide) error {
	given := len(in.pieces) > 0 || in.whole != ""
	if v.name == "reject" && !given {
		return nil
	}
	form, err := formOf(ctx, c, id, d.Node)
	if err != nil {
		return err
	}
	raw, err := in.read(sh.stdin)
	if err != nil {
		return err
	}
	filled := map[string]any{}
	if raw != nil {
		whole, err := flow.Decode(raw)
		m, ok := whole.(map[string]any)
		if err != nil || !ok {
			return invalidf("the form is no JSON object")
		}
		filled = m
	}
	form.cast(filled, in.pieces)
	if missing := form.missing(filled); len(missing) > 0 && v.name == "approve" {
		if !isTerminal(sh.stdin) || !isTerminal(sh.stdout) {
			return invalidf("the form needs %s; give each with --set name=value", strings.Join(missing, ", "))
		}
		if err := form.ask(sh.stdin, sh.stderr, filled, missing); err != nil {
			return err
		}
	}
	if len(filled) > 0 {
		d.Form, err = flow.Encode(filled)
	}
	return err
}

// formOf finds the form of the approval that is meant; nil when there is none. When it is not clear which is meant, the
// server says so.
func formOf(ctx context.Context, c *client.Client, id, node string) (form, error) {
	page, err := c.Suspensions(ctx, flow.SuspensionFilter{Type: flow.Approval, Execution: id})
	if err != nil {
		return nil, err
	}
	meant := slices.DeleteFunc(page.Items, func(s flow.Suspension) bool { return node != "" && s.Node != node })
	if len(meant) != 1 {
		return nil, nil
	}
	data, err := flow.Decode(meant[0].Data)
	if err != nil {
		return nil, err
	}
	asks, _ := data.(map[string]any)
	f, _ := asks["form"].(map[string]any)
	return f, nil
}
