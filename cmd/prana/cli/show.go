package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"prana/cmd/prana/cli/live"
	"prana/engine/flow"
	"prana/handlers/api/client"
)

func (sh *shell) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show an execution: what ran, what waits, what came out",
		Long:  "Show an execution. With -o json, everything about it: each run of each node with input, output, error, attempts and times.",
		Args:  takes(1, 1),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
			v, err := c.Show(ctx, args[0])
			if err != nil {
				return err
			}
			return sh.print(v, func() { sh.printView(v) })
		})),
	}
}

func (sh *shell) printView(v *flow.View) {
	t := newTable()
	head(t, v)
	sh.printTable(t)
	if len(v.Nodes) == 0 {
		return
	}
	fmt.Fprintln(sh.stdout)
	sh.printTable(tree(v))
}

// head is what concerns the whole execution; members without a value are left out.
func head(t *table, v *flow.View) {
	add := func(name, value string) {
		if value != "" && value != "null" {
			t.add(name, value)
		}
	}
	add("execution", v.ID)
	add("workflow", v.Workflow+" "+v.Version)
	add("status", string(v.Status))
	add("created", moment(&v.CreatedAt))
	add("ended", moment(v.EndedAt))
	add("took", took(&v.CreatedAt, v.EndedAt))
	add("deadline", moment(v.Deadline))
	add("parent", v.ParentID)
	add("rerun of", v.RerunOf)
	add("began with", v.From)
	add("id", v.StartID)
	add("input", compact(v.Input))
	add("output", compact(v.Output))
	add("reply", compact(v.Reply))
	if v.Error != nil {
		add("error", v.Error.Error())
	}
}

// tree has a row for each run of a node, and below it its failed attempts, its children and what it waits for.
func tree(v *flow.View) *table {
	t := newTable("NODE", "STATUS", "ATTEMPT", "PORT", "STARTED", "TOOK", "WHAT")
	for i, n := range v.Nodes {
		last := i == len(v.Nodes)-1
		problem := ""
		if n.Error != nil {
			problem = n.Error.Message
		} else if n.Actor != "" {
			problem = n.ResumedBy + " by " + n.Actor + ", " + moment(n.ResumedAt)
		}
		status := string(n.Status)
		if n.Kept {
			status += " (kept)"
		}
		t.add(branch(last)+runName(n), status, attempt(n.Attempt), n.Port, moment(n.StartedAt), took(&n.CreatedAt, n.EndedAt), problem)
		below := leaves(v, n)
		for j, leaf := range below {
			leaf[0] = stem(last) + branch(j == len(below)-1) + leaf[0]
			t.add(leaf...)
		}
	}
	return t
}

func branch(last bool) string {
	if last {
		return "└─ "
	}
	return "├─ "
}

func stem(last bool) string {
	if last {
		return "   "
	}
	return "│  "
}

// runName tells later runs of a node from the first.
func runName(n flow.NodeRun) string {
	if n.RunIndex == 0 {
		return n.Node
	}
	return fmt.Sprintf("%s #%d", n.Node, n.RunIndex+1)
}

// attempt counts from one, as people do.
func attempt(n int) string { return fmt.Sprint(n + 1) }

func leaves(v *flow.View, n flow.NodeRun) [][]string {
	var rows [][]string
	for _, a := range n.Attempts {
		text := ""
		if a.Error != nil {
			text = a.Error.Error()
		}
		rows = append(rows, []string{"attempt", string(flow.StepFailed), attempt(a.Number), "", moment(a.StartedAt), took(a.StartedAt, &a.EndedAt), text})
	}
	for _, id := range n.Children {
		rows = append(rows, []string{"child", "", "", "", "", "", id})
	}
	for _, s := range v.Suspensions {
		if s.Node == n.Node && s.RunIndex == n.RunIndex {
			rows = append(rows, []string{"wait", "", "", "", moment(&s.SuspendedAt), "", live.Waiting(s)})
		}
	}
	return rows
}
