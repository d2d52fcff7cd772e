package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// newTracers exports to the endpoint; none without one. What is sampled is the
// SDK's to decide, and its OTEL_TRACES_SAMPLER.
func newTracers(ctx context.Context, endpoint string, about *resource.Resource) (trace.TracerProvider, stop, error) {
	if endpoint == "" {
		return nil, nothing, nil
	}
	target, err := tracesURL(endpoint)
	if err != nil {
		return nil, nil, err
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(target))
	if err != nil {
		return nil, nil, fmt.Errorf("set up the export of traces: %w", err)
	}
	tracers := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))
	return tracers, tracers.Shutdown, nil
}

// tracesURL completes the address of a collector with the path that OTLP gives
// to traces. Its errors do not repeat the address, which may hold a password.
func tracesURL(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", errors.New("the OTLP endpoint is not a URL such as http://collector:4318")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return u.String(), nil
}
