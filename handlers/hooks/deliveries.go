package hooks

import (
	"cmp"
	"context"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

const (
	// noteWithin bounds how long a delivery is noted; senders wait for it.
	noteWithin = time.Second
	// namedExecutions is how many executions a delivery names.
	namedExecutions = 20
)

// note keeps what came of a delivery. Whether that works or not, the answer is the same.
func (hs *Hooks) note(ctx context.Context, d *flow.Delivery, a answer, err error) {
	if err != nil {
		doc := wire.ProblemOf(err)
		d.Outcome, d.Code, d.Reason = flow.DeliveryRefused, doc.Code, flow.Cut(cmp.Or(d.Reason, doc.Detail), 500)
	} else {
		d.Outcome, d.Count, d.Buffered, d.Repeated = a.Status, a.Count, a.Buffered, a.repeated
		d.Executions = a.Executions[:min(len(a.Executions), namedExecutions)]
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteWithin)
	defer cancel()
	if err := hs.Deliveries.NoteDelivery(ctx, *d); err != nil {
		hs.Logger.WarnContext(ctx, "a delivery could not be noted; it counts all the same", "hook", d.Hook, "error", err)
	}
}

// List tells which hooks there are.
func (hs *Hooks) List(ctx context.Context) ([]flow.HookView, error) {
	names := hs.names()
	counts, err := hs.Deliveries.CountDeliveries(ctx, names)
	if err != nil {
		return nil, err
	}
	views := make([]flow.HookView, len(names))
	for i, name := range names {
		h := hs.hooks[name]
		views[i] = flow.HookView{Name: name, Scheme: h.Scheme, Event: h.Event, Workflow: h.Workflow, Kept: counts[i]}
	}
	return views, nil
}

// History lists the last deliveries of a hook, or of all names that no hook has.
func (hs *Hooks) History(ctx context.Context, f flow.DeliveryFilter) (flow.Page[flow.Delivery], error) {
	if hs.hooks[f.Hook] == nil && f.Hook != flow.NoHook {
		return flow.Page[flow.Delivery]{}, flow.NotFound("hook", flow.Cut(f.Hook, 64))
	}
	return hs.Deliveries.Deliveries(ctx, f)
}

// Show gives one delivery whole.
func (hs *Hooks) Show(ctx context.Context, name, id string) (flow.Delivery, error) {
	if hs.hooks[name] == nil && name != flow.NoHook {
		return flow.Delivery{}, flow.NotFound("hook", flow.Cut(name, 64))
	}
	return hs.Deliveries.Delivery(ctx, name, id)
}

// Replay acts once more by a delivery that was let in then, as the hook is now, under an id of its own. The same key
// replays it once, and is another key for each delivery; empty = each time.
func (hs *Hooks) Replay(ctx context.Context, name, id, key string, trace map[string]string) (wire.Processed, bool, error) {
	was, err := hs.Show(ctx, name, id)
	if err != nil {
		return wire.Processed{}, false, err
	}
	if !was.Signed {
		return wire.Processed{}, false, flow.Problemf(flow.ErrConflict.Code, "delivery %s was not signed for the hook, so nothing of it was kept", id)
	}
	d := &flow.Delivery{
		Hook: name, ReplayOf: id, Key: "replay:" + replayKey(id, key),
		Signed: true, Size: was.Size, Digest: was.Digest, Headers: was.Headers, Query: was.Query, Body: was.Body,
	}
	a, err := hs.process(ctx, hs.hooks[name], d, trace)
	hs.note(ctx, d, a, err)
	return a.Processed, a.repeated, err
}

// replayKey is what a replay counts once by, of a length that fits an id.
func replayKey(id, key string) string {
	if key == "" {
		return flow.NewToken() + flow.NewToken()
	}
	if key = id + ":" + key; len(key) > maxID {
		return digest([]byte(key))
	}
	return key
}
