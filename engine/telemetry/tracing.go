package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"prana/engine/flow"
)

// Tracing adds each notice as an event to the current span, as long as that is
// open. It tells names, ids and the code of an error, never payloads.
func Tracing() flow.Middleware {
	return func(ctx context.Context, n flow.Notice, next flow.Next) {
		if span := trace.SpanFromContext(ctx); span.IsRecording() {
			// The time is that of the span's own clock: events by another would lie outside their span.
			span.AddEvent(n.Name, trace.WithAttributes(eventAttributes(&n)...))
		}
		next(ctx, n)
	}
}

func eventAttributes(n *flow.Notice) []attribute.KeyValue {
	e := event{attribute.String(AttrExecution, n.Execution), attribute.Int64(AttrSeq, n.Seq)}
	if n.Node != "" {
		e.text(AttrNode, n.Node)
		e.text(AttrNodeType, n.NodeType)
		e = append(e, attribute.Int(AttrRun, n.Run), attribute.Int(AttrAttempt, n.Attempt))
	}
	e.text(AttrSuspendType, n.SuspendType)
	e.text(AttrResumedBy, n.ResumedBy)
	e.text(AttrPort, n.Port)
	e.millis(AttrSlept, n.Slept)
	e.millis(AttrTook, n.Took)
	e.text(AttrErrorType, problemCode(n.Error))
	e.text(AttrParent, n.ParentID)
	return e
}

type event []attribute.KeyValue

func (e *event) text(key, value string) {
	if value != "" {
		*e = append(*e, attribute.String(key, value))
	}
}

func (e *event) millis(key string, d time.Duration) {
	if d > 0 {
		*e = append(*e, attribute.Int64(key, d.Milliseconds()))
	}
}
