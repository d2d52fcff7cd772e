package telemetry

import (
	"errors"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
)

// maker makes instruments and collects what goes wrong, so that a list of them
// reads like a list.
type maker struct {
	meter  metric.Meter
	errors []error
}

// newMaker uses the provider of the program when none is given.
func newMaker(meters metric.MeterProvider) *maker {
	if meters == nil {
		meters = otel.GetMeterProvider()
	}
	return &maker{meter: meters.Meter(Scope)}
}

func (m *maker) counter(name, unit, what string) metric.Int64Counter {
	c, err := m.meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(what))
	m.errors = append(m.errors, err)
	return c
}

func (m *maker) millis(name, what string, bounds ...float64) metric.Int64Histogram {
	h, err := m.meter.Int64Histogram(name, metric.WithUnit("ms"), metric.WithDescription(what),
		metric.WithExplicitBucketBoundaries(bounds...))
	m.errors = append(m.errors, err)
	return h
}

func (m *maker) err() error { return errors.Join(m.errors...) }
