package integration

import (
	"encoding/json"
	"testing"
	"time"

	"prana/engine/enginetest"
	"prana/engine/flow"
)

// clockHouse is an engine in memory whose time passes when the case says so.
type clockHouse struct {
	*enginetest.Env
	t *testing.T
}

func (h *clockHouse) real() bool                             { return false }
func (h *clockHouse) settle()                                { h.Run() }
func (h *clockHouse) pass(d time.Duration)                   { h.Advance(d) }
func (h *clockHouse) miss(_ string, d time.Duration)         { h.Advance(d) }
func (h *clockHouse) comesTrue(ask func() error) error       { return ask() }
func (h *clockHouse) path(v *flow.View, _ []string) []string { return h.Path(v.ID) }

// call begins what the trigger would begin, and reads the answer that is stored.
func (h *clockHouse) call(workflow string, w galleryWebhook) (execution string, got worldAnswer) {
	h.t.Helper()
	body, err := flow.Decode(w.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	id := h.Start(workflow, map[string]any{"method": "POST", "path": "/webhook/" + workflow, "headers": map[string]any{}, "query": map[string]any{}, "body": body})
	h.Run()
	var reply flow.HTTPReply
	if err := json.Unmarshal(h.Execution(id).Reply, &reply); err != nil {
		h.t.Fatalf("nobody answered: %v", err)
	}
	return id, worldAnswer{Status: reply.Status, Body: json.RawMessage(reply.Body)}
}

func (h *clockHouse) follow(token string, data json.RawMessage) error {
	_, err := h.Engine().ResumeByToken(h.t.Context(), token, flow.ResumeRequest{Data: data})
	return err
}

func (h *clockHouse) began(workflow string) []string {
	page, err := h.Store().Executions(h.t.Context(), flow.ExecutionFilter{Workflow: workflow})
	if err != nil {
		h.t.Fatal(err)
	}
	return executionIDs(page)
}

func executionIDs(page flow.Page[flow.Summary]) []string {
	var ids []string
	for _, x := range page.Items {
		ids = append(ids, x.ID)
	}
	return ids
}
