package suspend

import (
	"context"
	"encoding/json"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// scans bounds how many pages of an index one call reads to fill a page of its own.
const scans = 20

// Executions lists executions, newest first; those of one status by the time since when they have it.
func (s *Store) Executions(ctx context.Context, f flow.ExecutionFilter) (flow.Page[flow.Summary], error) {
	if f.ID != "" {
		return s.one(ctx, f.ID)
	}
	// The status is that of the index, unless the execution moves between the two reads.
	keep := func(x flow.Summary) bool { return f.Status == "" || x.Status == f.Status }
	keys, err := s.executionKeys(ctx, f)
	if err != nil {
		return flow.Page[flow.Summary]{}, err
	}
	return listed(ctx, s, keys, f.Cursor, limitOf(f.Limit), downwards.from(f.Since).until(f.Until), s.summaries, keep)
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

func (s *Store) executionKeys(ctx context.Context, f flow.ExecutionFilter) ([]string, error) {
	var keys []string
	for p := range s.partitions {
		lists, err := s.listsOf(ctx, tag(p), f)
		if err != nil {
			return nil, err
		}
		keys = append(keys, lists...)
	}
	return keys, nil
}

// listsOf gives the lists of a partition in which those executions stand that are asked for by workflow and status: in one of
// their own workflow, or, if they are older, in that of all.
func (s *Store) listsOf(ctx context.Context, tag string, f flow.ExecutionFilter) ([]string, error) {
	workflows, err := s.workflowsIn(ctx, tag, f.Workflow)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, w := range workflows {
		if f.Status != "" {
			keys = append(keys, workflowStatusKey(tag, w, f.Status))
		} else {
			keys = append(keys, workflowKey(tag, w))
		}
	}
	switch {
	case f.Workflow != "":
		return keys, nil
	case f.Status != "":
		return append(keys, statusKey(tag, f.Status)), nil
	}
	return append(keys, allKey(tag)), nil
}

// workflowsIn gives the one workflow that is asked for, or all whose lists the partition ever had.
func (s *Store) workflowsIn(ctx context.Context, tag, only string) ([]string, error) {
	if only != "" {
		return []string{only}, nil
	}
	workflows, err := s.redis.SMembers(ctx, workflowsKey(tag)).Result()
	return workflows, trouble("listing the workflows of a partition", err)
}

// listed fills a page from indexes: it reads rows, makes items of them, and keeps those that pass. Where most do not, the
// page comes back short, with a cursor.
func listed[T any](ctx context.Context, s *Store, keys []string, cursor string, limit int, part span,
	items func(context.Context, []row) ([]*T, error), keep func(T) bool,
) (flow.Page[T], error) {
	page := flow.Page[T]{Items: []T{}}
	for range scans {
		rows, next, err := s.page(ctx, keys, cursor, limit, part)
		if err != nil {
			return page, err
		}
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
		if page.Cursor = next; next == "" {
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
		cmds[i] = p.HMGet(ctx, executionKey(r.member), fieldHead, fieldFront, fieldEnded, fieldProblem)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	if _, err := p.Exec(ctx); err != nil {
		return nil, trouble("listing executions", err)
	}
	all := make([]*flow.Summary, len(rows))
	for i, c := range cmds {
		all[i] = summaryOf(rows[i].member, c.Val())
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
