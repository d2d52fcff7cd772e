package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/handlers/api/wire"
	"prana/suspend"
	"prana/tasks"
)

// queues reads what asynq keeps, for the doctor and the API.
type queues struct {
	client redis.UniversalClient
	store  *suspend.Store
}

func (q queues) inspector() *asynq.Inspector { return asynq.NewInspectorFromRedisClient(q.client) }

// away is the error of a Redis that does not answer.
func away(doing string, err error) error {
	return fmt.Errorf("%s: %w: %w", doing, flow.ErrUnavailable, err)
}

// all lists the queues there are, without what is in them: the intake, then those of each partition.
func (q queues) all(ctx context.Context) ([]wire.Queue, error) {
	n, err := q.store.Partitions(ctx)
	if err != nil {
		return nil, err
	}
	named, err := q.store.Queues(ctx)
	if err != nil {
		return nil, err
	}
	list := []wire.Queue{{Queue: tasks.IntakeQueue}}
	for p := range n {
		for _, name := range append([]string{""}, named...) {
			list = append(list, wire.Queue{Queue: tasks.NamedQueue(p, name), Name: cmp.Or(name, flow.DefaultQueue), Partition: &p})
		}
	}
	return list, nil
}

// Queues gives a page of the queues, with what is in them.
func (q queues) Queues(ctx context.Context, f wire.QueueFilter) (page flow.Page[wire.Queue], err error) {
	list, err := q.all(ctx)
	if err != nil {
		return page, err
	}
	var wanted []wire.Queue
	for _, one := range list {
		if f.Name == "" || f.Name == one.Name || f.Name == one.Queue {
			wanted = append(wanted, one)
		}
	}
	if page, err = wire.CutPage(wanted, placeOfQueue, f.Limit, f.Cursor); err != nil {
		return page, err
	}
	if err := q.look(ctx, page.Items); err != nil {
		return page, err
	}
	workers, err := q.workers()
	if err != nil {
		return page, err
	}
	serve(page.Items, workers)
	return page, nil
}

// placeOfQueue orders queues: the intake, then by partition, of which the own queue is first.
func placeOfQueue(q wire.Queue) string {
	if q.Partition == nil {
		return "0"
	}
	return fmt.Sprintf("1 %04d %s", *q.Partition, q.Queue)
}

// servedAtMost bounds the workers that are named for one queue.
const servedAtMost = 20

// serve notes who serves the queues.
func serve(list []wire.Queue, workers []process) {
	for i := range list {
		list[i].ServedBy = []string{}
		for _, w := range workers {
			if !w.queues[list[i].Queue] {
				continue
			}
			list[i].Workers++
			if len(list[i].ServedBy) < servedAtMost {
				list[i].ServedBy = append(list[i].ServedBy, w.ID)
			}
		}
	}
}

const (
	atOnce   = 500 // queues that are read in one trip
	upcoming = 100 // tasks among which the one is looked for that waits longest
)

// look reads what is in queues from asynq's keys: its own inspector fails when a task's hash is missing, and samples memory.
func (q queues) look(ctx context.Context, list []wire.Queue) error {
	for len(list) > 0 {
		some := list[:min(atOnce, len(list))]
		next, err := q.count(ctx, some)
		if err == nil {
			err = q.wait(ctx, some, next)
		}
		if err != nil {
			return away("looking at queue "+some[0].Queue+" and others", err)
		}
		list = list[len(some):]
	}
	return nil
}

// count fills in the figures, and gives the ids of the tasks of each queue that are next.
func (q queues) count(ctx context.Context, list []wire.Queue) ([][]string, error) {
	now := time.Now()
	pipe := q.client.Pipeline()
	set := make([]func(), 0, len(list))
	next := make([][]string, len(list))
	for i := range list {
		one, key := &list[i], keyOf(list[i].Queue)
		today := now.UTC().Format(time.DateOnly)
		pending, active := pipe.LLen(ctx, key+"pending"), pipe.LLen(ctx, key+"active")
		orphaned := pipe.ZCount(ctx, key+"lease", "-inf", strconv.FormatInt(now.Unix(), 10))
		scheduled, retry, archived := pipe.ZCard(ctx, key+"scheduled"), pipe.ZCard(ctx, key+"retry"), pipe.ZCard(ctx, key+"archived")
		paused := pipe.Exists(ctx, key+"paused")
		processed, failed := pipe.Get(ctx, key+"processed:"+today), pipe.Get(ctx, key+"failed:"+today)
		ids := pipe.LRange(ctx, key+"pending", -upcoming, -1)
		set = append(set, func() {
			one.Pending, one.Active, one.Orphaned = pending.Val(), active.Val(), orphaned.Val()
			one.Scheduled, one.Retry, one.Archived = scheduled.Val(), retry.Val(), archived.Val()
			one.Paused, next[i] = paused.Val() > 0, ids.Val()
			one.ProcessedToday, _ = processed.Int64() // nothing yet
			one.FailedToday, _ = failed.Int64()
		})
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	for _, do := range set {
		do()
	}
	return next, nil
}

// wait fills in how long tasks have been waiting. What goes on with an execution overtakes what begins one, so that the next is
// rarely the oldest.
func (q queues) wait(ctx context.Context, list []wire.Queue, next [][]string) error {
	pipe := q.client.Pipeline()
	since := make([][]*redis.StringCmd, len(list))
	for i, ids := range next {
		for _, id := range ids {
			since[i] = append(since[i], pipe.HGet(ctx, keyOf(list[i].Queue)+"t:"+id, "pending_since"))
		}
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	for i := range list {
		for _, cmd := range since[i] {
			if ns, err := cmd.Int64(); err == nil { // else its hash is gone, or it is nobody's we know
				list[i].LatencyMS = max(list[i].LatencyMS, time.Since(time.Unix(0, ns)).Milliseconds())
			}
		}
	}
	return nil
}

// keyOf is what all keys of a queue of asynq begin with.
func keyOf(queue string) string { return "asynq:{" + queue + "}:" }
