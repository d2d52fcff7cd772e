// Package telemetry sets up the SDK of OpenTelemetry for the program: traces
// by OTLP over HTTP, metrics for Prometheus. It is the only place that knows
// the SDK; everything else speaks to its API.
package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"
)

// flushTime bounds the last export when the program ends: a collector that is
// away must not hold up a shutdown.
const flushTime = 5 * time.Second

// Options chooses what is reported, and where to.
type Options struct {
	ServiceName string
	Version     string
	// OTLPEndpoint is the URL of a collector, such as http://collector:4318. Without a path, traces go to
	// /v1/traces. Empty = no traces are recorded, though those of callers are passed on.
	OTLPEndpoint string
	// Prometheus has metrics collected for MetricsHandler.
	Prometheus bool
	// Logger is told when an export fails; nil = slog.Default.
	Logger *slog.Logger
}

// Telemetry is what was set up.
type Telemetry struct {
	// MetricsHandler serves /metrics; it answers 404 when there are none.
	MetricsHandler http.Handler
	// Meters makes instruments; without Prometheus they do nothing.
	Meters metric.MeterProvider
	// Shutdown exports what is left, within 5 s, and stops. Calling it again does nothing.
	Shutdown func(context.Context) error
}

// Setup makes the providers and installs them for the whole program. It does
// not connect: a collector that is away costs traces, never the start.
func Setup(ctx context.Context, o Options) (*Telemetry, error) {
	about := describe(ctx, o)
	tracers, stopTracers, err := newTracers(ctx, o.OTLPEndpoint, about)
	if err != nil {
		return nil, err
	}
	meters, handler, stopMeters, err := newMeters(o.Prometheus, about)
	if err != nil {
		return nil, errors.Join(err, stopTracers(ctx))
	}
	install(o, tracers, meters)
	return &Telemetry{
		MetricsHandler: handler,
		Meters:         meters,
		Shutdown:       once(stopTracers, stopMeters),
	}, nil
}

// install sets what the rest of the program finds. What is off stays unset:
// the engine recognises that and spends nothing on it.
func install(o Options, tracers trace.TracerProvider, meters metric.MeterProvider) {
	otel.SetErrorHandler(report(o.Logger))
	otel.SetTextMapPropagator(propagation.TraceContext{})
	if tracers != nil {
		otel.SetTracerProvider(tracers)
	}
	if o.Prometheus {
		otel.SetMeterProvider(meters)
	}
}

// describe says who reports. OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME
// win, so that one image can be told apart by where it runs.
func describe(ctx context.Context, o Options) *resource.Resource {
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		resource.WithAttributes(
			attribute.String("service.name", o.ServiceName),
			attribute.String("service.version", o.Version),
		),
		resource.WithFromEnv(),
	)
	if err != nil {
		// What could be found is there all the same: a bad variable is no reason not to start.
		report(o.Logger)(err)
	}
	return about
}

func report(logger *slog.Logger) otel.ErrorHandlerFunc {
	return func(err error) {
		l := logger
		if l == nil {
			l = slog.Default()
		}
		l.Warn("telemetry", "error", err)
	}
}

type stop func(context.Context) error

func nothing(context.Context) error { return nil }

// once joins the stops into one that works a single time.
func once(stops ...stop) func(context.Context) error {
	var done sync.Once
	return func(ctx context.Context) (err error) {
		done.Do(func() {
			ctx, cancel := context.WithTimeout(ctx, flushTime)
			defer cancel()
			for _, s := range stops {
				err = errors.Join(err, s(ctx))
			}
		})
		return err
	}
}

// unmetered is the provider when nobody collects.
var unmetered metric.MeterProvider = noop.NewMeterProvider()
