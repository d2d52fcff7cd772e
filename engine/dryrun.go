package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"prana/engine/flow"
)

// Bounds of a dry run.
const (
	previewed  = 100   // waits of each kind that are named
	looksAtMax = 1_000 // waits of the type among which those are sought that would not take it
)

// DryRun tells what an event would do, as if its id were new, and changes nothing.
func (e *Engine) DryRun(ctx context.Context, ev flow.Event) (flow.EventPreview, error) {
	if err := e.checkEvent(&ev); err != nil {
		return flow.EventPreview{}, err
	}
	r := &rehearsal{e: e, ev: ev, seen: map[string]flow.WaitPreview{}, places: map[string]int{}}
	r.out = flow.EventPreview{DryRun: true, Executions: []string{}, Waits: []flow.WaitPreview{}}
	if err := errors.Join(r.hits(ctx), r.misses(ctx)); err != nil {
		return flow.EventPreview{}, fmt.Errorf("trying out event %s: %w", ev.ID, err)
	}
	r.out.Buffered = ev.TTL > 0 && !r.spent()
	return r.out, nil
}

// rehearsal is an event that is offered to nobody.
type rehearsal struct {
	e      *Engine
	ev     flow.Event
	out    flow.EventPreview
	seen   map[string]flow.WaitPreview // waits whose filter it passes, that would not take it
	places map[string]int              // how many of a group take it
}

// hits judges the waits that its type and filter lead to.
func (r *rehearsal) hits(ctx context.Context) error {
	for cursor := ""; ; {
		waits, next, err := r.e.store.Waiting(ctx, r.ev, nil, cursor, waitersAtOnce)
		if err != nil {
			return err
		}
		judged, err := r.judgeAll(ctx, waits)
		if err != nil {
			return err
		}
		for _, w := range waits {
			if v, ok := judged[w.Wait]; ok {
				r.hit(w, v)
			}
		}
		if cursor = next; cursor == "" {
			return nil
		}
	}
}

func (r *rehearsal) hit(w flow.Taker, v flow.WaitPreview) {
	if n := flow.Places(w.Group); v.Matches && (r.ev.Limit > 0 && r.out.Matched >= r.ev.Limit || n > 0 && r.places[w.Group] >= n) {
		v.Matches = false
		v.Reasons = []flow.Mismatch{{Taken: fmt.Sprintf("%d waits that came before it", cmp.Or(min(n, r.places[w.Group]), r.out.Matched))}}
	}
	if !v.Matches {
		r.seen[v.SuspensionID] = v
		return
	}
	r.out.Matched++
	r.places[w.Group]++
	if len(r.out.Executions) < flow.MaxNamed {
		r.out.Executions = append(r.out.Executions, v.ExecutionID)
	}
	if len(r.out.Waits) < previewed {
		r.out.Waits = append(r.out.Waits, v)
	}
	r.seen[v.SuspensionID] = v
}

// spent tells whether the event would be used up.
func (r *rehearsal) spent() bool {
	for group, n := range r.places {
		if !r.ev.Keep && (group == "" || flow.Places(group) > 0 && n >= flow.Places(group)) {
			return true
		}
	}
	return r.ev.Limit > 0 && r.out.Matched >= r.ev.Limit
}

// misses looks among the waits of the type for those that would not take it, and puts the nearest first.
func (r *rehearsal) misses(ctx context.Context) error {
	near := slices.SortedFunc(maps.Values(r.seen), func(a, b flow.WaitPreview) int { return cmp.Compare(a.SuspensionID, b.SuspensionID) })
	near = slices.DeleteFunc(near, func(v flow.WaitPreview) bool { return v.Matches })
	f := flow.SuspensionFilter{EventType: r.ev.Type, Limit: waitersAtOnce}
	for looked := 0; looked < looksAtMax && len(near) < previewed; looked += waitersAtOnce {
		page, err := r.e.store.Suspensions(ctx, f)
		if err != nil {
			return err
		}
		others, err := r.judgeAll(ctx, r.unseen(page.Items))
		if err != nil {
			return err
		}
		for _, v := range others {
			if !v.Matches { // else it came just now
				near = append(near, v)
			}
		}
		if f.Cursor = page.Cursor; f.Cursor == "" {
			break
		}
	}
	slices.SortFunc(near, func(a, b flow.WaitPreview) int {
		return cmp.Or(cmp.Compare(len(a.Reasons), len(b.Reasons)), cmp.Compare(a.SuspensionID, b.SuspensionID))
	})
	r.out.Waits = append(r.out.Waits, near[:min(len(near), previewed)]...)
	return nil
}

func (r *rehearsal) unseen(all []flow.Suspension) []flow.Taker {
	var waits []flow.Taker
	for _, s := range all {
		id, err := flow.ParseSuspensionID(s.ID)
		if _, seen := r.seen[s.ID]; err == nil && !seen {
			waits = append(waits, flow.Taker{Wait: id})
		}
	}
	return waits
}

// judgeAll tells of waits whether they want the event; those that are over, or cannot be read, are left out.
func (r *rehearsal) judgeAll(ctx context.Context, waits []flow.Taker) (map[flow.SuspensionID]flow.WaitPreview, error) {
	var mu sync.Mutex
	judged := map[flow.SuspensionID]flow.WaitPreview{}
	err := each(publishers, waits, func(t flow.Taker) error {
		v, ok, err := r.judge(ctx, t.Wait)
		if errors.Is(err, flow.ErrUnavailable) {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if ok && err == nil {
			judged[t.Wait] = v
		}
		return nil
	})
	return judged, err
}

// judge holds the event against one wait. False: it is over.
func (r *rehearsal) judge(ctx context.Context, w flow.SuspensionID) (flow.WaitPreview, bool, error) {
	x, err := r.e.store.Load(ctx, w.Execution, flow.Want{Steps: []flow.StepID{w.Step}})
	if isNotFound(err) {
		return flow.WaitPreview{}, false, nil
	}
	if err != nil || !waits(x, w) || x.Steps[w.Step].Wait.Event == nil {
		return flow.WaitPreview{}, false, err
	}
	p, err := r.e.planFor(ctx, x.Workflow, x.Version)
	if err != nil {
		return flow.WaitPreview{}, false, err
	}
	reasons, err := r.reasons(ctx, p, w, x.Steps[w.Step].Wait.Event)
	return flow.WaitPreview{
		SuspensionID: w.String(), ExecutionID: w.Execution, Workflow: x.Workflow, Node: p.Nodes[w.Step.Node].Key,
		Matches: len(reasons) == 0, Reasons: reasons,
	}, err == nil, err
}

// reasons lists the clauses of a subscription that the event does not satisfy. The match is judged when the filter is satisfied.
func (r *rehearsal) reasons(ctx context.Context, p *compiled, w flow.SuspensionID, sub *flow.Subscription) ([]flow.Mismatch, error) {
	data, err := flow.Decode(r.ev.Data)
	if err != nil {
		return nil, err
	}
	missed := append([]flow.Mismatch{}, sub.Misses(data)...)
	if len(missed) > 0 || sub.Match == "" {
		return missed, nil
	}
	v, err := r.e.judgeEvent(ctx, p, w, r.ev)
	if err != nil || v.wants {
		return missed, err
	}
	source, _ := p.Nodes[w.Step.Node].Lazy(sub.Match)
	m := flow.Mismatch{Match: fmt.Sprint(source), Got: json.RawMessage("false")}
	if v.err != nil {
		m.Got, m.Error = nil, v.err.Error()
	}
	return append(missed, m), nil
}
