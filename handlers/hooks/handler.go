package hooks

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"prana/engine/flow"
	"prana/engine/telemetry"
	"prana/handlers/api/wire"
)

type handler struct {
	Config
	hooks map[string]Hook // checked, with defaults
}

// nobody stands in for a hook that does not exist, so that an unknown name
// takes as long, and is answered like, a wrong signature. Its secret is nobody's.
var nobody = Hook{Scheme: Standard, Secret: []byte(flow.NewToken() + flow.NewToken() + flow.NewToken())}

// ServeHTTP bounds the body, verifies the signature, reads the body, acts: in
// this order.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, flow.Problemf("method_not_allowed", "webhooks are delivered by POST"))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		refuse(w, unread(err, MaxBody))
		return
	}
	answer, repeated, err := h.receive(r, body)
	if err != nil {
		h.Logger.WarnContext(r.Context(), "webhook refused", "hook", flow.Cut(nameOf(r), 64), "error", err)
		refuse(w, err)
		return
	}
	respond(w, answer, repeated)
}

func unread(err error, limit int) error {
	if _, big := errors.AsType[*http.MaxBytesError](err); big {
		return flow.Problemf(flow.ErrTooLarge.Code, "the body is larger than %d bytes", limit)
	}
	return flow.Problemf(flow.ErrInvalid.Code, "the body cannot be read to its end")
}

func (h *handler) receive(r *http.Request, body []byte) (answer wire.Processed, repeated bool, err error) {
	name := nameOf(r)
	hook, known := h.hooks[name]
	if !known {
		hook = nobody
	}
	id, ok := hook.verify(delivery{header: r.Header, body: body, now: h.Now()})
	if !ok || !known {
		return answer, false, flow.Problemf(wire.ErrUnauthorized.Code, "there is no such hook, or the delivery is not signed for it")
	}
	if len(body) > 0 {
		if err := wire.Check(body); err != nil {
			return answer, false, err
		}
	}
	// Senders choose their ids without knowing each other: the name keeps them apart.
	return h.act(r.Context(), hook, name+":"+id, body, traceOf(r))
}

// nameOf is the last segment, wherever the handler is mounted.
func nameOf(r *http.Request) string { return r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:] }

// act publishes or starts. The id makes repeated deliveries count once.
func (h *handler) act(ctx context.Context, hook Hook, id string, body []byte, trace map[string]string) (wire.Processed, bool, error) {
	if hook.Workflow != "" {
		res, err := h.Starter.Start(ctx, flow.StartRequest{Workflow: hook.Workflow, ID: id, Input: body, Trace: trace})
		return wire.Processed{Status: "processed", Count: 1, Executions: []string{res.ExecutionID}}, res.Replayed, err
	}
	res, err := h.Publisher.Publish(ctx, flow.Event{ID: id, Type: hook.Event, Data: body, Trace: trace})
	return wire.Processed{
		Status: "processed", Count: res.Matched, Executions: append([]string{}, res.Executions...), Buffered: res.Buffered,
	}, res.Repeated, err
}

func traceOf(r *http.Request) map[string]string {
	carrier := map[string]string{"traceparent": r.Header.Get("traceparent"), "tracestate": r.Header.Get("tracestate")}
	return telemetry.Inject(telemetry.Extract(r.Context(), carrier))
}

func refuse(w http.ResponseWriter, err error) { wire.ProblemOf(err).Write(w) }

func respond(w http.ResponseWriter, answer wire.Processed, repeated bool) {
	if repeated {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	if err := respondJSON(w, http.StatusOK, answer); err != nil {
		refuse(w, err)
	}
}
