package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
)

func isOver(s flow.Status) bool { return s.Terminal() || s == flow.Quarantined }

func (sh *shell) rerunCommand() *cobra.Command {
	var (
		r    flow.RerunRequest
		in   input
		f    runFlags
		plan bool
		s    = selection{verb: "rerun", can: isOver}
	)
	cmd := &cobra.Command{
		Use:   "rerun [ID...]",
		Short: "Start executions that run others again",
		Long: "Start a new execution that runs another one again: from the beginning, or from a node, with the recorded input or another.\n" +
			"What cannot be reached from that node keeps its recorded results. --plan shows what is kept and what runs again.\n\n" +
			"Name executions, or choose those that have ended with the filters of `prana list`, or with --all. What filters choose\n" +
			"is counted first, and only done once you agree, or with --yes.",
		Example: "  prana rerun @last --from pay --plan\n  prana rerun @last --from pay -i amount:=7 --wait\n  prana rerun --workflow order --status failed --since 1h --version latest",
		Args:    takes(0, many),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) (err error) {
			if r.Input, err = in.read(sh.stdin); err != nil {
				return err
			}
			if err := f.forOne(args, r.ID); err != nil {
				return err
			}
			if plan && len(args) != 1 {
				return usagef("--plan is for one execution, named by its id")
			}
			ids, err := s.choose(ctx, sh, c, args)
			switch {
			case err != nil:
				return err
			case len(ids) != 1 || s.isSet():
				return sh.rerunAll(ctx, c, &s, ids, r)
			}
			r.Execution = ids[0]
			if plan {
				return sh.planRerun(ctx, c, r)
			}
			return sh.rerun(ctx, c, r, f)
		})),
	}
	in.flags(cmd, "input-json")
	cmd.Flags().StringVar(&r.From, "from", "", "the node that runs again, with all that follows it (default: from the beginning)")
	cmd.Flags().StringVar(&r.Version, "version", "", "the version of the workflow; latest is the newest (default: the one that it had)")
	cmd.Flags().StringVar(&r.ID, "id", "", "a name for this rerun, which then counts once")
	cmd.Flags().BoolVar(&plan, "plan", false, "show what would be kept and what would run again, and start nothing")
	f.waiting(cmd)
	s.flags(cmd)
	return cmd
}

func (sh *shell) planRerun(ctx context.Context, c *client.Client, r flow.RerunRequest) error {
	p, err := c.PlanRerun(ctx, r)
	if err != nil {
		return err
	}
	return sh.print(p, func() { sh.printPlan(p) })
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

func (sh *shell) rerun(ctx context.Context, c *client.Client, r flow.RerunRequest, f runFlags) error {
	res, err := c.Rerun(ctx, r)
	if err != nil {
		return err
	}
	sh.remember(c.URL(""), res.ExecutionID)
	if f.wait || f.follow {
		return sh.await(ctx, distant{c, sh}, res.StartResult, f)
	}
	return sh.print(res, func() {
		t := newTable()
		t.add("execution", res.ExecutionID)
		t.add("workflow", res.Workflow+" "+res.Version)
		t.add("rerun of", res.RerunOf)
		sh.printTable(t)
	})
}

func (sh *shell) rerunAll(ctx context.Context, c *client.Client, s *selection, ids []string, r flow.RerunRequest) error {
	act := func(ctx context.Context, id string) (flow.RerunResult, error) {
		again := r
		again.Execution = id
		return c.Rerun(ctx, again)
	}
	return doAll(ctx, sh, s, ids, act, func(r flow.RerunResult) string {
		return fmt.Sprintf("%s runs %s again", r.ExecutionID, r.RerunOf)
	})
}
