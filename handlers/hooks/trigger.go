package hooks

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"prana/engine/flow"
)

const (
	// MaxRequest bounds the body of a request that starts a workflow; what is kept of it is bounded as every input.
	MaxRequest = 1 << 20
	// MaxWaiting is how many callers wait in one process for what becomes of their executions.
	MaxWaiting = 1000
)

// triggerPrefix is the path below which workflows are started, and triggerType the node type that allows it.
const (
	triggerPrefix = "/webhook/"
	triggerType   = "http.webhook_trigger"
)

// Engine is what starts workflows, and knows what becomes of them.
type Engine interface {
	Starter
	Trigger(ctx context.Context, workflow string) (flow.Trigger, error)
	Await(ctx context.Context, id string) (*flow.View, error)
	AwaitReply(ctx context.Context, id string) (*flow.View, error)
}

// TriggersConfig is what Triggers are made of.
type TriggersConfig struct {
	Engine Engine
	// Anonymous judges requests for workflows that ask for no proof; nil = they may come from anywhere.
	Anonymous func(r *http.Request) error
	// Public: the server listens beyond this machine; workflows that ask for no proof are warned of, once each.
	Public bool
	Now    func() time.Time // nil = time.Now
	Logger *slog.Logger     // nil = none
}

// Triggers starts workflows whose trigger is a http.webhook_trigger: it serves /webhook/{workflow} and all below it.
type Triggers struct {
	TriggersConfig
	slots   chan struct{} // of callers who wait
	closing chan struct{}
	close   sync.Once
	warned  sync.Map // workflows
}

// NewTriggers makes the handler of /webhook/.
func NewTriggers(c TriggersConfig) *Triggers {
	h := &Triggers{TriggersConfig: c, slots: make(chan struct{}, MaxWaiting), closing: make(chan struct{})}
	if h.Now == nil {
		h.Now = time.Now
	}
	if h.Logger == nil {
		h.Logger = slog.New(slog.DiscardHandler)
	}
	return h
}

// Close answers who waits with what is known by now; the executions go on.
func (h *Triggers) Close() { h.close.Do(func() { close(h.closing) }) }

// ServeHTTP looks for the workflow, judges method and caller, reads the body, starts, answers: in this order.
func (h *Triggers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t, err := h.find(r)
	if err == nil && !t.accepts(r.Method) {
		err = notAccepted(w, r, t)
	} else if err == nil {
		err = h.serve(w, r, t)
	}
	if err != nil {
		refuse(w, err)
	}
}

// trigger is the webhook of one workflow.
type trigger struct {
	workflow, version string
	methods           []string
	auth              auth
	response          string
	timeout           time.Duration
}

// find gives the trigger that a path names.
func (h *Triggers) find(r *http.Request) (*trigger, error) {
	path := strings.TrimPrefix(r.URL.Path, triggerPrefix)
	workflow, _, _ := strings.Cut(path, "/")
	if !flow.ValidWorkflowID(workflow) {
		return nil, noTrigger(r)
	}
	found, err := h.Engine.Trigger(r.Context(), workflow)
	switch {
	case errors.Is(err, flow.ErrNotFound):
		return nil, noTrigger(r)
	case errors.Is(err, flow.ErrUnavailable):
		return nil, err
	case err != nil:
		return nil, h.broken(r, workflow, err)
	}
	if suffix, _ := found.Params["path"].(string); found.Type != triggerType || path != workflow+suffix {
		return nil, noTrigger(r)
	}
	t := triggerOf(workflow, found)
	if reason := t.auth.broken(); reason != "" {
		return nil, h.broken(r, workflow, errors.New(reason))
	}
	return t, nil
}

func noTrigger(r *http.Request) error {
	return flow.Problemf(flow.ErrNotFound.Code, "there is no webhook at %s", flow.Cut(r.URL.Path, 200))
}

// errBroken says nothing of why: whoever it is, they proved nothing yet.
var errBroken = errors.New("the trigger of the workflow cannot be used")

// broken tells the operator why a trigger can start nothing.
func (h *Triggers) broken(r *http.Request, workflow string, err error) error {
	h.Logger.ErrorContext(r.Context(), "the webhook of a workflow cannot be used; correct its trigger, or the secrets that it names", "workflow", workflow, "error", err)
	return errBroken
}

// triggerOf reads the parameters, which fit the fields of the type.
func triggerOf(workflow string, found flow.Trigger) *trigger {
	t := &trigger{workflow: workflow, version: found.Version}
	list, _ := found.Params["methods"].([]any)
	for _, m := range list {
		text, _ := m.(string)
		t.methods = append(t.methods, strings.ToUpper(text))
	}
	t.response, _ = found.Params["response_type"].(string)
	ms, _ := found.Params["response_timeout_ms"].(int)
	t.timeout = time.Duration(ms) * time.Millisecond
	t.auth = authOf(found.Params)
	return t
}

func (t *trigger) accepts(method string) bool { return slices.Contains(t.methods, method) }

// notAccepted says which methods are. Who asks for just that by OPTIONS gets no error.
func notAccepted(w http.ResponseWriter, r *http.Request, t *trigger) error {
	allow := strings.Join(append(slices.Clone(t.methods), http.MethodOptions), ", ")
	w.Header().Set("Allow", allow)
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return flow.Problemf("method_not_allowed", "%s cannot be used here; %s can", flow.Cut(r.Method, 20), allow)
}

func (h *Triggers) serve(w http.ResponseWriter, r *http.Request, t *trigger) error {
	if err := h.admit(w, r, t); err != nil {
		h.Logger.WarnContext(r.Context(), "webhook refused", "workflow", t.workflow, "error", err)
		return err
	}
	req, err := startOf(w, r, t)
	if err != nil {
		return err
	}
	if t.response == respondAtOnce {
		return h.start(w, r, t, req)
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
		return h.start(w, r, t, req)
	default:
		p := flow.Problemf(flow.ErrUnavailable.Code, "too many callers wait for their executions; nothing was started")
		p.RetryAfter = time.Second
		return p
	}
}

func (h *Triggers) start(w http.ResponseWriter, r *http.Request, t *trigger, req flow.StartRequest) error {
	res, err := h.Engine.Start(r.Context(), req)
	if err != nil {
		return err
	}
	if res.Replayed {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	return h.answer(w, r, t, res.ExecutionID)
}
