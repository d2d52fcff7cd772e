package hooks

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"prana/engine/flow"
	"prana/engine/telemetry"
	"prana/handlers/api/wire"
)

// answer is what a sender is told.
type answer struct {
	wire.Processed
	repeated  bool
	challenge string // of Slack, which wants it back
}

// ServeHTTP bounds the body, verifies the signature, reads the body, acts: in this order. What came of it is noted
// whoever sent it, so that a hook that exists takes as long as one that does not.
func (hs *Hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, flow.Problemf("method_not_allowed", "webhooks are delivered by POST"))
		return
	}
	d := &flow.Delivery{Hook: flow.NoHook, Source: sourceOf(r), Size: r.ContentLength}
	a, err := hs.receive(w, r, d)
	hs.note(r.Context(), d, a, err)
	if err != nil {
		hs.Logger.WarnContext(r.Context(), "webhook refused", "hook", flow.Cut(nameOf(r), 64), "reason", d.Reason)
		refuse(w, err)
		return
	}
	respond(w, a)
}

func sourceOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// nameOf is the last segment, wherever the handler is mounted.
func nameOf(r *http.Request) string { return r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:] }

func (hs *Hooks) receive(w http.ResponseWriter, r *http.Request, d *flow.Delivery) (answer, error) {
	h, known := hs.hooks[nameOf(r)]
	if known {
		d.Hook = nameOf(r)
	} else {
		h = hs.nobody
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(hs.MaxBody)))
	if err != nil {
		return answer{}, unread(err, hs.MaxBody)
	}
	d.Size, d.Digest = int64(len(body)), digest(body)
	if err := hs.admit(h, known, r, body, d); err != nil {
		return answer{}, err
	}
	d.Signed, d.Body, d.Headers = true, string(body), h.headersOf(r.Header)
	if d.Query, err = queryOf(r.URL.RawQuery); err != nil {
		return answer{}, err
	}
	return hs.process(r.Context(), h, d, traceOf(r))
}

func unread(err error, limit int) error {
	if _, big := errors.AsType[*http.MaxBytesError](err); big {
		return flow.Problemf(flow.ErrTooLarge.Code, "the body is larger than %d bytes", limit)
	}
	return flow.Problemf(flow.ErrInvalid.Code, "the body cannot be read to its end")
}

// admit lets in what is signed for the hook. Whoever is not let in is never told why; the delivery is.
func (hs *Hooks) admit(h *hook, known bool, r *http.Request, body []byte, d *flow.Delivery) error {
	id, err := h.verify(delivery{r.Header, body}, hs.Now())
	if !known {
		err = errors.New("there is no such hook: " + flow.Cut(nameOf(r), 64))
	}
	if err != nil {
		d.Reason = err.Error()
		return flow.Problemf(wire.ErrUnauthorized.Code, "there is no such hook, or the delivery is not signed for it")
	}
	d.Key = id
	if h.Scheme == None && hs.Anonymous != nil {
		return hs.Anonymous(r)
	}
	return nil
}

// process reads what was let in, and acts by it.
func (hs *Hooks) process(ctx context.Context, h *hook, d *flow.Delivery, trace map[string]string) (answer, error) {
	if d.Body != "" {
		if err := wire.Check([]byte(d.Body)); err != nil {
			return answer{}, err
		}
	}
	if text := h.challenge(d.Body); text != "" {
		return answer{Processed: ignored, challenge: text}, nil
	}
	a, use, err := h.transform(d)
	if err != nil || !use {
		return answer{Processed: ignored}, err
	}
	if d.ReplayOf == "" {
		d.Key = cmp.Or(a.id, d.Key)
	}
	if d.Key == "" {
		d.Key = h.bodyID([]byte(d.Body))
	}
	return hs.act(ctx, h, d, a, trace)
}

var ignored = wire.Processed{Status: flow.DeliveryIgnored, Executions: []string{}}

// challenge is what Slack asks for to see that the address is ours.
func (h *hook) challenge(body string) string {
	var members map[string]any
	if h.Scheme != Slack || json.Unmarshal([]byte(body), &members) != nil || members["type"] != "url_verification" {
		return ""
	}
	text, _ := members["challenge"].(string)
	return text
}

// byID: the id alone says what is the same delivery. Stripe's bodies differ a little when they come again.
var byID = json.RawMessage("true")

// act publishes or starts. The id makes repeated deliveries count once; senders choose their ids without knowing each
// other, so the name of the hook keeps them apart.
func (hs *Hooks) act(ctx context.Context, h *hook, d *flow.Delivery, a act, trace map[string]string) (answer, error) {
	id := d.Hook + ":" + d.Key
	if h.Workflow != "" {
		res, err := hs.Starter.Start(ctx, flow.StartRequest{Workflow: h.Workflow, ID: id, Input: a.data, Same: byID, Trace: trace})
		return answer{
			Processed: wire.Processed{Status: flow.DeliveryProcessed, Count: 1, Executions: []string{res.ExecutionID}}, repeated: res.Replayed,
		}, err
	}
	res, err := hs.Publisher.Publish(ctx, flow.Event{ID: id, Type: a.event, Data: a.data, Trace: trace})
	return answer{
		Processed: wire.Processed{
			Status: flow.DeliveryProcessed, Count: res.Matched, Executions: append([]string{}, res.Executions...), Buffered: res.Buffered,
		}, repeated: res.Repeated,
	}, err
}

func traceOf(r *http.Request) map[string]string {
	carrier := map[string]string{"traceparent": r.Header.Get("traceparent"), "tracestate": r.Header.Get("tracestate")}
	return telemetry.Inject(telemetry.Extract(r.Context(), carrier))
}

func refuse(w http.ResponseWriter, err error) { wire.ProblemOf(err).Write(w) }

func respond(w http.ResponseWriter, a answer) {
	if a.repeated {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	var body any = a.Processed
	if a.challenge != "" {
		body = map[string]string{"challenge": a.challenge}
	}
	if err := respondJSON(w, http.StatusOK, body); err != nil {
		refuse(w, err)
	}
}
