package telemetry

import (
	"context"
	"errors"
	"reflect"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"prana/engine/flow"
)

// Step describes one attempt of one step to its span.
type Step struct {
	Execution, Workflow, Version string
	Node, NodeType               string
	Run, Attempt                 int
	Kind                         string // flow.KindStep or flow.KindResume

	// Root is the carrier of the execution's first span, the parent of all its steps. For a child it is
	// that of the parent's step, so that both are one trace.
	Root map[string]string
	// Previous is the carrier of the span before this one, which is linked; nil for the first.
	Previous map[string]string
}

// StartExecution begins the span under which an execution is created: in the
// caller's trace when the carrier has one, else below the current span. The
// context has the new span, whose carrier is the Root of every step. An empty
// name means SpanStart. Call the function it gives exactly once.
func StartExecution(
	ctx context.Context, name string, execution, workflow, version string, carrier map[string]string,
) (context.Context, func(error)) {
	ctx = Extract(ctx, carrier)
	tracers := otel.GetTracerProvider()
	if idle(tracers) {
		return ctx, unrecorded
	}
	if name == "" {
		name = SpanStart
	}
	ctx, span := tracers.Tracer(Scope).Start(ctx, name,
		trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(
			attribute.String(AttrExecution, execution),
			attribute.String(AttrWorkflow, workflow),
			attribute.String(AttrVersion, version),
			attribute.String(AttrSystem, System),
			attribute.String(AttrOperation, OperationSend),
		))
	return ctx, ending(span)
}

// StartStep begins the span of one attempt: a child of the execution's first
// span, linked to the span before. The function it gives ends the span with
// the outcome and must be called once, before the step sleeps: a span that is
// open through a suspension is lost with its process.
func StartStep(ctx context.Context, s Step) (context.Context, func(error)) {
	return startStep(ctx, otel.GetTracerProvider(), &s)
}

func startStep(ctx context.Context, tracers trace.TracerProvider, s *Step) (context.Context, func(error)) {
	ctx = Extract(ctx, s.Root) // also when nobody traces here: the trace of others is passed on
	if idle(tracers) {
		return ctx, unrecorded
	}
	options := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(s.attributes()...),
	}
	if before := spanContext(s.Previous); before.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: before}))
	}
	ctx, span := tracers.Tracer(Scope).Start(ctx, SpanStep+" "+s.Node, options...)
	return ctx, ending(span)
}

func (s *Step) attributes() []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String(AttrExecution, s.Execution),
		attribute.String(AttrWorkflow, s.Workflow),
		attribute.String(AttrVersion, s.Version),
		attribute.String(AttrNode, s.Node),
		attribute.String(AttrNodeType, s.NodeType),
		attribute.Int(AttrRun, s.Run),
		attribute.Int(AttrAttempt, s.Attempt),
		attribute.String(AttrKind, s.Kind),
		attribute.String(AttrSystem, System),
		attribute.String(AttrOperation, OperationProcess),
	}
}

// ending ends a span with an outcome. Only the code of an error is told: its
// message may quote what the workflow works on.
func ending(span trace.Span) func(error) {
	return func(err error) {
		if code := errorCode(err); code != "" {
			span.SetAttributes(attribute.String(AttrErrorType, code))
			span.SetStatus(codes.Error, code)
		}
		span.End()
	}
}

// errorCode names an error without quoting it; empty = no error. Callers often
// hand over a nil *flow.Problem as an error, which is no error either.
func errorCode(err error) string {
	var p *flow.Problem
	switch {
	case err == nil:
		return ""
	case errors.As(err, &p):
		return problemCode(p)
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	}
	return "error"
}

func problemCode(p *flow.Problem) string {
	switch {
	case p == nil:
		return ""
	case p.Code == "":
		return "error"
	}
	return clean(p.Code)
}

func unrecorded(error) {}

// idle tells that nobody traces, so that no attribute needs to be built.
func idle(tracers trace.TracerProvider) bool {
	if _, ok := tracers.(noop.TracerProvider); ok {
		return true
	}
	return tracers == unset
}

// unset is what OpenTelemetry answers until the program sets a provider. The
// program could do so before this package is initialised; then there is none
// to compare with, and every provider counts as one that records.
var unset = placeholder(otel.GetTracerProvider())

func placeholder(tracers trace.TracerProvider) trace.TracerProvider {
	t := reflect.TypeOf(tracers)
	if t.Kind() == reflect.Pointer && strings.HasSuffix(t.Elem().PkgPath(), "otel/internal/global") {
		return tracers
	}
	return nil
}
