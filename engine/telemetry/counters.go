package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/metric"
)

// Counters is what the engine counts of itself, apart from what happens to
// executions. A nil *Counters is legal and counts nothing.
type Counters struct {
	fenced, sweeps, overdue, redispatched, quarantined, refused metric.Int64Counter
}

// NewCounters makes the engine's counters; nil means the program's provider.
func NewCounters(meters metric.MeterProvider) (*Counters, error) {
	m := newMaker(meters)
	c := &Counters{
		fenced:       m.counter(MetricFenced, "{commit}", "Commits refused because another came first."),
		sweeps:       m.counter(MetricSweeps, "{sweep}", "Passes of the sweeper over a partition."),
		overdue:      m.counter(MetricSwept, "{step}", "Overdue steps that the sweeper looked at."),
		redispatched: m.counter(MetricRedispatched, "{step}", "Steps given a new task because the old one was lost."),
		quarantined:  m.counter(MetricQuarantined, "{step}", "Steps set aside because too many workers died running them."),
		refused:      m.counter(MetricRefused, "{entry}", "Entries of Redis Streams that can never be served."),
	}
	return c, m.err()
}

// Fenced counts a commit that was refused because another came first.
func (c *Counters) Fenced(ctx context.Context) {
	if c != nil {
		c.fenced.Add(ctx, 1)
	}
}

// Swept counts a pass of the sweeper that looked at n overdue steps.
func (c *Counters) Swept(ctx context.Context, n int) {
	if c != nil {
		c.sweeps.Add(ctx, 1)
		c.overdue.Add(ctx, int64(n))
	}
}

// Redispatched counts a step that was given a new task.
func (c *Counters) Redispatched(ctx context.Context) {
	if c != nil {
		c.redispatched.Add(ctx, 1)
	}
}

// Quarantined counts a step that was set aside.
func (c *Counters) Quarantined(ctx context.Context) {
	if c != nil {
		c.quarantined.Add(ctx, 1)
	}
}

// Refused counts an entry that was refused; stream is its name in the configuration.
func (c *Counters) Refused(ctx context.Context, stream string) {
	if c != nil {
		c.refused.Add(ctx, 1, label(LabelStream, stream))
	}
}
