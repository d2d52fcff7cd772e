package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"prana/cmd/prana/telemetry"
	"prana/engine/flow"
	names "prana/engine/telemetry"
)

const aboutMetrics = "Generated from the instruments. `/metrics` has them in Prometheus' format, beside those of the Go runtime (`go_`) and the process (`process_`). " +
	"Labels have few values; the id of an execution is never one of them. What to watch, and when to be woken, is in the pages for operators."

const aboutSpans = "Spans are sent to `otlp.endpoint`. `prana.start` is the span under which an execution begins, and the parent of one `prana.step NODE` for each attempt of a step, linked to the one before. The middleware `tracing` adds what happens " +
	"to an execution as events of the span that is open."

// attributes says what each attribute of spans and their events is.
var attributes = map[string]string{
	names.AttrExecution:   "The id of the execution.",
	names.AttrParent:      "The id of the parent, on events of a child.",
	names.AttrWorkflow:    "The id of the workflow.",
	names.AttrVersion:     "The version of its definition.",
	names.AttrNode:        "The key of the node.",
	names.AttrNodeType:    "Its type, such as `http.request`.",
	names.AttrRun:         "Which run of the node it is, from 0.",
	names.AttrAttempt:     "Which attempt of the run, from 0.",
	names.AttrSeq:         "The number of the event in its execution.",
	names.AttrKind:        "`step` or `resume`.",
	names.AttrPort:        "The port by which the node left.",
	names.AttrSuspendType: "What the node waits for, such as `external_event`.",
	names.AttrResumedBy:   "What ended the wait.",
	names.AttrSlept:       "How long it waited, in milliseconds.",
	names.AttrTook:        "How long the attempt ran, in milliseconds.",
	names.AttrErrorType:   "The code of the error; never its message, which may quote data.",
	names.AttrSystem:      "Always `asynq`.",
	names.AttrOperation:   "`send` or `process`.",
	names.AttrDestination: "The queue of the task.",
	names.AttrMessageID:   "The id of the task.",
}

// metrics documents every instrument and every attribute.
func metrics(root string) (string, error) {
	w := &writer{}
	w.heading(1, "Metrics and spans")
	w.paragraph(aboutMetrics)
	made, err := instruments()
	if err != nil {
		return "", err
	}
	seen, err := scrape()
	if err != nil {
		return "", err
	}
	rows, err := metricRows(made, seen)
	if err != nil {
		return "", err
	}
	w.table([]string{"metric", "on `/metrics`", "kind", "labels", ""}, rows)
	w.heading(2, "Spans")
	w.paragraph(aboutSpans)
	err = w.attributes(root)
	return w.String(), err
}

func metricRows(made []instrument, seen map[string]exposed) ([][]string, error) {
	var rows [][]string
	for _, i := range made {
		e, ok := seen[i.about]
		if !ok {
			return nil, fmt.Errorf("%s is not on /metrics when everything happened once", i.name)
		}
		rows = append(rows, []string{code(i.name), code(e.name), i.kind + ", " + i.unit, strings.Join(e.labels, ", "), i.about})
	}
	return rows, nil
}

func (w *writer) attributes(root string) error {
	all, err := constants(root, "engine/telemetry/names.go")
	if err != nil {
		return err
	}
	var rows [][]string
	for _, c := range all {
		if !strings.HasPrefix(c.name, "Attr") {
			continue
		}
		if attributes[c.value] == "" {
			return fmt.Errorf("the attribute %s has no description in cmd/prana/reference/metrics.go", c.value)
		}
		rows = append(rows, []string{code(c.value), attributes[c.value]})
	}
	w.table([]string{"attribute", ""}, rows)
	return nil
}

// instrument is one that is made.
type instrument struct{ name, kind, unit, about string }

// recorder is a meter that notes what is made.
type recorder struct {
	noop.Meter
	made *[]instrument
}

// recorders gives it to everybody.
type recorders struct {
	noop.MeterProvider
	recorder recorder
}

func (r recorders) Meter(string, ...metric.MeterOption) metric.Meter { return r.recorder }

func (r recorder) Int64Counter(name string, o ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	c := metric.NewInt64CounterConfig(o...)
	*r.made = append(*r.made, instrument{name, "counter", c.Unit(), c.Description()})
	return noop.Int64Counter{}, nil
}

func (r recorder) Int64Histogram(name string, o ...metric.Int64HistogramOption) (metric.Int64Histogram, error) {
	c := metric.NewInt64HistogramConfig(o...)
	*r.made = append(*r.made, instrument{name, "histogram", c.Unit(), c.Description()})
	return noop.Int64Histogram{}, nil
}

// instruments lists all that the engine makes.
func instruments() ([]instrument, error) {
	var all []instrument
	r := recorders{recorder: recorder{made: &all}}
	if _, err := names.Metrics(r); err != nil {
		return nil, err
	}
	if _, err := names.NewCounters(r); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b instrument) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// exposed is a metric as /metrics has it.
type exposed struct {
	name   string
	labels []string
}

// scrape lets everything happen once and reads /metrics: by description, which is the same in both.
func scrape() (map[string]exposed, error) {
	ctx := context.Background()
	tel, err := telemetry.Setup(ctx, telemetry.Options{ServiceName: "reference", Prometheus: true})
	if err != nil {
		return nil, err
	}
	defer tel.Shutdown(ctx) //nolint:errcheck // nothing is sent
	tell, err := names.Metrics(tel.Meters)
	if err != nil {
		return nil, err
	}
	counters, err := names.NewCounters(tel.Meters)
	if err != nil {
		return nil, err
	}
	everything(ctx, tell, counters)
	res := httptest.NewRecorder()
	tel.MetricsHandler.ServeHTTP(res, httptest.NewRequest("GET", "/metrics", nil))
	return read(res.Body.String()), nil
}

// everything lets each event of an execution come, and counts each thing once.
func everything(ctx context.Context, tell flow.Middleware, c *names.Counters) {
	for _, name := range []string{
		flow.ExecutionStarted, flow.ExecutionCompleted, flow.ExecutionFailed, flow.WorkflowCancelled, flow.NodeCompleted, flow.NodeFailed,
		flow.NodeSuspended, flow.NodeResumed, flow.NodeRetryScheduled, flow.NodeRetrySucceeded, flow.NodeRetryExhausted, flow.NodeTimedOut,
	} {
		n := flow.Notice{Name: name, Workflow: "w", NodeType: "t", SuspendType: flow.Delay, Slept: time.Second, Took: time.Second}
		tell(ctx, n, func(context.Context, flow.Notice) {})
	}
	c.Fenced(ctx)
	c.Swept(ctx, 1)
	c.Redispatched(ctx)
	c.Quarantined(ctx)
	c.Refused(ctx, "s")
}

var label = regexp.MustCompile(`([a-z_]+)="`)

// read finds the metrics of a scrape that have a description of ours.
func read(text string) map[string]exposed {
	all := map[string]exposed{}
	var about string
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, help, _ := strings.Cut(strings.TrimSpace(rest), " ")
			about = help
			all[about] = exposed{name: name}
			continue
		}
		e := all[about]
		for _, m := range label.FindAllStringSubmatch(line, -1) {
			if l := code(m[1]); m[1] != "le" && !slices.Contains(e.labels, l) {
				e.labels = append(e.labels, l)
			}
		}
		all[about] = e
	}
	return all
}
