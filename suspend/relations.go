package suspend

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// Relations lists parents and children, newest first.
func (s *Store) Relations(ctx context.Context, f flow.RelationFilter) (flow.Page[flow.Relation], error) {
	if f.Child != "" {
		return s.relationOf(ctx, f)
	}
	var keys []string
	if part, ok := flow.PartitionOf(f.Parent); ok {
		keys = []string{childrenKey(tag(part), f.Parent)}
	}
	for p := 0; f.Parent == "" && p < s.partitions; p++ {
		keys = append(keys, relationsKey(tag(p)))
	}
	return listed(ctx, s.merged(keys, downwards), f.Cursor, limitOf(f.Limit), s.relations, func(flow.Relation) bool { return true })
}

// relationOf reads the parent of a child from its head.
func (s *Store) relationOf(ctx context.Context, f flow.RelationFilter) (flow.Page[flow.Relation], error) {
	page := flow.Page[flow.Relation]{Items: []flow.Relation{}}
	kids, err := s.kinsfolk(ctx, []string{f.Child})
	if err != nil || kids[0].Parent == nil || f.Parent != "" && kids[0].Parent.Execution != f.Parent {
		return page, err
	}
	all, err := s.related(ctx, kids)
	if err == nil {
		page.Items = append(page.Items, *all[0])
	}
	return page, err
}

// relations reads the children that rows of an index name; nil for those that are gone.
func (s *Store) relations(ctx context.Context, rows []row) ([]*flow.Relation, error) {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.named()
	}
	kids, err := s.kinsfolk(ctx, ids)
	if err != nil {
		return nil, err
	}
	return s.related(ctx, kids)
}

// kin is what an execution says of its place among others. Of one that is gone, or that cannot be read, only the id.
type kin struct {
	id string
	flow.Head
	status   flow.Status
	children int
}

func (s *Store) kinsfolk(ctx context.Context, ids []string) ([]kin, error) {
	all := make([]kin, len(ids))
	if len(ids) == 0 {
		return all, nil
	}
	p := s.redis.Pipeline()
	hashes, counts := make([]*redis.SliceCmd, len(ids)), make([]*redis.IntCmd, len(ids))
	for i, id := range ids {
		hashes[i] = p.HMGet(ctx, executionKey(id), fieldHead, fieldFront)
		counts[i] = p.ZCard(ctx, childrenKey(home(id), id))
	}
	if _, err := p.Exec(ctx); err != nil {
		return nil, trouble("listing relations", err)
	}
	for i, c := range hashes {
		all[i] = kinOf(ids[i], c.Val(), int(counts[i].Val()))
	}
	return all, nil
}

func kinOf(id string, values []any, children int) kin {
	rawHead, _ := values[0].(string)
	rawFront, _ := values[1].(string)
	head, err1 := decodeHead(rawHead)
	front, err2 := decodeFront(rawFront)
	if err1 != nil || err2 != nil {
		return kin{id: id}
	}
	return kin{id, head, front.Status, children}
}

// related tells of children what a list says of them; nil of those that are none.
func (s *Store) related(ctx context.Context, kids []kin) ([]*flow.Relation, error) {
	parents, err := s.parents(ctx, kids)
	if err != nil {
		return nil, err
	}
	all := make([]*flow.Relation, len(kids))
	for i, k := range kids {
		if k.Parent == nil {
			continue
		}
		all[i] = &flow.Relation{
			ParentID: k.Parent.Execution, ChildID: k.id, Type: flow.SubWorkflow, Mode: k.Parent.Mode,
			Workflow: k.Workflow, Status: k.status, Children: k.children, CreatedAt: k.CreatedAt,
		}
		if w := parents[k.Parent.Execution]; w != nil {
			all[i].Node = w.NodeKey(k.Parent.Step.Node)
		}
	}
	return all, nil
}

// parents reads the definitions of the parents, which name the nodes; none of those that are gone.
func (s *Store) parents(ctx context.Context, kids []kin) (map[string]*flow.Workflow, error) {
	var ids []string
	all := map[string]*flow.Workflow{}
	for _, k := range kids {
		if k.Parent == nil {
			continue
		}
		if _, known := all[k.Parent.Execution]; !known {
			ids, all[k.Parent.Execution] = append(ids, k.Parent.Execution), nil
		}
	}
	found, err := s.kinsfolk(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, k := range found {
		if k.status == "" {
			continue
		}
		if all[k.id], err = s.workflowOf(ctx, k.Head); err != nil {
			return nil, err
		}
	}
	return all, nil
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
