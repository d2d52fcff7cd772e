package suspend

import (
	"context"
	"encoding/json"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// How many rows of an index one call looks at to fill its page, and how many at once after those that would have been enough.
const (
	maxLooked = 2000
	lookPage  = 250
)

// Executions lists executions, newest first; those of one status, or with an error, by the time since when they have it.
func (s *Store) Executions(ctx context.Context, f flow.ExecutionFilter) (flow.Page[flow.Summary], error) {
	if err := f.Check(); err != nil {
		return flow.Page[flow.Summary]{}, err
	}
	if f.ID != "" {
		return s.one(ctx, f.ID)
	}
	part := downwards.from(f.Since).until(f.Until)
	rows, err := s.executionRows(ctx, f, part)
	if err != nil {
		return flow.Page[flow.Summary]{}, err
	}
	if f.Prefix != "" {
		rows = beginning(rows, f.Prefix)
	}
	return listed(ctx, rows, f.Cursor, limitOf(f.Limit), s.summaries, f.Keeps)
}

// one lists an execution, if there is such.
func (s *Store) one(ctx context.Context, id string) (flow.Page[flow.Summary], error) {
	page := flow.Page[flow.Summary]{Items: []flow.Summary{}}
	found, err := s.summaries(ctx, []row{{member: id}})
	if err == nil && found[0] != nil {
		page.Items = append(page.Items, *found[0])
	}
	return page, err
}

// executionLists gives the lists of partitions in which those executions stand that are asked for by workflow and status: each in
// that of its own workflow, and what format 1 wrote in that of all, too.
func (s *Store) executionLists(ctx context.Context, tags []string, f flow.ExecutionFilter) ([]string, error) {
	own, all := workflowKey, allKey
	if f.Status != "" {
		own = func(tag, workflow string) string { return workflowStatusKey(tag, workflow, f.Status) }
		all = func(tag string) string { return statusKey(tag, f.Status) }
	}
	workflows, err := s.workflowsIn(ctx, tags, f.Workflow)
	if err != nil {
		return nil, err
	}
	var keys []string
	for i, t := range tags {
		for _, w := range workflows[i] {
			keys = append(keys, own(t, w))
		}
		if f.Workflow == "" {
			keys = append(keys, all(t))
		}
	}
	return keys, nil
}

// workflowsIn gives, for each of the partitions, the one workflow that is asked for, or all whose lists it ever had.
func (s *Store) workflowsIn(ctx context.Context, tags []string, only string) ([][]string, error) {
	all := make([][]string, len(tags))
	if only != "" {
		for i := range all {
			all[i] = []string{only}
		}
		return all, nil
	}
	p := s.redis.Pipeline()
	cmds := make([]*redis.StringSliceCmd, len(tags))
	for i, t := range tags {
		cmds[i] = p.SMembers(ctx, workflowsKey(t))
	}
	if err := exec(ctx, p); err != nil {
		return nil, trouble("listing the workflows of partitions", err)
	}
	for i, c := range cmds {
		all[i] = c.Val()
	}
	return all, nil
}

// listed fills a page from an index: it reads rows, makes items of them, and keeps those that pass. Where most do not, the
// page comes back short, with a cursor.
func listed[T any](ctx context.Context, read rowsOf, cursor string, limit int, items func(context.Context, []row) ([]*T, error), keep func(T) bool) (flow.Page[T], error) {
	page := flow.Page[T]{Items: []T{}}
	for looked, n := 0, limit; looked < maxLooked; n = min(max(limit, lookPage), maxLooked-looked) {
		rows, next, err := read(ctx, cursor, n)
		if err != nil {
			return page, err
		}
		looked += len(rows)
		found, err := items(ctx, rows)
		if err != nil {
			return page, err
		}
		for i, it := range found {
			if it == nil || !keep(*it) {
				continue
			}
			page.Items = append(page.Items, *it)
			if len(page.Items) == limit && (i+1 < len(rows) || next != "") {
				page.Cursor = cursorOf(rows[i])
				return page, nil
			}
		}
		if page.Cursor = next; next == "" || len(rows) < n { // there are no more, or they are too far away
			return page, nil
		}
		cursor = next
	}
	return page, nil
}

// summaries reads what a list says of executions; nil for those that are gone.
func (s *Store) summaries(ctx context.Context, rows []row) ([]*flow.Summary, error) {
	p := s.redis.Pipeline()
	cmds := make([]*redis.SliceCmd, len(rows))
	for i, r := range rows {
		cmds[i] = p.HMGet(ctx, executionKey(r.named()), fieldHead, fieldFront, fieldEnded, fieldProblem)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	if _, err := p.Exec(ctx); err != nil {
		return nil, trouble("listing executions", err)
	}
	all := make([]*flow.Summary, len(rows))
	for i, c := range cmds {
		all[i] = summaryOf(rows[i].named(), c.Val())
	}
	return all, nil
}

func summaryOf(id string, values []any) *flow.Summary {
	text := make([]string, 4)
	for i, v := range values {
		text[i], _ = v.(string)
	}
	head, err1 := decodeHead(text[0])
	front, err2 := decodeFront(text[1])
	if err1 != nil || err2 != nil {
		return nil
	}
	x := flow.Summary{ID: id, Workflow: head.Workflow, Version: head.Version, Status: front.Status, CreatedAt: head.CreatedAt, RerunOf: head.RerunOf, Tags: head.Tags}
	if head.Parent != nil {
		x.ParentID = head.Parent.Execution
	}
	if at, _, err := unstamp(text[2]); err == nil {
		x.EndedAt = &at
	}
	if text[3] != "" {
		_ = json.Unmarshal([]byte(text[3]), &x.Error)
	}
	return &x
}
