package storetest

import (
	"encoding/json"

	"prana/engine/flow"
)

var definitionPromises = []promise{
	{"what does not exist is not found", func(w *world) {
		_, _, err := w.Store.Workflow(w.Context(), "nobody", "")
		w.wantErr(err, flow.ErrNotFound)
		_, _, err = w.Store.Workflow(w.Context(), "nobody", "v1")
		w.wantErr(err, flow.ErrNotFound)
		_, err = w.Store.Versions(w.Context(), "nobody")
		w.wantErr(err, flow.ErrNotFound)
		w.put("order", "v1", true)
		_, _, err = w.Store.Workflow(w.Context(), "order", "v2")
		w.wantErr(err, flow.ErrNotFound)
		all, err := w.Store.Workflows(w.Context())
		w.must(err)
		equal(w, "number of workflows", len(all), 1)
	}},
	{"a definition comes back as it was", func(w *world) {
		delay := int64(0)
		wf := &flow.Workflow{
			ID: "order", Name: "Ordér|@", Mode: flow.Sequential, TimeoutMS: 5, InputSchema: json.RawMessage(`{"type":"object"}`),
			Variables: map[string]any{"a": "{{ $input.x }}", "list": []any{}, "object": map[string]any{}, "half": 0.5},
			Nodes: []flow.Node{{
				Key: "call", Type: "http.request", Params: map[string]any{"url": "\x00", "n": 7},
				Settings: flow.Settings{RetryOnFailed: true, RetryDelayMS: &delay, Join: flow.Join{All: true}},
			}},
			Connections: []flow.Connection{{From: "call", To: "call", FromPort: "error"}},
		}
		created, err := w.Store.PutWorkflow(w.Context(), wf, "v1")
		w.must(err)
		equal(w, "created", created, true)
		got, version, err := w.Store.Workflow(w.Context(), "order", "")
		w.must(err)
		equal(w, "version", version, "v1")
		same(w, "workflow", got, wf)
	}},
	{"the version stored last is the newest", func(w *world) {
		w.put("order", "v1", true)
		w.put("order", "v2", true)
		equal(w, "newest", w.newest("order"), "v2")
		w.put("order", "v1", false)
		equal(w, "newest", w.newest("order"), "v1")
		_, version, err := w.Store.Workflow(w.Context(), "order", "v2")
		w.must(err)
		equal(w, "older", version, "v2")
	}},
	{"workflows and versions are listed", func(w *world) {
		began := w.Now()
		w.put("order", "v1", true)
		w.put("order", "v2", true)
		w.put("refund", "v1", true)
		all, err := w.Store.Workflows(w.Context())
		w.must(err)
		var got []string
		for _, i := range all {
			got = append(got, i.ID+" "+i.Version)
			equal(w, "versions", i.Versions, map[string]int{"order": 2, "refund": 1}[i.ID])
			equal(w, "name", i.Name, "name of "+i.ID)
			w.stamped("created", i.CreatedAt, began, 0)
		}
		sameSet(w, "workflows", got, []string{"order v2", "refund v1"})
		versions, err := w.Store.Versions(w.Context(), "order")
		w.must(err)
		got = nil
		for _, v := range versions {
			got = append(got, v.ID+" "+v.Version)
		}
		sameSet(w, "versions", got, []string{"order v1", "order v2"})
	}},
	{"of 20 that store one version one creates it", func(w *world) {
		created := race(20, func(int) bool {
			created, err := w.Store.PutWorkflow(w.Context(), &flow.Workflow{ID: "order"}, "v1")
			return err == nil && created
		})
		equal(w, "number of creators", created, 1)
	}},
}

func (w *world) put(id, version string, want bool) {
	w.Helper()
	created, err := w.Store.PutWorkflow(w.Context(), &flow.Workflow{ID: id, Name: "name of " + id}, version)
	w.must(err)
	equal(w, "created "+id+" "+version, created, want)
}

func (w *world) newest(id string) string {
	w.Helper()
	_, version, err := w.Store.Workflow(w.Context(), id, "")
	w.must(err)
	return version
}
