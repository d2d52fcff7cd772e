package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"prana/cmd/prana/cli/live"
	"prana/engine/flow"
	"prana/handlers/api/client"
	"prana/handlers/api/explain"
	"prana/handlers/api/wire"
)

func (sh *shell) historyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "history ID",
		Short: "Tell what happened in an execution, in the order of time",
		Long:  "Tell what happened in an execution, in the order of time. With -o jsonl, a line for each run of a node with input, output, error, attempts and times.",
		Args:  takes(1, 1),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
			v, err := c.Show(ctx, args[0])
			if err != nil {
				return err
			}
			return sh.history(v)
		})),
	}
}

func (sh *shell) history(v *flow.View) error {
	if sh.output == formatLines {
		return printLines(sh, v.Nodes)
	}
	return sh.print(wire.History{ExecutionID: v.ID, Status: v.Status, Items: v.Nodes}, func() {
		t := newTable("TIME", "AFTER", "NODE", "WHAT")
		for _, h := range happened(v) {
			t.add(moment(&h.At), explain.Span(h.At.Sub(v.CreatedAt)), h.Node, h.Text)
		}
		sh.printTable(t)
	})
}

// happened tells all that is known to have happened. What is noted at the same time stays in the order of the nodes.
func happened(v *flow.View) []live.Line {
	all := []live.Line{{At: v.CreatedAt, Text: fmt.Sprintf("started %s %s", v.Workflow, v.Version)}}
	for _, n := range v.Nodes {
		all = append(all, nodeHistory(v, n)...)
	}
	slices.SortStableFunc(all, func(a, b live.Line) int { return a.At.Compare(b.At) })
	if v.EndedAt != nil {
		all = append(all, live.Line{At: *v.EndedAt, Text: live.Ending(v)})
	}
	return all
}

// nodeHistory tells of one run of a node. Of a run that was kept from another execution nothing happened here.
func nodeHistory(v *flow.View, n flow.NodeRun) []live.Line {
	var all []live.Line
	name := runOf(n)
	add := func(at *time.Time, format string, args ...any) {
		if at != nil {
			all = append(all, live.Line{At: *at, Node: name, Text: fmt.Sprintf(format, args...)})
		}
	}
	if n.Kept {
		add(&n.CreatedAt, "kept from the execution before")
		return all
	}
	for _, a := range n.Attempts {
		add(a.StartedAt, "started%s", again(a.Number))
		add(&a.EndedAt, "attempt %d failed%s", a.Number+1, because(a.Error))
	}
	add(n.StartedAt, "started%s", again(n.Attempt))
	for _, s := range v.Suspensions {
		if s.Node == n.Node && s.RunIndex == n.RunIndex {
			add(&s.SuspendedAt, "%s", waits(s))
		}
	}
	add(n.ResumedAt, "%s", resumption(n))
	if n.Deaths > 0 { // when, nobody notes: it is told of the time since which the step was to be run
		since := explain.ReadySince(n)
		add(&since, "%d of its workers died running it, from here on", n.Deaths)
	}
	add(n.EndedAt, "%s", live.Outcome(n))
	return all
}

// runOf tells later runs of a node from the first.
func runOf(n flow.NodeRun) string {
	if n.RunIndex == 0 {
		return n.Node
	}
	return fmt.Sprintf("%s #%d", n.Node, n.RunIndex+1)
}

// waits says what a suspension waits for.
func waits(s flow.Suspension) string { return explain.Waiting(s, s.SuspendedAt) }

func again(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", attempt %d", n+1)
}

func because(p *flow.Problem) string {
	if p == nil {
		return ""
	}
	return ": " + p.Error()
}

// resumption says what ended the wait of a node, and who.
func resumption(n flow.NodeRun) string {
	text := "resumed by " + n.ResumedBy
	if n.Actor != "" {
		text += " (" + n.Actor + ")"
	}
	return text
}
