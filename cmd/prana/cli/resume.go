package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
	"prana/handlers/api/wire"
)

func (sh *shell) resumeCommand() *cobra.Command {
	var (
		in input
		r  flow.ResumeRequest
	)
	cmd := &cobra.Command{
		Use:   "resume ID|SUSPENSION",
		Short: "End a wait by hand",
		Long: "End a wait by hand, with data that becomes the output of the node. Given an execution, it is the only wait of it,\n" +
			"or that of --node; `prana suspended` lists the names of waits. What comes before its wait is kept, and ends the wait as soon as it begins.",
		Args: takes(1, 1),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
			data, err := in.read(sh.stdin)
			if err != nil {
				return err
			}
			r.Data = data
			return sh.resume(ctx, c, args[0], r)
		})),
	}
	in.flags(cmd, "data")
	cmd.Flags().StringVar(&r.Node, "node", "", "the node that waits, when there are several")
	cmd.Flags().BoolVar(&r.Early, "early", false, "keep it for the next wait if nothing waits now, also after other waits ended")
	cmd.Flags().StringVar(&r.By, "by", "", "who resumes")
	cmd.Flags().StringVar(&r.ID, "id", "", "a name for this resume, which then counts once")
	return cmd
}

func (sh *shell) resume(ctx context.Context, c *client.Client, id string, r flow.ResumeRequest) error {
	var (
		res flow.ResumeResult
		err error
	)
	if s, parseErr := flow.ParseSuspensionID(id); parseErr == nil {
		if r.Node != "" {
			return usagef("the suspension says which node; leave --node out")
		}
		r.Execution, r.Suspension = s.Execution, &s
	} else {
		r.Execution = id
	}
	if res, err = c.Resume(ctx, r); err != nil {
		return err
	}
	done := wire.Resumed{ExecutionID: r.Execution, SuspensionID: res.Suspension, Node: res.Node, Buffered: res.Buffered}
	return sh.print(done, func() {
		if done.Buffered {
			fmt.Fprintf(sh.stdout, "kept for %s: nothing waits for it yet\n", done.ExecutionID)
			return
		}
		fmt.Fprintf(sh.stdout, "resumed %s at node %s\n", done.ExecutionID, done.Node)
	})
}
