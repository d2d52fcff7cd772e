package telemetry

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"prana/engine/flow"
)

// Bounds of the histograms in milliseconds: a step lasts up to hours, a
// suspension up to months.
var (
	stepBounds = []float64{1, 2, 5, 10, 25, 50, 100, 250, 500, 1e3, 2.5e3, 5e3, 1e4, 3e4, 6e4, 3e5, 36e5}
	waitBounds = []float64{10, 50, 100, 500, 1e3, 5e3, 1e4, 3e4, 6e4, 3e5, 9e5, 36e5, 6 * 36e5, 24 * 36e5, 7 * 24 * 36e5, 30 * 24 * 36e5}
)

// Metrics counts what happens to executions; nil means the program's provider.
func Metrics(meters metric.MeterProvider) (flow.Middleware, error) {
	m, err := newMeters(meters)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, n flow.Notice, next flow.Next) {
		m.count(ctx, &n)
		m.measure(ctx, &n)
		next(ctx, n)
	}, nil
}

type meters struct {
	executions map[string]metric.Int64Counter // by name of notice, labelled with the workflow
	steps      map[string]metric.Int64Counter // by name of notice, labelled with the type of node
	suspended  metric.Int64Counter
	slept      metric.Int64Histogram
	took       metric.Int64Histogram

	workflow, nodeType, suspendType labels
}

func newMeters(provider metric.MeterProvider) (*meters, error) {
	m := newMaker(provider)
	made := &meters{
		executions: executionCounters(m),
		steps:      stepCounters(m),
		suspended:  m.counter(MetricSuspensionCreated, "{suspension}", "Suspensions that began."),
		slept:      m.millis(MetricSuspensionResumed, "How long suspensions lasted that ended.", waitBounds...),
		took:       m.millis(MetricStepDuration, "How long attempts of steps ran.", stepBounds...),
		workflow:   labels{key: LabelWorkflow}, nodeType: labels{key: LabelNodeType}, suspendType: labels{key: LabelType},
	}
	return made, m.err()
}

func executionCounters(m *maker) map[string]metric.Int64Counter {
	return map[string]metric.Int64Counter{
		flow.ExecutionStarted:   m.counter(MetricExecutionStarted, "{execution}", "Executions that began."),
		flow.ExecutionCompleted: m.counter(MetricExecutionCompleted, "{execution}", "Executions that completed."),
		flow.ExecutionFailed:    m.counter(MetricExecutionFailed, "{execution}", "Executions that failed or timed out."),
		flow.WorkflowCancelled:  m.counter(MetricExecutionCancelled, "{execution}", "Executions that were cancelled."),
	}
}

func stepCounters(m *maker) map[string]metric.Int64Counter {
	return map[string]metric.Int64Counter{
		flow.NodeCompleted:      m.counter(MetricStepCompleted, "{step}", "Steps that completed."),
		flow.NodeFailed:         m.counter(MetricStepFailed, "{step}", "Steps that failed for good."),
		flow.NodeRetryScheduled: m.counter(MetricRetryScheduled, "{retry}", "Retries that were scheduled."),
		flow.NodeRetrySucceeded: m.counter(MetricRetrySucceeded, "{retry}", "Steps that a retry saved."),
		flow.NodeRetryExhausted: m.counter(MetricRetryExhausted, "{retry}", "Steps that failed after their last retry."),
	}
}

func (m *meters) count(ctx context.Context, n *flow.Notice) {
	if c, ok := m.executions[n.Name]; ok {
		c.Add(ctx, 1, m.workflow.value(n.Workflow).add...)
	}
	if c, ok := m.steps[n.Name]; ok {
		c.Add(ctx, 1, m.nodeType.value(n.NodeType).add...)
	}
	if suspends(n) {
		m.suspended.Add(ctx, 1, m.suspendType.value(suspendType(n)).add...)
	}
}

func (m *meters) measure(ctx context.Context, n *flow.Notice) {
	if n.Name == flow.NodeResumed || n.Name == flow.NodeTimedOut && n.Slept > 0 {
		m.slept.Record(ctx, millis(n.Slept), m.suspendType.value(suspendType(n)).record...)
	}
	if n.Took > 0 && endsAttempt(n) {
		m.took.Record(ctx, millis(n.Took), m.nodeType.value(n.NodeType).record...)
	}
}

// suspends tells whether a notice begins a suspension. A retry is one, and is
// told as such and as scheduled; it counts once, by the latter.
func suspends(n *flow.Notice) bool {
	return n.Name == flow.NodeRetryScheduled || n.Name == flow.NodeSuspended && n.SuspendType != flow.Retry
}

// endsAttempt picks the one notice of each attempt that its duration is taken
// from, for the same reason.
func endsAttempt(n *flow.Notice) bool {
	return n.Name == flow.NodeCompleted || n.Name == flow.NodeFailed || suspends(n)
}

// suspendTypes are the ones with a label of their own.
var suspendTypes = []string{
	flow.ExternalEvent, flow.SubWorkflow, flow.Polling, flow.Delay, flow.Retry, flow.Webhook, flow.TimedWait, flow.Concurrency,
}

// suspendType gives the type as a label. Nodes of users may name their own,
// even a new one for each execution, which would be a new time series each.
func suspendType(n *flow.Notice) string {
	switch {
	case n.Name == flow.NodeRetryScheduled:
		return flow.Retry
	case slices.Contains(suspendTypes, n.SuspendType):
		return n.SuspendType
	}
	return flow.CustomWait
}

func millis(d time.Duration) int64 { return max(0, d.Milliseconds()) }

// labels are the options of one label by its values, made once each: of what is counted with every step they are most of the cost.
// The values are names of workflows, of types of nodes and of waits, of which there are few.
type labels struct {
	key string
	of  sync.Map // value -> *labelled
}

// labelled are the same options for both kinds of instruments.
type labelled struct {
	add    []metric.AddOption
	record []metric.RecordOption
}

func (l *labels) value(v string) *labelled {
	if o, ok := l.of.Load(v); ok {
		return o.(*labelled)
	}
	set := metric.WithAttributeSet(attribute.NewSet(attribute.String(l.key, v)))
	o, _ := l.of.LoadOrStore(v, &labelled{[]metric.AddOption{set}, []metric.RecordOption{set}})
	return o.(*labelled)
}

func label(key, value string) metric.MeasurementOption {
	return metric.WithAttributes(attribute.String(key, value))
}
