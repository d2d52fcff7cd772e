package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
	"prana/handlers/api/explain"
	"prana/handlers/api/wire"
)

func (sh *shell) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain ID|CODE",
		Short: "Say why an execution is where it is, what would move it, and who can; or what a code means",
		Long: "Say in a sentence why an execution is where it is, since and until when, what would move it, and who can, and give the\n" +
			"commands that make sense now. Of a step that is to be run it says which worker runs it, or what is the matter with its queue.\n" +
			"With -o json, the same in its parts.\n\n" +
			"Of a CODE, such as egress_denied, it says what that means and how to mend it, which needs no server: codes of the errors of\n" +
			"nodes and executions, of diagnostics, and of the problems that the API answers with.",
		Args: takes(1, 1),
		RunE: verb(func(ctx context.Context, args []string) error {
			if isCode(args[0]) {
				return sh.explainCode(args[0])
			}
			return sh.asking(sh.explainExecution)(ctx, args)
		}),
	}
}

func (sh *shell) explainExecution(ctx context.Context, c *client.Client, args []string) error {
	v, err := c.Show(ctx, args[0])
	if err != nil {
		return err
	}
	e := sh.explained(explain.Among(v, sh.serving(ctx, c, v), time.Now()))
	return sh.print(e, func() {
		fmt.Fprintln(sh.stdout, e.Sentence)
		sh.printNext(e.Next)
	})
}

// serving finds out who runs the steps of an execution that are to be run. Where that cannot be told, the rest still can.
func (sh *shell) serving(ctx context.Context, c *client.Client, v *flow.View) explain.Serving {
	var s explain.Serving
	names := queuesOf(v)
	if len(names) == 0 {
		return s
	}
	whole := wire.PageFilter{Limit: longestPage}
	workers, err := c.Workers(ctx, whole)
	s.Workers = workers.Items
	for _, name := range names {
		var page flow.Page[wire.Queue]
		if err == nil {
			page, err = c.Queues(ctx, wire.QueueFilter{PageFilter: whole, Name: name})
		}
		s.Queues = append(s.Queues, ofPartition(page.Items, v.ID)...)
	}
	if err != nil {
		sh.note("who serves the queues could not be found out: %v", err)
	}
	return s
}

// queuesOf names the queues of the steps that are to be run.
func queuesOf(v *flow.View) []string {
	var names []string
	for _, n := range v.Nodes {
		name := cmp.Or(n.Queue, flow.DefaultQueue)
		if n.Status == flow.StepPending && !v.Status.Terminal() && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func ofPartition(all []wire.Queue, execution string) []wire.Queue {
	p, _ := flow.PartitionOf(execution)
	return slices.DeleteFunc(all, func(q wire.Queue) bool { return q.Partition == nil || *q.Partition != p })
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
