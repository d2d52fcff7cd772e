package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
	"prana/handlers/api/wire"
)

// runFlags are those of prana run.
type runFlags struct {
	in       input
	start    flow.StartRequest
	wait     bool
	follow   bool
	ascii    bool
	embedded bool
	timeout  time.Duration
	given    *given
}

func (sh *shell) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run FILE|WORKFLOW",
		Short: "Start an execution; of a file, after publishing it",
		Long: "Start an execution of a published workflow, or of a file, which is published first.\n\n" +
			"With --wait the exit code tells how it ended. Ctrl-C detaches; the execution goes on.",
		Example: "  prana run order.yaml -i order_id:=42 --wait -o json\n  prana run order -i order_id:=42 --tag customer=ada --at 1h",
		Args:    takes(1, 1),
		RunE:    verb(func(ctx context.Context, args []string) error { return sh.run(ctx, args[0], f) }),
	}
	f.in.flags(cmd, "input-json")
	cmd.Flags().StringVar(&f.start.ID, "id", "", "a name for this start, which then counts once")
	cmd.Flags().StringVar(&f.start.Version, "version", "", "the version of a published workflow (default: the newest)")
	fromNow(cmd, &f.start.StartAt, "at", "when it begins")
	cmd.Flags().Var((*tagsFlag)(&f.start.Tags), "tag", "a tag of the execution: name=value; may be given several times")
	cmd.Flags().StringVar(&f.start.From, "from", "", "the node that begins, with the input as what arrived there (default: the trigger)")
	cmd.Flags().BoolVar(&f.start.Only, "only", false, "run that node, and nothing that follows it")
	f.waiting(cmd)
	cmd.Flags().BoolVar(&f.embedded, "embedded", false, "run it in this process, on a Redis of its own, and wait; needs no server")
	f.given = overrides(cmd)
	return cmd
}

// service is what run needs of a server, far away or in this process.
type service interface {
	publish(ctx context.Context, s source) (id, version string, err error)
	Start(ctx context.Context, r flow.StartRequest) (flow.StartResult, error)
	Show(ctx context.Context, id string) (*flow.View, error)
	// Changes has something whenever the execution may have changed; nil, or closed, when nobody tells.
	Changes(ctx context.Context, id string) <-chan struct{}
	// Await gives a view also when ctx ends first, if it can.
	Await(ctx context.Context, id string) (*flow.View, error)
	// left says what becomes of an execution that nobody here waits for any more.
	left(id string) string
	close(ctx context.Context) error
}

func (sh *shell) run(ctx context.Context, what string, f runFlags) (err error) {
	if err = f.check(); err != nil {
		return err
	}
	if f.start.Input, err = f.in.read(sh.stdin); err != nil {
		return err
	}
	s, err := sh.service(ctx, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	res, err := sh.start(ctx, s, what, f.start)
	if errors.Is(err, client.ErrUnreachable) {
		return fmt.Errorf("%w\n  --embedded runs it in this process, without a server", err)
	}
	if err != nil {
		return err
	}
	if d, ok := s.(distant); ok {
		sh.remember(d.URL(""), res.ExecutionID)
	}
	if f.wait || f.follow || f.embedded {
		return sh.await(ctx, s, res, f)
	}
	return sh.printStarted(ctx, s, res)
}

func (sh *shell) service(ctx context.Context, f runFlags) (service, error) {
	if f.embedded {
		return sh.embed(ctx, f.given)
	}
	if len(f.given.values()) > 0 {
		return nil, usagef("--redis, --data-dir and --log-level are for --embedded; a server has its own")
	}
	c, err := sh.remote()
	if err != nil {
		return nil, err
	}
	return distant{c, sh}, nil
}

// start publishes when a file is meant.
func (sh *shell) start(ctx context.Context, s service, what string, r flow.StartRequest) (flow.StartResult, error) {
	r.Workflow = what
	if isFile(what) {
		if r.Version != "" {
			return flow.StartResult{}, usagef("--version is for published workflows; a file is a version of its own")
		}
		src, err := sh.readSource(what)
		if err != nil {
			return flow.StartResult{}, err
		}
		if r.Workflow, r.Version, err = s.publish(ctx, src); err != nil {
			return flow.StartResult{}, err
		}
	}
	return s.Start(ctx, r)
}

// isFile tells files from ids, which have neither dots nor slashes.
func isFile(what string) bool { return !flow.ValidWorkflowID(what) }

func (sh *shell) printStarted(ctx context.Context, s service, res flow.StartResult) error {
	r := wire.Result{ExecutionID: res.ExecutionID, Workflow: res.Workflow, Version: res.Version, Status: flow.Running, Output: wire.OrNull(nil)}
	if v, err := s.Show(ctx, res.ExecutionID); err == nil { // it is started: that is told in any case
		r = wire.ResultOf(v)
	}
	return sh.printResult(r)
}

func (sh *shell) printResult(r wire.Result) error {
	return sh.print(r, func() {
		t := newTable()
		t.add("execution", r.ExecutionID)
		t.add("workflow", r.Workflow+" "+r.Version)
		t.add("status", string(r.Status))
		if r.Status == flow.Completed {
			t.add("output", compact(r.Output))
		}
		if r.Error != nil {
			t.add("error", r.Error.Error())
		}
		sh.printTable(t)
	})
}

// outcome is the exit that a status stands for.
func outcome(s flow.Status) error {
	switch s {
	case flow.Completed:
		return nil
	case flow.Failed, flow.TimedOut, flow.Quarantined:
		// One in quarantine has not ended, but it failed at what was asked of it: no waiting brings it on, as exit 8 would say.
		return silent(errFailed)
	case flow.Cancelled:
		return silent(errCancelled)
	}
	return errElapsed
}
