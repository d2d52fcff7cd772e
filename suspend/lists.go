package suspend

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// scans bounds how many pages of an index one call reads to fill a page of its own.
const scans = 20

// Executions lists executions, newest first; those of a terminal status by their end.
func (s *Store) Executions(ctx context.Context, f flow.ExecutionFilter) (flow.Page[flow.Summary], error) {
	keep := func(x flow.Summary) bool {
		return (f.Workflow == "" || x.Workflow == f.Workflow) && (f.Status == "" || x.Status == f.Status) &&
			(f.Since.IsZero() || !x.CreatedAt.Before(f.Since)) && (f.Until.IsZero() || x.CreatedAt.Before(f.Until))
	}
	return listed(ctx, s, s.executionKeys(f), f.Cursor, limitOf(f.Limit), true, s.summaries, keep)
}

func (s *Store) executionKeys(f flow.ExecutionFilter) []string {
	var keys []string
	for p := range s.partitions {
		switch t := tag(p); {
		case f.Status != "":
			keys = append(keys, statusKey(t, f.Status))
		case f.Workflow != "":
			keys = append(keys, workflowKey(t, f.Workflow))
		default:
			keys = append(keys, allKey(t))
		}
	}
	return keys
}

// listed fills a page from indexes: it reads rows, makes items of them, and keeps those that pass.
func listed[T any](ctx context.Context, s *Store, keys []string, cursor string, limit int, descending bool,
	items func(context.Context, []row) ([]*T, error), keep func(T) bool,
) (flow.Page[T], error) {
	page := flow.Page[T]{Items: []T{}}
	for range scans {
		rows, next, err := s.page(ctx, keys, cursor, limit, descending, "")
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

// Suspensions lists waits, those that end first first.
func (s *Store) Suspensions(ctx context.Context, f flow.SuspensionFilter) (flow.Page[flow.Suspension], error) {
	keys, err := s.suspensionKeys(ctx, f)
	if err != nil {
		return flow.Page[flow.Suspension]{}, err
	}
	keep := func(v flow.Suspension) bool {
		return (f.Execution == "" || v.ExecutionID == f.Execution) &&
			(f.EventType == "" || v.EventType == f.EventType) &&
			(f.ExpiresBefore.IsZero() || endsBefore(v, f.ExpiresBefore))
	}
	if f.Execution != "" {
		return s.suspensionsOf(ctx, f, keep)
	}
	return listed(ctx, s, keys, f.Cursor, limitOf(f.Limit), false, s.suspensions, keep)
}

func (s *Store) suspensionKeys(ctx context.Context, f flow.SuspensionFilter) ([]string, error) {
	var keys []string
	for p := range s.partitions {
		types := []string{f.Type}
		if f.Type == "" {
			var err error
			if types, err = s.redis.SMembers(ctx, suspendTypesKey(tag(p))).Result(); err != nil {
				return nil, trouble("listing suspensions", err)
			}
		}
		for _, t := range types {
			keys = append(keys, suspendedKey(tag(p), t))
		}
	}
	return keys, nil
}

func endsBefore(v flow.Suspension, t time.Time) bool {
	return v.TimeoutAt != nil && v.TimeoutAt.Before(t) || v.ResumeAt != nil && v.ResumeAt.Before(t)
}

// suspensionsOf lists the waits of one execution.
func (s *Store) suspensionsOf(ctx context.Context, f flow.SuspensionFilter, keep func(flow.Suspension) bool) (flow.Page[flow.Suspension], error) {
	page := flow.Page[flow.Suspension]{Items: []flow.Suspension{}}
	w, x, err := s.wholeWith(ctx, f.Execution)
	if x == nil {
		return page, err
	}
	for _, st := range x.InOrder() {
		if st.Status != flow.StepSuspended || st.Wait == nil || f.Type != "" && st.Wait.Type != f.Type {
			continue
		}
		if v := flow.SuspensionOf(w, x, st); keep(v) {
			page.Items = append(page.Items, v)
		}
	}
	return page, nil
}

// suspensions reads the waits of an index; nil for those that are over.
func (s *Store) suspensions(ctx context.Context, rows []row) ([]*flow.Suspension, error) {
	all := make([]*flow.Suspension, len(rows))
	if len(rows) == 0 {
		return all, nil
	}
	p := s.redis.Pipeline()
	ids := make([]flow.SuspensionID, len(rows))
	cmds := make([]*redis.SliceCmd, len(rows))
	for i, r := range rows {
		id, err := flow.ParseSuspensionID(r.member)
		if err != nil {
			continue // one bad record must not stop the others
		}
		ids[i] = id
		cmds[i] = p.HMGet(ctx, executionKey(id.Execution), fieldHead, stepField(id.Step))
	}
	if _, err := p.Exec(ctx); err != nil {
		return nil, trouble("listing suspensions", err)
	}
	for i, c := range cmds {
		if c == nil {
			continue
		}
		v, err := s.suspension(ctx, ids[i], c.Val())
		if err != nil {
			return nil, err
		}
		all[i] = v
	}
	return all, nil
}

func (s *Store) suspension(ctx context.Context, id flow.SuspensionID, values []any) (*flow.Suspension, error) {
	rawHead, _ := values[0].(string)
	rawStep, _ := values[1].(string)
	head, err1 := decodeHead(rawHead)
	st, err2 := decodeStep(id.Step, rawStep)
	if err1 != nil || err2 != nil || st.Status != flow.StepSuspended || st.Turn != id.Turn || st.Wait == nil {
		return nil, nil
	}
	w, err := s.workflowOf(ctx, head)
	if err != nil {
		return nil, err
	}
	v := flow.SuspensionOf(w, &flow.Execution{ID: id.Execution, Head: head}, st)
	return &v, nil
}

// Relations lists parents and children, newest first.
func (s *Store) Relations(ctx context.Context, f flow.RelationFilter) (flow.Page[flow.Relation], error) {
	var keys []string
	for p := range s.partitions {
		keys = append(keys, relationsKey(tag(p)))
	}
	for _, end := range []string{f.Parent, f.Child} {
		if part, ok := flow.PartitionOf(end); ok {
			keys = []string{relationsKey(tag(part))}
		}
	}
	keep := func(r flow.Relation) bool {
		return (f.Parent == "" || r.ParentID == f.Parent) && (f.Child == "" || r.ChildID == f.Child)
	}
	return listed(ctx, s, keys, f.Cursor, limitOf(f.Limit), true, s.relations, keep)
}

func (s *Store) relations(ctx context.Context, rows []row) ([]*flow.Relation, error) {
	all := make([]*flow.Relation, len(rows))
	for i, r := range rows {
		parts := strings.Split(r.member, ":")
		if len(parts) != 3 {
			continue
		}
		step, err := flow.ParseStepID(parts[1])
		if err != nil {
			continue
		}
		rel := flow.Relation{ParentID: parts[0], ChildID: parts[2], Type: flow.SubWorkflow, CreatedAt: fromMillis(int64(r.score))}
		if rel.Node, err = s.nodeKey(ctx, parts[0], step.Node); err != nil {
			return nil, err
		}
		all[i] = &rel
	}
	return all, nil
}

// nodeKey names a node of an execution; empty when the execution is gone.
func (s *Store) nodeKey(ctx context.Context, execution string, n int) (string, error) {
	raw, err := s.redis.HGet(ctx, executionKey(execution), fieldHead).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	if err != nil {
		return "", trouble("naming a node of execution "+execution, err)
	}
	head, err := decodeHead(raw)
	if err != nil {
		return "", err
	}
	w, err := s.workflowOf(ctx, head)
	return w.NodeKey(n), err
}

// workflowOf gives the definition of an execution; without nodes when it is gone,
// since a list must not fail because of one of its lines.
func (s *Store) workflowOf(ctx context.Context, head flow.Head) (*flow.Workflow, error) {
	w, _, err := s.Workflow(ctx, head.Workflow, head.Version)
	if errors.Is(err, flow.ErrNotFound) {
		return &flow.Workflow{ID: head.Workflow}, nil
	}
	return w, err
}

// Delays lists the delays that are pending; of one execution, also those that are over.
func (s *Store) Delays(ctx context.Context, f flow.SuspensionFilter) (flow.Page[flow.DelayView], error) {
	if f.Execution != "" {
		return s.delaysOf(ctx, f)
	}
	f.Type = flow.Delay
	page, err := s.Suspensions(ctx, f)
	out := flow.Page[flow.DelayView]{Items: []flow.DelayView{}, Cursor: page.Cursor}
	for _, v := range page.Items {
		d := flow.DelayView{ExecutionID: v.ExecutionID, Node: v.Node, RunIndex: v.RunIndex, SuspendedAt: v.SuspendedAt, CreatedAt: v.CreatedAt, Status: flow.DelayPending}
		if v.ResumeAt != nil {
			d.ResumeAt = *v.ResumeAt
		}
		out.Items = append(out.Items, d)
	}
	return out, err
}

func (s *Store) delaysOf(ctx context.Context, f flow.SuspensionFilter) (flow.Page[flow.DelayView], error) {
	page := flow.Page[flow.DelayView]{Items: []flow.DelayView{}}
	w, x, err := s.wholeWith(ctx, f.Execution)
	if x == nil {
		return page, err
	}
	for _, st := range x.InOrder() {
		if d, ok := delayOf(w, x, st); ok {
			page.Items = append(page.Items, d)
		}
	}
	return page, nil
}

// wholeWith loads all of an execution, and its definition; nil when there is no such execution.
func (s *Store) wholeWith(ctx context.Context, id string) (*flow.Workflow, *flow.Execution, error) {
	x, err := s.Load(ctx, id, flow.Want{All: true})
	if errors.Is(err, flow.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	w, err := s.workflowOf(ctx, x.Head)
	if err != nil {
		return nil, nil, err
	}
	return w, x, nil
}
