package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"prana/engine/flow"
)

// Named is a middleware with the name that the configuration and the log know.
type Named struct {
	Name string
	Call flow.Middleware
}

// Chain makes one function of middlewares, to be told every notice. They run
// in order; each may change what the next one sees, or stop the chain by not
// calling next. One that panics is logged, and the rest runs with the notice
// as it was before; whatever a middleware does, the rest runs at most once and
// nothing reaches the caller. A nil logger means slog.Default.
func Chain(logger *slog.Logger, ms ...Named) func(context.Context, flow.Notice) {
	if len(ms) == 0 {
		return func(context.Context, flow.Notice) {}
	}
	c := &chain{logger: orDefault(logger), links: slices.Clone(ms)}
	return func(ctx context.Context, n flow.Notice) { c.run(ctx, n, 0) }
}

type chain struct {
	logger *slog.Logger
	links  []Named
}

// run calls the middlewares from the i-th on.
func (c *chain) run(ctx context.Context, n flow.Notice, i int) {
	if i == len(c.links) {
		return
	}
	var passed atomic.Bool // a middleware may call next from a goroutine of its own
	next := func(ctx context.Context, n flow.Notice) {
		if !passed.Swap(true) {
			c.run(ctx, n, i+1)
		}
	}
	defer func() {
		if cause := recover(); cause != nil {
			c.report(ctx, c.links[i].Name, n, cause)
			next(ctx, n)
		}
	}()
	c.links[i].Call(ctx, own(n), next)
}

// report logs a panic. The handler of the log may be what panics, and must not
// harm the execution either.
func (c *chain) report(ctx context.Context, name string, n flow.Notice, cause any) {
	defer func() { _ = recover() }()
	c.logger.LogAttrs(ctx, slog.LevelError, "a middleware panicked",
		slog.String("middleware", name),
		slog.String("notice", clean(n.Name)),
		slog.String("execution_id", clean(n.Execution)),
		slog.Int64("seq", n.Seq),
		slog.String("panic", clean(fmt.Sprint(cause))),
		slog.String("stack", flow.Cut(string(debug.Stack()), 4096)))
}

// own copies what a notice shares with the engine and with the rest of the
// chain, so that a middleware which changes it in place changes it for itself
// and those it calls. Values nested in the details of an error stay shared.
func own(n flow.Notice) flow.Notice {
	n.SuspensionData = slices.Clone(n.SuspensionData)
	if n.Error != nil {
		p := *n.Error
		p.Details = maps.Clone(p.Details)
		n.Error = &p
	}
	return n
}

func orDefault(logger *slog.Logger) *slog.Logger {
	if logger == nil {
		return slog.Default()
	}
	return logger
}
