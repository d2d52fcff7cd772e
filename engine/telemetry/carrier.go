package telemetry

import (
	"context"
	"maps"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// maxField bounds one entry of a carrier, because carriers are stored with
// every step. It is what W3C asks everybody to pass on of a tracestate.
const maxField = 512

// Inject gives the carrier of the current span, to be stored or sent; nil when
// there is no valid one. Entries beyond 512 bytes are left out.
func Inject(ctx context.Context) map[string]string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return nil
	}
	carrier := propagation.MapCarrier{}
	propagator().Inject(ctx, carrier)
	maps.DeleteFunc(carrier, func(_, v string) bool { return len(v) > maxField })
	if len(carrier) == 0 {
		return nil
	}
	return carrier
}

// Extract puts the span of a carrier into the context, as the parent of what
// follows. An empty or unreadable carrier leaves the context as it is.
func Extract(ctx context.Context, carrier map[string]string) context.Context {
	if len(carrier) == 0 {
		return ctx
	}
	return propagator().Extract(ctx, propagation.MapCarrier(carrier))
}

// propagator is the one that the program chose. Many choose a tracer and forget
// the propagator, whose default carries nothing; an execution would then fall
// apart into a trace for each step.
func propagator() propagation.TextMapPropagator {
	if p := otel.GetTextMapPropagator(); len(p.Fields()) > 0 {
		return p
	}
	return propagation.TraceContext{}
}

// spanContext reads the span of a carrier alone, whatever is current.
func spanContext(carrier map[string]string) trace.SpanContext {
	return trace.SpanContextFromContext(Extract(context.Background(), carrier))
}
