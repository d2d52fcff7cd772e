package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"prana/cmd/prana/cli/live"
	"prana/engine/flow"
	"prana/handlers/api/client"
	"prana/handlers/api/explain"
	"prana/handlers/api/wire"
)

// showFlags are those of prana show.
type showFlags struct {
	timeline bool
	node     string
	follow   bool
	ascii    bool
}

func (sh *shell) showCommand() *cobra.Command {
	var f showFlags
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show an execution: what ran, what waits, what came out",
		Long: "Show an execution as a tree of its nodes: how often each ran, its attempts and children, what it waits for and until when,\n" +
			"and the commands that make sense next. A node that is active is run by a worker, or queued for one.\n" +
			"With -o json, everything about it: each run of each node with input, output, error, attempts and times.",
		Example: "  prana show ID --timeline\n  prana show ID --node pay -o json\n  prana show ID --follow",
		Args:    takes(1, 1),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
			return sh.show(ctx, c, args[0], f)
		})),
	}
	cmd.Flags().BoolVar(&f.timeline, "timeline", false, "draw when what ran and waited")
	cmd.Flags().StringVar(&f.node, "node", "", "show the runs of this node whole: input, output, error, attempts, times")
	cmd.Flags().BoolVarP(&f.follow, "follow", "f", false, "show what happens until its end; the exit code tells how it ended")
	asciiFlag(cmd, &f.ascii)
	cmd.MarkFlagsMutuallyExclusive("timeline", "node", "follow")
	return cmd
}

// asciiFlag is that of every verb that draws executions.
func asciiFlag(cmd *cobra.Command, ascii *bool) {
	cmd.Flags().BoolVar(ascii, "ascii", false, "draw with ASCII characters only (NO_UNICODE, TERM=dumb, a locale without UTF-8)")
}

func (sh *shell) show(ctx context.Context, c *client.Client, id string, f showFlags) error {
	if f.follow {
		return sh.await(ctx, distant{c, sh}, flow.StartResult{ExecutionID: id}, runFlags{follow: true, ascii: f.ascii})
	}
	if f.node == "" && sh.output != formatTable {
		return sh.showData(ctx, c, id)
	}
	v, err := c.Show(ctx, id)
	if err != nil {
		return err
	}
	l := sh.look(sh.stdout, f.ascii)
	switch {
	case f.node != "":
		return sh.showNode(v, f.node, l)
	case f.timeline:
		sh.printLines(live.Timeline(v, l))
	default:
		sh.printView(v, l)
	}
	return nil
}

// showData passes on what the server wrote: of ten thousand runs, reading it and writing it anew would take longer than the rest.
func (sh *shell) showData(ctx context.Context, c *client.Client, id string) error {
	raw, err := c.ShowJSON(ctx, id)
	if err != nil {
		return err
	}
	return sh.printData(raw)
}

// showNode shows the runs of a node; as data, in the words of the history that they are a part of.
func (sh *shell) showNode(v *flow.View, node string, l live.Look) error {
	runs := slices.DeleteFunc(slices.Clone(v.Nodes), func(n flow.NodeRun) bool { return n.Node != node })
	if len(runs) == 0 {
		return noRun(v, node)
	}
	return sh.print(wire.History{ExecutionID: v.ID, Status: v.Status, Items: runs}, func() { sh.printLines(live.Runs(v, runs, l)) })
}

// noRun says what did run.
func noRun(v *flow.View, node string) error {
	var keys []string
	for _, n := range v.Nodes {
		if !slices.Contains(keys, n.Node) {
			keys = append(keys, n.Node)
		}
	}
	p := flow.Problemf(flow.ErrNotFound.Code, "node %s did not run in execution %s; those that did: %s", flow.Cut(node, 80), v.ID, strings.Join(keys, ", "))
	return p
}

func (sh *shell) printView(v *flow.View, l live.Look) {
	sh.printLines(live.Tree(v, l))
	fmt.Fprintln(sh.stdout)
	t := newTable()
	head(t, v)
	sh.printTable(t)
	e := sh.explained(explain.Of(v, l.Now))
	fmt.Fprintln(sh.stdout, "\n"+e.Sentence)
	sh.printNext(e.Next)
}

func (sh *shell) printLines(lines []string) {
	for _, line := range lines {
		fmt.Fprintln(sh.stdout, line)
	}
}

// head is what concerns the whole execution; members without a value are left out.
func head(t *table, v *flow.View) {
	add := func(name, value string) {
		if value != "" && value != "null" {
			t.add(name, value)
		}
	}
	add("version", v.Version)
	add("created", moment(&v.CreatedAt))
	add("ended", moment(v.EndedAt))
	add("deadline", moment(v.Deadline))
	add("parent", v.ParentID)
	add("rerun of", v.RerunOf)
	add("began with", v.From)
	add("id", v.StartID)
	add("tags", tags(v.Tags))
	if n := len(v.Inbox); n > 0 {
		add("kept", fmt.Sprintf("%d resumes that came before their wait", n))
	}
	add("input", compact(v.Input))
	add("output", compact(v.Output))
	add("reply", compact(v.Reply))
	if v.Error != nil {
		add("error", v.Error.Error())
	}
}

func tags(all map[string]string) string {
	if len(all) == 0 {
		return ""
	}
	raw, _ := flow.Encode(all)
	return string(raw)
}
