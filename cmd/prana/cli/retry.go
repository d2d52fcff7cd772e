package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"prana/engine/flow"
)

func (sh *shell) retryCommand() *cobra.Command {
	var (
		r flow.RetryRequest
		f runFlags
	)
	cmd := &cobra.Command{
		Use:   "retry ID",
		Short: "Run again what failed in an execution",
		Long: "Let an execution live again that failed or is in quarantine. The step that failed runs again, and what was withdrawn\n" +
			"because of it; whatever completed stays. `prana rerun` starts a new execution instead.",
		Args: takes(1, 1),
		RunE: verb(func(ctx context.Context, args []string) error {
			r.Execution = args[0]
			return sh.retry(ctx, r, f)
		}),
	}
	cmd.Flags().StringVar(&r.ID, "id", "", "a name for this retry, which then counts once")
	f.waiting(cmd)
	return cmd
}

// waiting adds the flags of verbs that may wait for the end.
func (f *runFlags) waiting(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.wait, "wait", false, "wait for the end")
	cmd.Flags().BoolVarP(&f.follow, "follow", "f", false, "show what happens, and wait for the end")
	asciiFlag(cmd, &f.ascii)
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0*time.Second, "with --wait: how long, such as 30s; the execution goes on after it (default: no end)")
}

func (sh *shell) retry(ctx context.Context, r flow.RetryRequest, f runFlags) (err error) {
	c, err := sh.remote()
	if err != nil {
		return err
	}
	s := distant{c, sh}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	res, err := c.Retry(ctx, r)
	if err != nil {
		return err
	}
	if f.wait || f.follow {
		return sh.await(ctx, s, flow.StartResult{ExecutionID: res.ExecutionID}, f)
	}
	return sh.print(res, func() {
		fmt.Fprintf(sh.stdout, "retried %s: it is %s, generation %d\n", res.ExecutionID, res.Status, res.Generation)
	})
}
