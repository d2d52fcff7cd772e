package telemetry

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

// newMeters collects metrics for the handler it gives; its registry is its own,
// so that a program which embeds the engine keeps its own /metrics apart.
func newMeters(on bool, about *resource.Resource) (metric.MeterProvider, http.Handler, stop, error) {
	if !on {
		return unmetered, http.NotFoundHandler(), nothing, nil
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo())
	if err != nil {
		return nil, nil, nil, fmt.Errorf("set up metrics: %w", err)
	}
	meters := sdk.NewMeterProvider(sdk.WithReader(reader), sdk.WithResource(about))
	return meters, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), meters.Shutdown, nil
}
