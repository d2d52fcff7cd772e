package hooks

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// respondAtOnce and respondByNode are response types; the third is on_completion.
const (
	respondAtOnce = "immediately"
	respondByNode = "at_return_node"
)

// writing is how long a caller may take to read the answer.
const writing = 30 * time.Second

// answer tells the caller what became of the execution, as far as the trigger has them wait for it.
func (h *Triggers) answer(w http.ResponseWriter, r *http.Request, t *trigger, id string) error {
	if t.response == respondAtOnce {
		return respondJSON(w, http.StatusAccepted, wire.Accepted{ExecutionID: id})
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(t.timeout + writing)) // a server without deadlines needs no later one
	v := h.await(r.Context(), t, id)
	switch {
	case v == nil: // that it is started is told in any case
		return respondJSON(w, http.StatusAccepted, wire.Accepted{ExecutionID: id})
	case t.response == respondByNode && len(v.Reply) > 0:
		return respondReply(w, v.Reply)
	case v.Status == flow.Completed:
		return respondJSON(w, http.StatusOK, wire.OrNull(v.Output))
	case v.Status.Terminal():
		return ended(v)
	}
	return respondJSON(w, http.StatusAccepted, wire.Unfinished{ExecutionID: id, Status: v.Status})
}

// await waits as long as the trigger says, and no longer than the server lives. nil = it could not be learned.
func (h *Triggers) await(ctx context.Context, t *trigger, id string) *flow.View {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	go func() {
		select {
		case <-h.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	wait := h.Engine.Await
	if t.response == respondByNode {
		wait = h.Engine.AwaitReply
	}
	v, err := wait(ctx, id)
	if err != nil && ctx.Err() == nil {
		h.Logger.WarnContext(ctx, "a caller could not be told what became of the execution", "execution", id, "workflow", t.workflow, "error", err)
	}
	return v
}

// ended is the problem of an execution that did not complete. What went wrong in it is not for callers: they get its code.
func ended(v *flow.View) error {
	p := flow.Problemf("execution_failed", "the execution is %s", v.Status)
	p.Details = map[string]any{"execution_id": v.ID, "status": string(v.Status)}
	if v.Error != nil {
		p.Details["error_code"] = v.Error.Code
	}
	return p
}

// respondReply writes what a step of the execution answers.
func respondReply(w http.ResponseWriter, raw json.RawMessage) error {
	var reply flow.HTTPReply
	if err := json.Unmarshal(raw, &reply); err != nil || reply.Status < 200 || reply.Status > 599 {
		return flow.Problemf("execution_failed", "the execution replied with something that is no HTTP answer")
	}
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	for name, values := range reply.Headers {
		header[http.CanonicalHeaderKey(name)] = values
	}
	header.Set("X-Content-Type-Options", "nosniff")
	// It comes from the console's own origin: whatever page it is must not act as the console.
	header.Set("Content-Security-Policy", "sandbox")
	w.WriteHeader(reply.Status)
	_, _ = io.WriteString(w, reply.Body) // the caller is gone: nobody is left to tell
	return nil
}

func respondJSON(w http.ResponseWriter, status int, v any) error {
	raw, err := flow.Encode(v)
	if err != nil {
		return err
	}
	wire.Write(w, status, "application/json", raw)
	return nil
}
