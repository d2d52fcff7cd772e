package streams

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"unicode/utf8"

	"prana/engine/flow"
	"prana/engine/fuzztest"
)

// asked notes what the engine and the source of a stream are asked for.
type asked struct {
	Source
	Engine
	events  []flow.Event
	starts  []flow.StartRequest
	refused []string
}

var errBadData = flow.Problemf(flow.ErrInvalid.Code, "the data is no JSON")

func (a *asked) Publish(_ context.Context, e flow.Event) (flow.PublishResult, error) {
	if e.Type == "" || !json.Valid(e.Data) { // as the engine judges
		return flow.PublishResult{}, errBadData
	}
	a.events = append(a.events, e)
	return flow.PublishResult{}, nil
}

func (a *asked) Start(_ context.Context, r flow.StartRequest) (flow.StartResult, error) {
	if !json.Valid(r.Input) {
		return flow.StartResult{}, errBadData
	}
	a.starts = append(a.starts, r)
	return flow.StartResult{}, nil
}

func (a *asked) Startable(context.Context, string) error { return nil }

func (a *asked) Refuse(_ context.Context, _ flow.StreamEntry, reason string) error {
	a.refused = append(a.refused, reason)
	return nil
}

// FuzzEntry: an entry of a stream is served, once, or refused with a reason, so that it is never in the way of others.
func FuzzEntry(f *testing.F) {
	f.Add("1-0", "type", "paid", "data", `{"n":1}`, "e1", "", true)
	f.Add("1-0", "type", "", "x", "y", "", "ship", true)
	f.Add("1-0", "data", "{", "type", "a", "\xff", "", false)
	f.Add("", "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "", "", "", "w", false)
	f.Fuzz(func(t *testing.T, entry, name1, value1, name2, value2, id, workflow string, says bool) {
		event := "paid"
		if says {
			event = "" // the entry says it
		}
		e := flow.StreamEntry{ID: entry, Fields: map[string]string{name1: value1, name2: value2, "id": id}}
		var a *asked
		var err error
		fuzztest.Cheap(t, func() {
			a = &asked{}
			r := &reader{Stream: Stream{Name: "s", Key: "k", Event: event, Workflow: workflow, Data: "data", ID: "id", Source: a, Engine: a, Logger: slog.New(slog.DiscardHandler)}}
			err = r.serve(t.Context(), e)
		})
		if err != nil || len(a.events)+len(a.starts)+len(a.refused) != 1 {
			t.Errorf("%+v: %v; %+v", e, err, a)
		}
		for _, got := range a.events {
			if !utf8.ValidString(got.Type) || len(got.ID) > maxID {
				t.Errorf("%+v is published", got)
			}
		}
		if errors.Is(err, errBadData) {
			t.Error("what nobody can serve is tried again")
		}
	})
}
