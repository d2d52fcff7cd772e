package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hibiken/asynq"

	"prana/engine/flow"
	"prana/handlers/api/wire"
	"prana/suspend"
	"prana/tasks"
)

// backlog is what is in a queue, and who knows of it.
type backlog struct {
	wire.Queue
	known, served bool // served: or too young to tell
}

func (b backlog) oldest() time.Duration { return time.Duration(b.LatencyMS) * time.Millisecond }

// queues looks at the intake, the queue of each partition, and the named queues in which something waits.
func (d *doctor) queues(ctx context.Context) error {
	q := queues{d.client, d.store}
	all, err := q.all(ctx)
	if err != nil {
		return err
	}
	if err := q.look(ctx, all); err != nil {
		return err
	}
	workers, err := q.workers()
	if err != nil {
		return err
	}
	serve(all, workers)
	known, err := d.client.SMembersMap(ctx, "asynq:queues").Result()
	if err != nil {
		return err
	}
	for _, one := range all {
		_, isKnown := known[one.Queue]
		b := backlog{Queue: one, known: isKnown || isNamed(one.Queue)} // processes name these to asynq's tools twice a minute
		b.served = one.Workers > 0 || b.oldest() < noticed
		if !isNamed(one.Queue) || b.Pending > 0 || b.Paused {
			d.judgeQueue(b)
		}
	}
	return nil
}

// noticed is how long it may take until a worker serves a new queue, and until it has said so.
const noticed = 10 * time.Second

func (d *doctor) judgeQueue(b backlog) {
	message := fmt.Sprintf("%s: %d tasks wait", b.Queue.Queue, b.Pending)
	if b.Pending > 0 {
		message += fmt.Sprintf(", the oldest for %s", b.oldest().Round(time.Second))
	}
	if b.Pending > 0 && !b.served {
		message += "; no worker serves it"
	}
	switch {
	case b.Paused:
		d.tell("queue", Warning, message+"; it is paused", "somebody paused it in asynqmon or with asynq's CLI; unpause it there")
	case !b.known && b.Pending > 0:
		d.tell("queue", Warning, message+"; asynq's tools do not know it", "start a worker, which makes it known")
	case b.Pending > 0 && !b.served:
		d.tell("queue", Warning, message, "start a worker that serves it: one without worker.queues serves all")
	case b.oldest() > backlogDelay, b.Pending > backlogSize:
		d.tell("queue", Warning, message, "start workers, or more of them")
	default:
		d.tell("queue", Passed, message, "")
	}
}

// intake lists tasks of other services that were given up: asynq never runs them again by itself.
func (d *doctor) intake(context.Context) error {
	inspector := asynq.NewInspectorFromRedisClient(d.client)
	archived, err := inspector.ListArchivedTasks(tasks.IntakeQueue, asynq.PageSize(findingsAtMost))
	if errors.Is(err, asynq.ErrQueueNotFound) || err == nil && len(archived) == 0 {
		d.tell("intake", Passed, "no task of another service was given up", "")
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing archived tasks of queue %s: %w", tasks.IntakeQueue, err)
	}
	for _, t := range archived {
		d.tell("intake", Warning, fmt.Sprintf("task %s (%s) was given up: %s", t.ID, t.Type, flow.Cut(t.LastErr, 300)),
			"prana dead show "+t.ID+" tells more; mend the cause, then run it again (prana dead run), or delete it (prana dead delete)")
	}
	return nil
}

// audits holds every partition against the invariants.
func (d *doctor) audits(ctx context.Context) error {
	n, err := d.store.Partitions(ctx)
	if err != nil {
		return err
	}
	o := suspend.AuditOptions{MaxValue: int64(d.o.Config.Limits.Payload) + 64<<10, Limit: findingsAtMost}
	for p := range n {
		found, err := d.store.Audit(ctx, p, o)
		if err != nil {
			return err
		}
		d.tellAudit(tasks.QueueOf(p), found)
	}
	return nil
}

// onlyWarn are the invariants whose breach loses nothing.
var onlyWarn = []string{"asynq", "I13"}

func (d *doctor) tellAudit(partition string, a suspend.Audited) {
	for _, f := range a.Findings {
		status := Failed
		if slices.Contains(onlyWarn, f.Invariant) {
			status = Warning
		}
		d.tell("invariant "+f.Invariant, status, strings.TrimPrefix(f.Execution+": ", ": ")+f.Message, f.Hint)
	}
	message := fmt.Sprintf("%s: %d executions were looked at", partition, a.Executions)
	if a.Moving > 0 {
		message += fmt.Sprintf(" (%d moved all the time)", a.Moving)
	}
	switch {
	case a.More:
		d.tell("audit", Failed, message+fmt.Sprintf("; there are more than %d findings", len(a.Findings)), "mend these, and look again")
	case len(a.Findings) == 0:
		d.tell("audit", Passed, message+"; every invariant holds", "")
	}
}
