package suspend

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// Suspensions lists waits, those that end first first.
func (s *Store) Suspensions(ctx context.Context, f flow.SuspensionFilter) (flow.Page[flow.Suspension], error) {
	if f.Execution != "" {
		return s.suspensionsOf(ctx, f)
	}
	part := upwards.from(f.ExpiresAfter).until(f.ExpiresBefore)
	if !f.ExpiresAfter.IsZero() {
		part = part.timed()
	}
	keys, err := s.suspensionKeys(ctx, f, part)
	if err != nil {
		return flow.Page[flow.Suspension]{}, err
	}
	keep := func(v flow.Suspension) bool {
		return (f.Workflow == "" || v.Workflow == f.Workflow) && (f.EventType == "" || v.EventType == f.EventType)
	}
	return listed(ctx, s.merged(keys, part), f.Cursor, limitOf(f.Limit), s.suspensions, keep)
}

// suspensionKeys gives the lists that have all that is asked for, and little else. All lists have the same order, so that
// a cursor of one is a place in another.
func (s *Store) suspensionKeys(ctx context.Context, f flow.SuspensionFilter, part span) ([]string, error) {
	tags := s.tags()
	workflows, err := s.workflowsIn(ctx, tags, f.Workflow)
	if err != nil {
		return nil, err
	}
	var older, ofWorkflow, ofEvent []string
	for i, t := range tags {
		types, err := s.suspendTypes(ctx, t, f.Type)
		if err != nil {
			return nil, err
		}
		for _, kind := range types {
			for _, w := range workflows[i] {
				ofWorkflow = append(ofWorkflow, workflowSuspendedKey(t, w, kind))
			}
			older = append(older, suspendedKey(t, kind))
			ofEvent = append(ofEvent, listenersKey(t, f.EventType, kind))
		}
	}
	switch {
	case f.Workflow != "" && f.EventType != "":
		narrow, err := s.narrowest(ctx, index{keys: ofEvent, part: part}, index{keys: ofWorkflow, part: part})
		return narrow.keys, err
	case f.Workflow != "":
		return ofWorkflow, nil
	case f.EventType != "":
		return ofEvent, nil
	}
	return append(ofWorkflow, older...), nil
}

// suspendTypes gives the one type that is asked for, or all that the partition ever had.
func (s *Store) suspendTypes(ctx context.Context, tag, only string) ([]string, error) {
	if only != "" {
		return []string{only}, nil
	}
	types, err := s.redis.SMembers(ctx, suspendTypesKey(tag)).Result()
	return types, trouble("listing suspensions", err)
}

// suspensionsOf lists the waits of one execution, which is read whole.
func (s *Store) suspensionsOf(ctx context.Context, f flow.SuspensionFilter) (flow.Page[flow.Suspension], error) {
	w, x, err := s.wholeWith(ctx, f.Execution)
	if err != nil || x == nil || f.Workflow != "" && f.Workflow != x.Workflow {
		return flow.Page[flow.Suspension]{Items: []flow.Suspension{}}, err
	}
	var all []placed[flow.Suspension]
	for _, st := range x.InOrder() {
		if st.Status != flow.StepSuspended || st.Wait == nil || !f.Asks(st.Wait) {
			continue
		}
		v := flow.SuspensionOf(w, x, st)
		all = append(all, placed[flow.Suspension]{row{scoreOfEnd(st.Wait.Due), v.ID}, v})
	}
	return cut(all, f.Cursor, limitOf(f.Limit))
}

func scoreOfEnd(t time.Time) float64 {
	if t.IsZero() {
		return math.Inf(1)
	}
	return float64(t.UnixMilli())
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
