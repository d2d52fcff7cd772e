package inmem

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"prana/engine/flow"
)

// workflow is every version of one definition.
type workflow struct {
	newest   string
	versions map[string]*version
	schedule *schedule // nil = it starts by hand only
}

type version struct {
	definition *flow.Workflow
	createdAt  time.Time
	seq        uint64
}

// PutWorkflow stores a version and makes it the newest.
func (s *Store) PutWorkflow(ctx context.Context, w *flow.Workflow, name string) (bool, error) {
	if err := alive(ctx); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.workflows[w.ID]
	if held == nil {
		held = &workflow{versions: map[string]*version{}}
		s.workflows[w.ID] = held
	}
	held.newest = name
	s.reschedule(held, w, name)
	if held.versions[name] != nil {
		return false, nil
	}
	held.versions[name] = &version{definition: clone(w), createdAt: s.now(), seq: s.next()}
	return true, nil
}

// Workflow reads a version and names it.
func (s *Store) Workflow(ctx context.Context, id, name string) (*flow.Workflow, string, error) {
	if err := alive(ctx); err != nil {
		return nil, "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.workflows[id]
	if held == nil {
		return nil, "", flow.NotFound("workflow", id)
	}
	name = cmp.Or(name, held.newest)
	v := held.versions[name]
	if v == nil {
		return nil, "", flow.NotFound("version", id+"@"+name)
	}
	return clone(v.definition), name, nil
}

// Workflows lists the newest version of every workflow, by id.
func (s *Store) Workflows(ctx context.Context) ([]flow.WorkflowInfo, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []flow.WorkflowInfo
	for _, w := range s.workflows {
		out = append(out, w.info(w.newest))
	}
	slices.SortFunc(out, func(a, b flow.WorkflowInfo) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// Versions lists all versions of a workflow, the one stored last first.
func (s *Store) Versions(ctx context.Context, id string) ([]flow.WorkflowInfo, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.workflows[id]
	if w == nil {
		return nil, flow.NotFound("workflow", id)
	}
	var out []flow.WorkflowInfo
	for name := range w.versions {
		out = append(out, w.info(name))
	}
	slices.SortFunc(out, func(a, b flow.WorkflowInfo) int {
		return int(w.versions[b.Version].seq) - int(w.versions[a.Version].seq)
	})
	return out, nil
}

func (w *workflow) info(name string) flow.WorkflowInfo {
	v := w.versions[name]
	return flow.WorkflowInfo{
		ID: v.definition.ID, Name: v.definition.Name, Version: name,
		Versions: len(w.versions), CreatedAt: v.createdAt,
	}
}

// nodeKey names a node for people; its index does when the definition is unknown.
func (s *Store) nodeKey(e *execution, node int) string {
	if e != nil {
		if w := s.workflows[e.head.Workflow]; w != nil {
			if v := w.versions[e.head.Version]; v != nil && node < len(v.definition.Nodes) {
				return v.definition.Nodes[node].Key
			}
		}
	}
	return strconv.Itoa(node)
}
