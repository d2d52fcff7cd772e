package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
)

func isBroken(s flow.Status) bool { return s == flow.Failed || s == flow.Quarantined }

func (sh *shell) retryCommand() *cobra.Command {
	var (
		key string
		f   runFlags
		s   = selection{verb: "retry", can: isBroken}
	)
	cmd := &cobra.Command{
		Use:   "retry [ID...]",
		Short: "Run again what failed in executions",
		Long: "Let executions live again that failed or are in quarantine. The step that failed runs again, and what was withdrawn\n" +
			"because of it; whatever completed stays. `prana rerun` starts new executions instead.\n\n" +
			"Name executions, or choose them with the filters of `prana list`, or with --all. What filters choose is counted\n" +
			"first, and only done once you agree, or with --yes.",
		Example: "  prana retry @last --follow\n  prana retry --workflow order --status failed --since 1h",
		Args:    takes(0, many),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
			if err := f.forOne(args, key); err != nil {
				return err
			}
			ids, err := s.choose(ctx, sh, c, args)
			if err != nil {
				return err
			}
			return sh.retry(ctx, c, &s, ids, key, f)
		})),
	}
	cmd.Flags().StringVar(&key, "id", "", "a name for this retry, which then counts once")
	f.waiting(cmd)
	s.flags(cmd)
	return cmd
}

// waiting adds the flags of verbs that may wait for the end.
func (f *runFlags) waiting(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.wait, "wait", false, "wait for the end")
	cmd.Flags().BoolVarP(&f.follow, "follow", "f", false, "show what happens, and wait for the end")
	asciiFlag(cmd, &f.ascii)
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0*time.Second, "with --wait: how long, such as 30s; the execution goes on after it (default: no end)")
}

// check refuses a bound of a wait that there is not.
func (f *runFlags) check() error {
	switch {
	case f.timeout < 0:
		return usagef("--timeout is %s; without it a wait has no end", f.timeout)
	case f.timeout > 0 && !f.wait && !f.follow && !f.embedded:
		return usagef("--timeout bounds a wait; add --wait")
	}
	return nil
}

// forOne refuses for many what is only for one execution: waiting, and a name.
func (f *runFlags) forOne(ids []string, key string) error {
	switch err := f.check(); {
	case err != nil || len(ids) == 1:
		return err
	case f.wait || f.follow:
		return usagef("--wait and --follow are for one execution, named by its id")
	case key != "":
		return usagef("--id names what is done to one execution, named by its id")
	}
	return nil
}

func (sh *shell) retry(ctx context.Context, c *client.Client, s *selection, ids []string, key string, f runFlags) error {
	act := func(ctx context.Context, id string) (flow.RetryResult, error) {
		return c.Retry(ctx, flow.RetryRequest{Execution: id, ID: key})
	}
	if f.wait || f.follow {
		res, err := act(ctx, ids[0])
		if err != nil {
			return err
		}
		return sh.await(ctx, distant{c, sh}, flow.StartResult{ExecutionID: res.ExecutionID}, f)
	}
	return doAll(ctx, sh, s, ids, act, func(r flow.RetryResult) string {
		return fmt.Sprintf("retried %s: it is %s, generation %d", r.ExecutionID, r.Status, r.Generation)
	})
}
