package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
	"prana/handlers/api/wire"
)

func (sh *shell) deadCommand() *cobra.Command {
	var f wire.PageFilter
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "List the tasks of other services that were given up",
		Long: "List what other services put into the intake queue and what was refused, or failed as often as they allowed; newest first.\n" +
			"Nothing runs these tasks by itself: mend what they failed of, then run them again, or delete them.",
		Args: takes(0, 0),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, _ []string) error {
			return sh.dead(ctx, c, f)
		})),
	}
	pageFlags(cmd, &f.Limit, &f.Cursor)
	cmd.AddCommand(
		sh.deadShowCommand(),
		sh.deadEndCommand(ending{"run", "run again", (*client.Client).RunDead}, "Run dead tasks again, as they are"),
		sh.deadEndCommand(ending{"delete", "deleted", (*client.Client).DeleteDead}, "Delete dead tasks for good"),
	)
	return cmd
}

func (sh *shell) dead(ctx context.Context, c *client.Client, f wire.PageFilter) error {
	page, err := c.Dead(ctx, f)
	if err != nil {
		return err
	}
	t := newTable("TASK", "TYPE", "GIVEN UP", "RETRIED", "REASON")
	for _, d := range page.Items {
		t.add(d.ID, d.Type, moment(&d.GivenUpAt), strconv.Itoa(d.Retried), d.Reason)
	}
	return printPage(sh, page, t, "no dead tasks")
}

func (sh *shell) deadShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show TASK",
		Short: "Show a dead task with its payload",
		Args:  takes(1, 1),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
			d, err := c.DeadTask(ctx, args[0])
			if err != nil {
				return err
			}
			return sh.print(d, func() { sh.printDead(d) })
		})),
	}
}

func (sh *shell) printDead(d wire.DeadTask) {
	payload := d.Payload
	if d.Truncated {
		payload += fmt.Sprintf(" (%d bytes)", d.Size)
	}
	t := newTable()
	for _, row := range [][]string{
		{"task", d.ID},
		{"type", d.Type},
		{"given up", moment(&d.GivenUpAt)},
		{"retried", fmt.Sprintf("%d of %d", d.Retried, d.MaxRetry)},
		{"reason", d.Reason},
		{"payload", payload},
	} {
		t.add(row...)
	}
	sh.printTable(t)
}

// ending is what makes a dead task one no more.
type ending struct {
	name, done string
	do         func(c *client.Client, ctx context.Context, id string) error
}

func (sh *shell) deadEndCommand(e ending, short string) *cobra.Command {
	var all, yes bool
	cmd := &cobra.Command{
		Use:   e.name + " [TASK...]",
		Short: short,
		Long: short + ": those that are named, or with --all those that there are now, which are counted first, and asked about.\n" +
			"One that somebody else was faster with is told, and the rest goes on.",
		Args: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return fmt.Errorf("either tasks or --all; it is used like this: %s", cmd.UseLine())
			}
			return nil
		},
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, ids []string) error {
			if all {
				var err error
				if ids, err = sh.allDead(ctx, c, e, yes); err != nil {
					return err
				}
			}
			return sh.endDead(ctx, c, e, ids)
		})),
	}
	cmd.Flags().BoolVar(&all, "all", false, "all that there are now")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "with --all: do not ask")
	return cmd
}

// allDead lists the ids of all dead tasks, if that is what is wanted.
func (sh *shell) allDead(ctx context.Context, c *client.Client, e ending, yes bool) ([]string, error) {
	tasks, err := c.AllDead(ctx)
	if err != nil || len(tasks) == 0 {
		return nil, err
	}
	if err := sh.confirm(ctx, fmt.Sprintf("%s %d dead tasks", e.name, len(tasks)), "", yes); err != nil {
		return nil, err
	}
	ids := make([]string, len(tasks))
	for i, t := range tasks {
		ids[i] = t.ID
	}
	return ids, nil
}

// endDead ends tasks one by one. One that is not there any more keeps nobody from the rest.
func (sh *shell) endDead(ctx context.Context, c *client.Client, e ending, ids []string) error {
	page := flow.Page[wire.Dead]{}
	var missing error
	for _, id := range ids {
		err := e.do(c, ctx, id)
		if errors.Is(err, flow.ErrNotFound) {
			sh.note("%s: %s", sh.name(), err)
			missing = silent(err)
			continue
		}
		if err != nil {
			return errors.Join(sh.printEnded(page, e), err)
		}
		page.Items = append(page.Items, wire.Dead{ID: id})
	}
	return errors.Join(sh.printEnded(page, e), missing)
}

func (sh *shell) printEnded(page flow.Page[wire.Dead], e ending) error {
	t := newTable()
	for _, d := range page.Items {
		t.add(e.done, d.ID)
	}
	return printPage(sh, page, t, "no task was "+e.done)
}
