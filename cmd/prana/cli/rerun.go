package cli

import (
	"context"
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
)

func (sh *shell) rerunCommand() *cobra.Command {
	var (
		r    flow.RerunRequest
		in   input
		f    runFlags
		plan bool
	)
	cmd := &cobra.Command{
		Use:   "rerun ID",
		Short: "Start an execution that runs another one again",
		Long: "Start a new execution that runs another one again: from the beginning, or from a node, with the recorded input or another.\n" +
			"What cannot be reached from that node keeps its recorded results. --plan shows what is kept and what runs again.",
		Example: "  prana rerun ID --from pay --plan\n  prana rerun ID --from pay -i amount:=7 --wait",
		Args:    takes(1, 1),
		RunE: verb(func(ctx context.Context, args []string) (err error) {
			r.Execution = args[0]
			if r.Input, err = in.read(sh.stdin); err != nil {
				return err
			}
			if plan {
				return sh.planRerun(ctx, r)
			}
			return sh.rerun(ctx, r, f)
		}),
	}
	in.flags(cmd, "input-json")
	cmd.Flags().StringVar(&r.From, "from", "", "the node that runs again, with all that follows it (default: from the beginning)")
	cmd.Flags().StringVar(&r.Version, "version", "", "the version of the workflow; latest is the newest (default: the one that it had)")
	cmd.Flags().StringVar(&r.ID, "id", "", "a name for this rerun, which then counts once")
	cmd.Flags().BoolVar(&plan, "plan", false, "show what would be kept and what would run again, and start nothing")
	f.waiting(cmd)
	return cmd
}

func (sh *shell) planRerun(ctx context.Context, r flow.RerunRequest) error {
	return sh.asking(func(ctx context.Context, c *client.Client, _ []string) error {
		p, err := c.PlanRerun(ctx, r)
		if err != nil {
			return err
		}
		return sh.print(p, func() { sh.printPlan(p) })
	})(ctx, nil)
}

// printPlan has a row for each node: what becomes of it, and how often it ran.
func (sh *shell) printPlan(p flow.RerunPlan) {
	t := newTable("NODE", "TYPE", "PLAN", "RUNS")
	for _, n := range p.Kept {
		t.add(n.Node, n.Type, "kept", strconv.Itoa(n.Runs))
	}
	for _, n := range p.Again {
		what := "runs again"
		if n.Node == p.From {
			raw, _ := flow.Encode(p.Input)
			what += " with " + compact(raw)
		}
		t.add(n.Node, n.Type, what, strconv.Itoa(n.Runs))
	}
	sh.printTable(t)
	for _, w := range p.Warnings {
		sh.note("note: %s", w)
	}
}

func (sh *shell) rerun(ctx context.Context, r flow.RerunRequest, f runFlags) (err error) {
	c, err := sh.remote()
	if err != nil {
		return err
	}
	s := distant{c, sh}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	res, err := c.Rerun(ctx, r)
	if err != nil {
		return err
	}
	if f.wait || f.follow {
		return sh.await(ctx, s, res.StartResult, f)
	}
	return sh.print(res, func() {
		t := newTable()
		t.add("execution", res.ExecutionID)
		t.add("workflow", res.Workflow+" "+res.Version)
		t.add("rerun of", res.RerunOf)
		sh.printTable(t)
	})
}
