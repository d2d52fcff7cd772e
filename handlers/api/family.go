package api

import (
	"context"
	"net/http"
	"slices"

	"prana/engine/flow"
)

// The bounds of a family: links that are told of, and how far from the execution.
const (
	maxFamily = 1000
	maxDepth  = 100
)

// getRelations tells the tree that the execution stands in: the line of its parents, and all below it.
func (a *api) getRelations(w http.ResponseWriter, r *http.Request) error {
	id, err := executionID(r)
	if err != nil {
		return err
	}
	q := queryOf(r)
	depth := q.number("depth", maxDepth)
	if err := q.end(); err != nil {
		return err
	}
	if depth == 0 {
		depth = maxDepth
	}
	f, err := familyOf(r.Context(), a.Store, id, depth)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, f)
}

func familyOf(ctx context.Context, store Lister, id string, depth int) (*flow.Family, error) {
	self, err := summaryOf(ctx, store, id)
	if err != nil {
		return nil, err
	}
	if self == nil {
		return nil, flow.NotFound("execution", id)
	}
	f := &flow.Family{Root: self, Items: []flow.FamilyLink{}}
	if err := ancestors(ctx, store, f, depth); err != nil {
		return nil, err
	}
	d := descent{store: store, family: f, children: map[string][]flow.FamilyLink{}, left: maxFamily - len(f.Items)}
	if err := d.walk(ctx, id, depth); err != nil {
		return nil, err
	}
	d.tell(id)
	return f, nil
}

// summaryOf gives nil for an execution that is purged.
func summaryOf(ctx context.Context, store Lister, id string) (*flow.Summary, error) {
	page, err := store.Executions(ctx, flow.ExecutionFilter{ID: id, Limit: 1})
	if err != nil || len(page.Items) == 0 {
		return nil, err
	}
	return &page.Items[0], nil
}

// ancestors climbs from the execution, which is the root so far, as far as it may.
func ancestors(ctx context.Context, store Lister, f *flow.Family, depth int) error {
	for d := 1; f.Root != nil && f.Root.ParentID != ""; d++ {
		if d > depth {
			f.Truncated = true
			return nil
		}
		page, err := store.Relations(ctx, flow.RelationFilter{Child: f.Root.ID, Limit: 1})
		if err != nil || len(page.Items) == 0 { // it is purged meanwhile
			return err
		}
		f.Items = slices.Insert(f.Items, 0, flow.FamilyLink{Relation: page.Items[0], Distance: -d})
		if f.Root, err = summaryOf(ctx, store, f.Root.ParentID); err != nil {
			return err
		}
	}
	return nil
}

// descent collects what is below an execution, generation by generation: where there is too much, the nearest are told.
type descent struct {
	store    Lister
	family   *flow.Family
	children map[string][]flow.FamilyLink // of a parent, the oldest first
	left     int                          // links that may be told still
}

func (d *descent) walk(ctx context.Context, id string, depth int) error {
	parents := []string{id}
	for distance := 1; len(parents) > 0; distance++ {
		if distance > depth {
			d.family.Truncated = true
			return nil
		}
		var next []string
		for _, parent := range parents {
			if err := d.collect(ctx, parent, distance); err != nil {
				return err
			}
			for _, c := range d.children[parent] {
				if c.Children > 0 {
					next = append(next, c.ChildID)
				}
			}
		}
		parents = next
	}
	return nil
}

// collect reads the children of one parent; of too many, the youngest.
func (d *descent) collect(ctx context.Context, parent string, distance int) error {
	defer func() { slices.Reverse(d.children[parent]) }()
	cursor := ""
	for d.left > 0 {
		page, err := d.store.Relations(ctx, flow.RelationFilter{Parent: parent, Limit: min(d.left, maxLimit), Cursor: cursor})
		if err != nil {
			return err
		}
		for _, r := range page.Items {
			d.children[parent] = append(d.children[parent], flow.FamilyLink{Relation: r, Distance: distance})
		}
		d.left -= len(page.Items)
		if cursor = page.Cursor; cursor == "" {
			return nil
		}
	}
	d.family.Truncated = true
	return nil
}

// tell puts each child before its own children.
func (d *descent) tell(parent string) {
	for _, c := range d.children[parent] {
		d.family.Items = append(d.family.Items, c)
		d.tell(c.ChildID)
	}
}
