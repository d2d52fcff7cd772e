package inmem

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"prana/engine/flow"
)

// wait is a listed wait; what it waits for stands in its step.
type wait struct {
	id    flow.SuspensionID
	seq   uint64 // in order of registration
	event string // type of the event it subscribes to; empty = none
	shape string
	key   string
}

// delay is what became of a wait of type delay, for as long as its execution is remembered.
type delay struct {
	id         flow.SuspensionID
	since, due time.Time
	status     flow.DelayStatus
}

func (s *Store) openWait(e *execution, home *partition, id flow.SuspensionID) {
	step := e.steps[id.Step]
	if step == nil || step.Wait == nil {
		return
	}
	w := &wait{id: id, seq: s.next()}
	if sub := step.Wait.Event; sub != nil {
		w.event, w.shape, w.key = sub.Type, sub.Shape(), sub.Key()
	}
	home.waits[id] = w
	if step.Wait.Type == flow.Delay {
		e.delays = append(e.delays, &delay{id: id, since: step.Wait.Since, due: step.Wait.Due, status: flow.DelayPending})
	}
}

func (p *partition) closeWait(e *execution, id flow.SuspensionID) {
	delete(p.waits, id)
	for _, d := range e.delays {
		if d.id == id && d.status == flow.DelayPending {
			d.status = e.delayEnded(id)
		}
	}
}

// delayEnded reads from the step how its delay ended.
func (e *execution) delayEnded(id flow.SuspensionID) flow.DelayStatus {
	step := e.steps[id.Step]
	if step == nil || step.Status == flow.StepCancelled || step.Resumed == nil ||
		step.Resumed.Turn != id.Turn || step.Resumed.By == flow.ByCancel {
		return flow.DelayCancelled
	}
	return flow.DelayCompleted
}

// Waiting lists the waits of all partitions that an event matches, in order of registration. The
// cursor is the last one's place, so waits that end meanwhile hide no other.
func (s *Store) Waiting(ctx context.Context, e flow.Event, without []string, cursor string, limit int) ([]flow.Taker, string, error) {
	if err := alive(ctx); err != nil {
		return nil, "", err
	}
	data, err := flow.Decode(e.Data)
	if err != nil {
		return nil, "", flow.Problemf(flow.ErrInvalid.Code, "the data of event %s is not JSON: %v", e.ID, err)
	}
	after, err := parsePlace(cursor)
	if err != nil {
		return nil, "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*wait
	for _, p := range s.partitions {
		found = append(found, p.matching(e.Type, data, after)...)
	}
	found = slices.DeleteFunc(found, func(w *wait) bool { return slices.Contains(without, flow.GroupOf(w.shape, w.key)) })
	slices.SortFunc(found, func(a, b *wait) int { return cmp.Compare(a.seq, b.seq) })
	if limit <= 0 {
		limit = defaultLimit
	}
	if len(found) <= limit {
		return takers(found), "", nil
	}
	found = found[:limit]
	return takers(found), strconv.FormatUint(found[limit-1].seq, 10), nil
}

// matching asks the index once for each shape, as a real store does.
func (p *partition) matching(eventType string, data any, after uint64) []*wait {
	keys := map[string]string{}
	var found []*wait
	for _, w := range p.waits {
		if w.event != eventType || w.key == "" || w.seq <= after {
			continue
		}
		if _, ok := keys[w.shape]; !ok {
			keys[w.shape], _ = flow.KeyFor(eventType, w.shape, data)
		}
		if keys[w.shape] == w.key {
			found = append(found, w)
		}
	}
	return found
}

func takers(waits []*wait) []flow.Taker {
	var out []flow.Taker
	for _, w := range waits {
		out = append(out, flow.Taker{Wait: w.id, Group: flow.GroupOf(w.shape, w.key)})
	}
	return out
}

func parsePlace(cursor string) (uint64, error) {
	if cursor == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(cursor, 10, 64)
	if err != nil {
		return 0, flow.Problemf(flow.ErrInvalid.Code, "%q is not a cursor", flow.Cut(cursor, 40))
	}
	return n, nil
}
