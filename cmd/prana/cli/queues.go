package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"prana/engine/flow"
	"prana/handlers/api/client"
	"prana/handlers/api/explain"
	"prana/handlers/api/wire"
)

func (sh *shell) queuesCommand() *cobra.Command {
	var f wire.QueueFilter
	cmd := &cobra.Command{
		Use:   "queues [NAME]",
		Short: "List the queues with what is in them, and who serves them",
		Long: "List the queues: prana, the intake of other services, then those of each partition. NAME shows those of one name in all\n" +
			"partitions. Most steps are taken along by the step before, and stand under ACTIVE at once. OLDEST is how long the task has been\n" +
			"waiting that waits longest among the next 100. `prana queues workers` lists the processes that serve them.",
		Args: takes(0, 1),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, args []string) error {
			f.Name = strings.Join(args, "")
			return sh.queues(ctx, c, f)
		})),
	}
	pageFlags(cmd, &f.Limit, &f.Cursor)
	cmd.AddCommand(sh.workersCommand())
	return cmd
}

func (sh *shell) queues(ctx context.Context, c *client.Client, f wire.QueueFilter) error {
	page, err := c.Queues(ctx, f)
	if err == nil && f.Name != "" && f.Cursor == "" && len(page.Items) == 0 {
		err = flow.NotFound("queue", f.Name)
	}
	if err != nil {
		return err
	}
	t := newTable("QUEUE", "PENDING", "OLDEST", "ACTIVE", "SCHEDULED", "RETRY", "ARCHIVED", "TODAY", "FAILED", "WORKERS", "STATE")
	for _, q := range page.Items {
		t.add(q.Queue, count(q.Pending), oldest(q), count(q.Active), count(q.Scheduled), count(q.Retry), count(q.Archived),
			count(q.ProcessedToday), count(q.FailedToday), strconv.Itoa(q.Workers), stateOf(q))
	}
	return printPage(sh, page, t, "no queues")
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

func oldest(q wire.Queue) string {
	if q.Pending == 0 {
		return ""
	}
	return explain.Span(time.Duration(q.LatencyMS) * time.Millisecond)
}

// stateOf says what somebody should look after.
func stateOf(q wire.Queue) string {
	var parts []string
	if q.Paused {
		parts = append(parts, "is paused")
	}
	if q.Workers == 0 {
		parts = append(parts, "nobody serves it")
	}
	if q.Orphaned > 0 {
		parts = append(parts, count(q.Orphaned)+" of a dead worker")
	}
	return strings.Join(parts, ", ")
}

func (sh *shell) workersCommand() *cobra.Command {
	var f wire.PageFilter
	cmd := &cobra.Command{
		Use:   "workers",
		Short: "List the processes that serve the queues, and what each runs",
		Args:  takes(0, 0),
		RunE: verb(sh.asking(func(ctx context.Context, c *client.Client, _ []string) error {
			return sh.workers(ctx, c, f)
		})),
	}
	pageFlags(cmd, &f.Limit, &f.Cursor)
	return cmd
}

// workers has a row for each worker, and below it one for each task that it runs.
func (sh *shell) workers(ctx context.Context, c *client.Client, f wire.PageFilter) error {
	page, err := c.Workers(ctx, f)
	if err != nil {
		return err
	}
	t := newTable("WORKER", "STATUS", "RUNNING", "QUEUES", "SINCE")
	for _, w := range page.Items {
		t.add(w.ID, w.Status, strconv.Itoa(w.Running)+" of "+strconv.Itoa(w.Concurrency), strings.Join(w.Queues, ","), moment(&w.StartedAt))
		for _, r := range w.Tasks {
			t.add("  "+whatRuns(r), "", "", r.Queue, moment(&r.StartedAt))
		}
		if more := w.Running - len(w.Tasks); more > 0 {
			t.add("  and " + strconv.Itoa(more) + " more")
		}
	}
	return printPage(sh, page, t, "no workers")
}

func whatRuns(r wire.Running) string {
	if r.ExecutionID == "" {
		return r.Type
	}
	return strings.TrimSpace(r.ExecutionID + " " + r.Workflow + " " + r.Node)
}
