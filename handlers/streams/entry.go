package streams

import (
	"context"
	"errors"
	"unicode/utf8"

	"prana/engine/flow"
	"prana/engine/telemetry"
)

// typeField names the type of an event, where the configuration does not.
const typeField = "type"

// maxID is the longest id of an entry, in bytes.
const maxID = 256

// serve does what an entry asks for. nil = it is done with: stored, or refused for good.
func (r *reader) serve(ctx context.Context, e flow.StreamEntry) error {
	err := r.act(ctx, e)
	if err == nil || !r.hopeless(ctx, e, err) {
		return err
	}
	if err := r.Source.Refuse(ctx, e, err.Error()); err != nil {
		return err
	}
	r.Counters.Refused(ctx, r.Name)
	r.Logger.WarnContext(ctx, "an entry of a stream was refused", "entry", e.ID, "error", err)
	return nil
}

func (r *reader) act(ctx context.Context, e flow.StreamEntry) error {
	if err := check(e); err != nil {
		return err
	}
	id, err := r.idOf(e)
	if err != nil {
		return err
	}
	data, err := r.dataOf(e)
	if err != nil {
		return err
	}
	if r.Workflow != "" {
		_, err := r.Engine.Start(ctx, flow.StartRequest{Workflow: r.Workflow, ID: id, Input: data, Trace: traceOf(ctx, e)})
		return err
	}
	kind := r.Event
	if kind == "" {
		kind = e.Fields[typeField]
	}
	_, err = r.Engine.Publish(ctx, flow.Event{Type: kind, ID: id, Data: data, Trace: traceOf(ctx, e)})
	return err
}

// check refuses what would be stored as something else than was written.
func check(e flow.StreamEntry) error {
	if e.Fields == nil {
		return flow.Problemf(flow.ErrGone.Code, "the entry was deleted from the stream before it was acknowledged, and perhaps before it was read")
	}
	for name, value := range e.Fields {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return flow.Problemf(flow.ErrInvalid.Code, "field %q is not UTF-8", flow.Cut(name, 64))
		}
	}
	return nil
}

// idOf is what the entry counts once by.
func (r *reader) idOf(e flow.StreamEntry) (string, error) {
	id := e.Fields[r.ID]
	if id == "" {
		return r.Key + ":" + e.ID, nil
	}
	if len(id) > maxID {
		return "", flow.Problemf(flow.ErrInvalid.Code, "field %q, the id, has %d bytes; at most %d are taken", r.ID, len(id), maxID)
	}
	return id, nil
}

// dataOf is the field of data as it stands, to be judged by the engine, or the whole entry.
func (r *reader) dataOf(e flow.StreamEntry) ([]byte, error) {
	if data, ok := e.Fields[r.Data]; ok {
		return []byte(data), nil
	}
	return flow.Encode(e.Fields)
}

func traceOf(ctx context.Context, e flow.StreamEntry) map[string]string {
	carrier := map[string]string{"traceparent": e.Fields["traceparent"], "tracestate": e.Fields["tracestate"]}
	return telemetry.Inject(telemetry.Extract(ctx, carrier))
}

// hopeless tells whether no later try can serve the same entry: when the engine answered, and it is not room that is missing
// among kept events, nor the workflow, be it that it is of node types that this process does not have.
func (r *reader) hopeless(ctx context.Context, e flow.StreamEntry, err error) bool {
	var p *flow.Problem
	if !errors.As(err, &p) || errors.Is(err, flow.ErrUnavailable) || errors.Is(err, flow.ErrTooManyEvents) || ctx.Err() != nil {
		return false
	}
	return r.Workflow == "" || e.Fields == nil || r.Engine.Startable(ctx, r.Workflow) == nil
}
