package telemetry

import (
	"log/slog"
	"testing"

	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/metric"

	"prana/engine/flow"
)

var benchStep = Step{Execution: execution, Workflow: "order", Version: "v1", Node: "call", NodeType: "http.request"}

// BenchmarkStartStep measures what a step pays for tracing.
func BenchmarkStartStep(b *testing.B) {
	b.Run("unset", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, end := startStep(b.Context(), unset, &benchStep)
			end(nil)
		}
	})
	b.Run("passing a trace on", func(b *testing.B) {
		step := benchStep
		step.Root = map[string]string{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
		b.ReportAllocs()
		for b.Loop() {
			ctx, end := startStep(b.Context(), unset, &step)
			Inject(ctx)
			end(nil)
		}
	})
	b.Run("recording", func(b *testing.B) {
		install()
		b.ReportAllocs()
		for b.Loop() {
			_, end := startStep(b.Context(), otel.GetTracerProvider(), &benchStep)
			end(nil)
			spans.Reset()
		}
	})
}

// BenchmarkChain measures what a notice pays for its middlewares.
func BenchmarkChain(b *testing.B) {
	count, err := Metrics(sdk.NewMeterProvider(sdk.WithReader(sdk.NewManualReader())))
	if err != nil {
		b.Fatal(err)
	}
	quiet := Logging(slog.New(slog.DiscardHandler))
	for name, ms := range map[string][]Named{
		"empty": nil,
		"three": {{"logging", quiet}, {"tracing", Tracing()}, {"metrics", count}},
	} {
		b.Run(name, func(b *testing.B) {
			tell := Chain(nil, ms...)
			n := flow.Notice{Name: flow.NodeCompleted, NodeType: "core.log", Took: 1e6}
			b.ReportAllocs()
			for b.Loop() {
				tell(b.Context(), n)
			}
		})
	}
}
