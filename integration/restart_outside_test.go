package integration

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"time"

	"prana/engine/flow"
)

// answer is what the outside does: it ends waits as they appear, each once.
func (r *restarts) answer(ctx context.Context) {
	answered := map[string]bool{}
	for ctx.Err() == nil {
		for _, kind := range []string{flow.ExternalEvent, flow.Webhook, flow.Approval} {
			page, err := r.app.Store().Suspensions(ctx, flow.SuspensionFilter{Type: kind, Limit: 1000})
			if err != nil {
				continue // asked again
			}
			for _, wait := range page.Items {
				if !answered[wait.ID] && r.mayAnswer(ctx, wait) {
					answered[wait.ID] = r.answerOne(ctx, wait) == nil
				}
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (r *restarts) mayAnswer(ctx context.Context, wait flow.Suspension) bool {
	start, err := r.gate.start(ctx, wait.ExecutionID)
	r.mu.Lock()
	defer r.mu.Unlock()
	return err == nil && wait.Node != "unanswered" && !(r.sleep && strings.HasSuffix(start, "-asleep"))
}

func (r *restarts) answerOne(ctx context.Context, wait flow.Suspension) error {
	var data struct {
		Filter map[string]any `json:"event_filter"`
	}
	if err := json.Unmarshal(wait.Data, &data); err != nil {
		return err
	}
	answer := map[string]any{"answer": "yes"}
	maps.Copy(answer, data.Filter)
	if answer["by"] == "nobody" {
		return nil
	}
	var err error
	switch {
	case wait.Node == "cancel":
		err = r.engine.Cancel(ctx, flow.CancelRequest{Execution: wait.ExecutionID, Reason: "asked for"})
	case wait.Type == flow.Webhook:
		_, err = r.engine.Resume(ctx, flow.ResumeRequest{Token: wait.ID, Data: raw(answer)})
	case wait.Type == flow.Approval:
		_, err = r.engine.Resume(ctx, flow.ResumeRequest{Token: wait.ID, By: "Ada", Data: []byte(`{"decision":"approved","form":{"n":7}}`)})
	default:
		_, err = r.engine.Publish(ctx, flow.Event{ID: wait.ID, Type: wait.EventType, Data: raw(answer)})
	}
	return err
}
