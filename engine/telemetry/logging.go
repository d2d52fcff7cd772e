package telemetry

import (
	"context"
	"log/slog"
	"strings"
	"time"
	"unicode"

	"go.opentelemetry.io/otel/trace"

	"prana/engine/flow"
)

// levels of the notices that are not told at level info. What every step does is for those who look closely; what somebody may
// have to act on stands out, once: what a node failed with is told where it ends the execution, or where another attempt follows.
var levels = map[string]slog.Level{
	flow.NodeStarting:       slog.LevelDebug,
	flow.NodeCompleted:      slog.LevelDebug,
	flow.NodeFailed:         slog.LevelDebug,
	flow.NodeTimedOut:       slog.LevelWarn,
	flow.NodeRetryScheduled: slog.LevelWarn,
	flow.NodeRetryExhausted: slog.LevelWarn,
	flow.ExecutionFailed:    slog.LevelError,
}

// levelOf is the level of a notice. What was not undone at the end of an execution stands out; that a retry is a suspension is
// for those who look closely, as the retry is told.
func levelOf(n *flow.Notice) slog.Level {
	switch {
	case notUndone(n) > 0:
		return slog.LevelError
	case n.SuspendType == flow.Retry && n.Name != flow.NodeRetryScheduled:
		return slog.LevelDebug
	}
	return levels[n.Name]
}

// notUndone is how many steps the end of an execution did not undo, which should have been.
func notUndone(n *flow.Notice) int {
	if n.Node != "" || n.Error == nil {
		return 0
	}
	steps, _ := n.Error.Details["not_undone"].([]any)
	return len(steps)
}

// Logging writes one line for each notice: names, ids and the code of an
// error, never what the workflow works on. A nil logger means slog.Default.
func Logging(logger *slog.Logger) flow.Middleware {
	logger = orDefault(logger)
	return func(ctx context.Context, n flow.Notice, next flow.Next) {
		if level := levelOf(&n); logger.Enabled(ctx, level) {
			logger.LogAttrs(ctx, level, clean(n.Name), logLine(ctx, &n)...)
		}
		next(ctx, n)
	}
}

// logLine gives what is known of a notice; what is empty is left out.
func logLine(ctx context.Context, n *flow.Notice) []slog.Attr {
	l := line{slog.String("execution_id", clean(n.Execution))}
	l.text("workflow", n.Workflow)
	l.text("version", n.Version)
	l.step(n)
	l.text("suspend_type", n.SuspendType)
	l.text("resumed_by", n.ResumedBy)
	l.millis("slept_ms", n.Slept)
	l.millis("took_ms", n.Took)
	l.text("port", n.Port)
	l.text("reason", n.Reason)
	l.text("error", problemCode(n.Error))
	if steps := notUndone(n); steps > 0 {
		l = append(l, slog.Int("not_undone", steps))
	}
	l.text("parent_execution_id", n.ParentID)
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		l.text("trace_id", span.TraceID().String())
	}
	return append(l, slog.Int64("seq", n.Seq))
}

type line []slog.Attr

func (l *line) text(key, value string) {
	if value != "" {
		*l = append(*l, slog.String(key, clean(value)))
	}
}

func (l *line) millis(key string, d time.Duration) {
	if d > 0 {
		*l = append(*l, slog.Int64(key, d.Milliseconds()))
	}
}

func (l *line) step(n *flow.Notice) {
	if n.Node == "" {
		if n.Error != nil {
			l.text("node", n.Error.Node) // at which the execution failed
		}
		return
	}
	l.text("node", n.Node)
	l.text("node_type", n.NodeType)
	*l = append(*l, slog.Int("run", n.Run), slog.Int("attempt", n.Attempt))
}

// clean makes text of others fit for one line of a log: short, and without
// line ends, escapes or marks that turn the direction of writing. Handlers of
// slog quote, but not everybody's handler does.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '_'
	}, flow.Cut(s, 200))
}
