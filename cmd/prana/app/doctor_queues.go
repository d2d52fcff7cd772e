package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/suspend"
	"prana/tasks"
)

// backlog is what waits in a queue.
type backlog struct {
	known, paused, served bool // served: or too young to tell
	pending               int64
	oldest                time.Duration // how long the next task has been waiting
}

// queues looks at the intake, the queue of each partition, and the named queues in which something waits.
func (d *doctor) queues(ctx context.Context) error {
	n, err := d.store.Partitions(ctx)
	if err != nil {
		return err
	}
	named, err := d.store.Queues(ctx)
	if err != nil {
		return err
	}
	served, err := d.served()
	if err != nil {
		return err
	}
	names := []string{tasks.IntakeQueue}
	for p := range n {
		names = append(names, tasks.QueueOf(p))
	}
	always := len(names)
	for p := range n {
		for _, name := range named {
			names = append(names, tasks.NamedQueue(p, name))
		}
	}
	for i, name := range names {
		b, err := d.backlog(ctx, name)
		if err != nil {
			return fmt.Errorf("looking at queue %s: %w", name, err)
		}
		b.served = served[name] || b.oldest < noticed
		b.known = b.known || i >= always // processes name it to asynq's tools twice a minute
		if i < always || b.pending > 0 || b.paused {
			d.judgeQueue(name, b)
		}
	}
	return nil
}

// noticed is how long it may take until a worker serves a new queue, and until it has said so.
const noticed = 10 * time.Second

// served finds the queues from which a worker takes tasks now.
func (d *doctor) served() (map[string]bool, error) {
	servers, err := asynq.NewInspectorFromRedisClient(d.client).Servers()
	if err != nil {
		return nil, fmt.Errorf("listing the workers: %w", err)
	}
	served := map[string]bool{}
	for _, s := range servers {
		for name := range s.Queues {
			served[name] = true
		}
	}
	return served, nil
}

// backlog reads asynq's keys itself: its own inspector fails when a task's hash is missing.
func (d *doctor) backlog(ctx context.Context, queue string) (backlog, error) {
	key := "asynq:{" + queue + "}:"
	known, err := d.client.SIsMember(ctx, "asynq:queues", queue).Result()
	if err != nil {
		return backlog{}, err
	}
	pending, err := d.client.LLen(ctx, key+"pending").Result()
	if err != nil {
		return backlog{}, err
	}
	paused, err := d.client.Exists(ctx, key+"paused").Result()
	if err != nil {
		return backlog{}, err
	}
	oldest, err := d.oldest(ctx, key)
	return backlog{known: known, paused: paused > 0, pending: pending, oldest: oldest}, err
}

func (d *doctor) oldest(ctx context.Context, key string) (time.Duration, error) {
	id, err := d.client.LIndex(ctx, key+"pending", -1).Result()
	var since string
	if err == nil {
		since, err = d.client.HGet(ctx, key+"t:"+id, "pending_since").Result()
	}
	if errors.Is(err, redis.Nil) {
		return 0, nil // nothing waits, or its hash is gone
	}
	if err != nil {
		return 0, err
	}
	ns, err := strconv.ParseInt(since, 10, 64)
	if err != nil {
		return 0, nil // a task of nobody we know; asynq deals with it
	}
	return time.Since(time.Unix(0, ns)), nil
}

func (d *doctor) judgeQueue(name string, b backlog) {
	message := fmt.Sprintf("%s: %d tasks wait", name, b.pending)
	if b.pending > 0 {
		message += fmt.Sprintf(", the next one for %s", b.oldest.Round(time.Second))
	}
	if b.pending > 0 && !b.served {
		message += "; no worker serves it"
	}
	switch {
	case b.paused:
		d.tell("queue", Warning, message+"; it is paused", "somebody paused it in asynqmon or with asynq's CLI; unpause it there")
	case !b.known && b.pending > 0:
		d.tell("queue", Warning, message+"; asynq's tools do not know it", "start a worker, which makes it known")
	case b.pending > 0 && !b.served:
		d.tell("queue", Warning, message, "start a worker that serves it: one without worker.queues serves all")
	case b.oldest > backlogDelay, b.pending > backlogSize:
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
			"mend the cause, then run the task again in asynqmon, or delete it")
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
