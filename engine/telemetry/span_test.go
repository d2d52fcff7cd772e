package telemetry

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"prana/engine/flow"
)

var (
	spans   = tracetest.NewInMemoryExporter()
	install = sync.OnceFunc(func() {
		otel.SetTracerProvider(sdk.NewTracerProvider(sdk.WithSyncer(spans)))
		otel.SetTextMapPropagator(propagation.TraceContext{})
	})
)

// spansOf gives the ended spans of an execution, oldest first. The provider is
// the process's, so every test has executions of its own.
func spansOf(execution string) []tracetest.SpanStub {
	var found []tracetest.SpanStub
	for _, s := range spans.GetSpans() {
		if attr(s.Attributes, AttrExecution).AsString() == execution {
			found = append(found, s)
		}
	}
	return found
}

func attr(list []attribute.KeyValue, key string) attribute.Value {
	for _, kv := range list {
		if string(kv.Key) == key {
			return kv.Value
		}
	}
	return attribute.Value{}
}

// runStep does what a worker does in a process that knows only what is stored.
func runStep(s Step, err error) map[string]string {
	ctx, end := StartStep(context.Background(), s)
	defer end(err)
	return Inject(ctx)
}

func TestOneTraceFollowsAnExecution(t *testing.T) {
	t.Parallel()
	install()
	order, part := flow.NewExecutionID(0), flow.NewExecutionID(0)
	caller, span := otel.Tracer("caller").Start(t.Context(), "request")
	ctx, end := StartExecution(context.Background(), "", order, "order", "v1", Inject(caller))
	root := Inject(ctx)
	end(nil)
	span.End()

	first := runStep(Step{Execution: order, Node: "wait", Root: root}, nil)
	second := runStep(Step{Execution: order, Node: "wait", Kind: flow.KindResume, Root: root, Previous: first}, nil)
	runStep(Step{Execution: part, Node: "start", Root: second}, nil)

	parent, child := spansOf(order), spansOf(part)
	if len(parent) != 3 || len(child) != 1 {
		t.Fatalf("%d spans of the parent, %d of the child", len(parent), len(child))
	}
	for _, s := range append(parent, child...) {
		if s.SpanContext.TraceID() != span.SpanContext().TraceID() {
			t.Errorf("%s is in another trace than the request", s.Name)
		}
	}
	started, before, after := parent[0], parent[1], parent[2]
	below(t, started, span.SpanContext())
	below(t, before, started.SpanContext)
	below(t, after, started.SpanContext)
	below(t, child[0], after.SpanContext)
	if len(before.Links) != 0 || len(after.Links) != 1 || after.Links[0].SpanContext.SpanID() != before.SpanContext.SpanID() {
		t.Errorf("links: %v, then %v", before.Links, after.Links)
	}
}

func below(t *testing.T, s tracetest.SpanStub, parent trace.SpanContext) {
	t.Helper()
	if s.Parent.SpanID() != parent.SpanID() {
		t.Errorf("%s has parent %s, not %s", s.Name, s.Parent.SpanID(), parent.SpanID())
	}
}

func TestWhatASpanTells(t *testing.T) {
	t.Parallel()
	install()
	id := flow.NewExecutionID(0)
	_, end := StartExecution(t.Context(), "prana.rerun", id, "order", "v1", nil)
	end(nil)
	runStep(Step{
		Execution: id, Workflow: "order", Version: "v1", Node: "call", NodeType: "http.request",
		Run: 2, Attempt: 1, Kind: flow.KindStep,
	}, nil)
	got := spansOf(id)
	if got[0].Name != "prana.rerun" || got[0].SpanKind != trace.SpanKindProducer {
		t.Errorf("the start is %s, %s", got[0].Name, got[0].SpanKind)
	}
	step := got[1]
	if step.Name != "prana.step call" || step.SpanKind != trace.SpanKindConsumer || step.Status.Code != codes.Unset {
		t.Errorf("the step is %s, %s, %v", step.Name, step.SpanKind, step.Status)
	}
	want := attribute.NewSet(
		attribute.String("prana.execution.id", id), attribute.String("prana.workflow.id", "order"),
		attribute.String("prana.workflow.version", "v1"), attribute.String("prana.node.key", "call"),
		attribute.String("prana.node.type", "http.request"), attribute.Int("prana.run", 2),
		attribute.Int("prana.attempt", 1), attribute.String("prana.dispatch.kind", "step"),
		attribute.String("messaging.system", "asynq"), attribute.String("messaging.operation.type", "process"),
	)
	if set := attribute.NewSet(slices.Clone(step.Attributes)...); !set.Equals(&want) {
		t.Errorf("attributes %v", step.Attributes)
	}
}

func TestErrorsAreToldByCodeAlone(t *testing.T) {
	t.Parallel()
	install()
	var none *flow.Problem
	for name, c := range map[string]struct {
		err  error
		code string
	}{
		"problem":   {flow.Problemf("http_500", "card 4111"), "http_500"},
		"wrapped":   {errors.Join(flow.ErrNotFound), "not_found"},
		"nameless":  {&flow.Problem{Message: "card 4111"}, "error"},
		"other":     {errors.New("card 4111"), "error"},
		"cancelled": {context.Canceled, "cancelled"},
		"deadline":  {context.DeadlineExceeded, "timeout"},
		"nil":       {nil, ""},
		"typed nil": {none, ""},
	} {
		id := flow.NewExecutionID(0)
		runStep(Step{Execution: id, Node: "n"}, c.err)
		s := spansOf(id)[0]
		if s.Status.Description != c.code || attr(s.Attributes, AttrErrorType).AsString() != c.code || len(s.Events) != 0 {
			t.Errorf("%s: status %v, events %v", name, s.Status, s.Events)
		}
		if (s.Status.Code == codes.Error) != (c.code != "") {
			t.Errorf("%s: status %v", name, s.Status)
		}
	}
}

func TestCarriers(t *testing.T) {
	t.Parallel()
	install()
	if c := Inject(t.Context()); c != nil {
		t.Errorf("without a span the carrier is %v", c)
	}
	for _, c := range []map[string]string{nil, {}, {"traceparent": "rubbish"}, {"other": "x"}} {
		if sc := spanContext(c); sc.IsValid() {
			t.Errorf("%v gives %v", c, sc)
		}
	}
	carrier := map[string]string{
		"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"tracestate":  "a=" + strings.Repeat("x", 250),
	}
	if got := Inject(Extract(t.Context(), carrier)); got["traceparent"] != carrier["traceparent"] || got["tracestate"] != carrier["tracestate"] {
		t.Errorf("%v came back as %v", carrier, got)
	}
	carrier["tracestate"] += ",b=" + strings.Repeat("x", 250) + ",c=" + strings.Repeat("x", 250)
	if got := Inject(Extract(t.Context(), carrier)); len(got) != 1 {
		t.Errorf("a long tracestate is stored: %v", got)
	}
}

func TestOnlyTheFirstProviderIsAPlaceholder(t *testing.T) {
	t.Parallel()
	install()
	if unset == nil || placeholder(otel.GetTracerProvider()) != nil || idle(otel.GetTracerProvider()) {
		t.Error("a provider that records is taken for none, or none was found at the start")
	}
	if !idle(noop.NewTracerProvider()) || !idle(unset) {
		t.Error("nobody traces, and it goes unnoticed")
	}
}

// A process without tracing passes the trace of others on, and does not break it.
func TestUntracedProcessPassesTraceOn(t *testing.T) {
	t.Parallel()
	install()
	root := runStep(Step{Execution: "0passed", Node: "n"}, nil)
	ctx, end := startStep(t.Context(), noop.NewTracerProvider(), &Step{Root: root})
	end(errors.New("nobody hears"))
	if got := Inject(ctx); got["traceparent"] != root["traceparent"] {
		t.Errorf("%v is passed on as %v", root, got)
	}
}
