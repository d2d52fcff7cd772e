package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"prana/engine/flow"
)

const execution = "04XrT0kPpWq2LmZ81aBcDeF"

// life is what an execution that meets everything tells.
func life() []flow.Notice {
	notices := []flow.Notice{
		{Name: flow.ExecutionStarted},
		{Name: flow.NodeStarting, NodeType: "http.request"},
		{Name: flow.NodeSuspended, SuspendType: flow.Retry, NodeType: "http.request", Took: 5 * time.Millisecond},
		{Name: flow.NodeRetryScheduled, SuspendType: flow.Retry, NodeType: "http.request", Took: 5 * time.Millisecond},
		{Name: flow.NodeResumed, SuspendType: flow.Retry, NodeType: "http.request", Slept: time.Second},
		{Name: flow.NodeFailed, NodeType: "http.request", Took: 7 * time.Millisecond, Error: flow.Problemf("http_500", "card 4111")},
		{Name: flow.NodeRetryExhausted, NodeType: "http.request", Took: 7 * time.Millisecond},
		{Name: flow.NodeCompleted, NodeType: "core.log", Took: time.Millisecond},
		{Name: flow.NodeSuspended, SuspendType: flow.ExternalEvent, NodeType: "wait.wait_for_event", SuspensionData: json.RawMessage(`"card 4111"`)},
		{Name: flow.NodeTimedOut, SuspendType: flow.ExternalEvent, NodeType: "wait.wait_for_event", Slept: time.Hour},
		{Name: flow.NodeSuspended, SuspendType: "fax " + execution, NodeType: "acme.fax"},
		{Name: flow.WorkflowCancelled, Reason: "gave up\nlevel=ERROR msg=forged"},
	}
	for i := range notices {
		n := &notices[i]
		n.Execution, n.Workflow, n.Version, n.Seq = execution, "order", "v1", int64(i)
		if n.NodeType != "" {
			n.Node = "node"
		}
	}
	return notices
}

func tellLife(ctx context.Context, call flow.Middleware) {
	tell := Chain(slog.New(slog.DiscardHandler), Named{"it", call})
	for _, n := range life() {
		tell(ctx, n)
	}
}

// point is one time series: its labels, and its count and sum.
type point struct {
	labels     attribute.Set
	count, sum int64
}

// collect reads every time series of a reader, by name of metric.
func collect(t *testing.T, reader *sdk.ManualReader) map[string][]point {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	found := map[string][]point{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			found[m.Name] = points(m.Data)
		}
	}
	return found
}

func points(data metricdata.Aggregation) []point {
	var found []point
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			found = append(found, point{p.Attributes, p.Value, p.Value})
		}
	case metricdata.Histogram[int64]:
		for _, p := range data.DataPoints {
			found = append(found, point{p.Attributes, int64(p.Count), p.Sum})
		}
	}
	return found
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	reader := sdk.NewManualReader()
	call, err := Metrics(sdk.NewMeterProvider(sdk.WithReader(reader)))
	if err != nil {
		t.Fatal(err)
	}
	tellLife(t.Context(), call)
	found := collect(t, reader)
	for _, want := range []struct {
		metric, label, value string
		count, sum           int64
	}{
		{"prana.execution.started", "workflow", "order", 1, 1},
		{"prana.execution.cancelled", "workflow", "order", 1, 1},
		{"prana.suspension.created", "type", "retry", 1, 1},
		{"prana.suspension.created", "type", "external_event", 1, 1},
		{"prana.suspension.created", "type", "custom", 1, 1},
		{"prana.suspension.resumed", "type", "retry", 1, 1000},
		{"prana.suspension.resumed", "type", "external_event", 1, 3600000},
		{"prana.step.completed", "node_type", "core.log", 1, 1},
		{"prana.step.failed", "node_type", "http.request", 1, 1},
		{"prana.step.duration", "node_type", "core.log", 1, 1},
		{"prana.step.duration", "node_type", "http.request", 2, 12},
		{"prana.retry.scheduled", "node_type", "http.request", 1, 1},
		{"prana.retry.exhausted", "node_type", "http.request", 1, 1},
	} {
		labels := attribute.NewSet(attribute.String(want.label, want.value))
		p := pick(found[want.metric], labels)
		if p.count != want.count || p.sum != want.sum {
			t.Errorf("%s{%s=%s}: count %d, sum %d; want %d, %d", want.metric, want.label, want.value, p.count, p.sum, want.count, want.sum)
		}
	}
	for name, series := range found {
		for _, p := range series {
			if strings.Contains(p.labels.Encoded(attribute.DefaultEncoder()), execution) {
				t.Errorf("%s has the execution among its labels: %v", name, p.labels.ToSlice())
			}
		}
	}
}

func pick(series []point, labels attribute.Set) point {
	for _, p := range series {
		if p.labels.Equals(&labels) {
			return p
		}
	}
	return point{}
}

func TestCounters(t *testing.T) {
	t.Parallel()
	reader := sdk.NewManualReader()
	c, err := NewCounters(sdk.NewMeterProvider(sdk.WithReader(reader)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Counters{c, nil} {
		c.Fenced(t.Context())
		c.Swept(t.Context(), 3)
		c.Redispatched(t.Context())
		c.Quarantined(t.Context())
		c.Refused(t.Context(), "orders")
	}
	found := collect(t, reader)
	for name, want := range map[string]int64{
		MetricFenced: 1, MetricSweeps: 1, MetricSwept: 3, MetricRedispatched: 1, MetricQuarantined: 1,
	} {
		if p := pick(found[name], *attribute.EmptySet()); p.sum != want {
			t.Errorf("%s = %d, not %d", name, p.sum, want)
		}
	}
	if p := pick(found[MetricRefused], attribute.NewSet(attribute.String(LabelStream, "orders"))); p.sum != 1 {
		t.Errorf("%s = %d, not 1", MetricRefused, p.sum)
	}
}

func TestProviderOfTheProgram(t *testing.T) {
	t.Parallel()
	if _, err := NewCounters(nil); err != nil {
		t.Error(err)
	}
	if _, err := Metrics(nil); err != nil {
		t.Error(err)
	}
}

func TestLogging(t *testing.T) {
	t.Parallel()
	install()
	var out bytes.Buffer
	ctx, end := StartStep(t.Context(), Step{Execution: "0logged"})
	defer end(nil)
	tellLife(ctx, Logging(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(life()) {
		t.Fatalf("%d lines for %d notices:\n%s", len(lines), len(life()), out.String())
	}
	for i, level := range strings.Fields("INFO DEBUG DEBUG WARN DEBUG DEBUG WARN DEBUG INFO WARN INFO INFO") {
		if !strings.Contains(lines[i], "level="+level+" ") || !strings.Contains(lines[i], "execution_id="+execution) || !strings.Contains(lines[i], "trace_id=") {
			t.Errorf("not at level %s: %s", level, lines[i])
		}
	}
	if strings.Contains(out.String(), "4111") {
		t.Errorf("a payload is logged:\n%s", out.String())
	}
	if want := `reason="gave up_level=ERROR msg=forged"`; !strings.Contains(lines[11], want) {
		t.Errorf("%s lacks %s", lines[11], want)
	}
	if want := "slept_ms=3600000"; !strings.Contains(lines[9], want) || !strings.Contains(lines[5], "error=http_500") {
		t.Errorf("%s\n%s", lines[9], lines[5])
	}
}

func TestLoggingRespectsTheLevel(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tellLife(t.Context(), Logging(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn}))))
	if strings.Count(out.String(), "\n") != 3 || !strings.Contains(out.String(), "node_retry_exhausted") {
		t.Errorf("logged:\n%s", out.String())
	}
}

// TestLoggingOfAFailureIsOneLine, which has what an operator asks: which execution, at which node, with which code, and why.
func TestLoggingOfAFailureIsOneLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tell := Chain(slog.New(slog.DiscardHandler), Named{"it", Logging(slog.New(slog.NewTextHandler(&out, nil)))})
	p := &flow.Problem{Code: "http_500", Node: "call", Message: "it is busy"}
	for _, n := range []flow.Notice{
		{Name: flow.NodeFailed, Node: "call", Error: p},
		{Name: flow.ExecutionFailed, Error: p, Reason: p.Error()},
	} {
		n.Execution = execution
		tell(t.Context(), n)
	}
	want := "level=ERROR msg=execution_failed execution_id=" + execution + ` node=call reason="http_500 at node call: it is busy" error=http_500 seq=0`
	if _, got, _ := strings.Cut(strings.TrimSpace(out.String()), " "); got != want {
		t.Errorf("logged\n%s\nwant\n%s", got, want)
	}
}

// TestLoggingTellsWhatWasNotUndone, however the execution ended.
func TestLoggingTellsWhatWasNotUndone(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tell := Chain(slog.New(slog.DiscardHandler), Named{"it", Logging(slog.New(slog.NewTextHandler(&out, nil)))})
	left := map[string]any{"not_undone": []any{map[string]any{"node": "charge"}, map[string]any{"node": "book"}}}
	tell(t.Context(), flow.Notice{Name: flow.WorkflowCancelled, Reason: "enough", Error: &flow.Problem{Code: "cancelled", Message: "enough", Details: left}})
	if got := out.String(); !strings.Contains(got, "level=ERROR msg=workflow_cancelled") || !strings.Contains(got, "not_undone=2") {
		t.Errorf("logged %s", got)
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain text, Ünïcödé": "plain text, Ünïcödé",
		"a\r\nb\tc\x1b[31m":   "a__b_c_[31m",
		"turn\u202earound":    "turn_around",
		"line\u2028end":       "line_end",
		"cut\xff":             "cut\ufffd",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, not %q", in, got, want)
		}
	}
	if got := clean(strings.Repeat("x", 5000)); len(got) > 210 {
		t.Errorf("%d bytes are left", len(got))
	}
}

func TestTracing(t *testing.T) {
	t.Parallel()
	install()
	id := flow.NewExecutionID(0)
	ctx, end := StartStep(t.Context(), Step{Execution: id})
	tellLife(ctx, Tracing())
	end(nil)
	tellLife(ctx, Tracing()) // too late: the span has ended
	tellLife(t.Context(), Tracing())
	events := spansOf(id)[0].Events
	if len(events) != len(life()) {
		t.Fatalf("%d events for %d notices", len(events), len(life()))
	}
	timedOut := events[9]
	if timedOut.Name != flow.NodeTimedOut || attr(timedOut.Attributes, AttrSlept).AsInt64() != 3600000 ||
		attr(timedOut.Attributes, AttrSuspendType).AsString() != flow.ExternalEvent {
		t.Errorf("event %v", timedOut)
	}
	for _, e := range events {
		for _, kv := range e.Attributes {
			if strings.Contains(kv.Value.String(), "4111") {
				t.Errorf("%s tells a payload: %v", e.Name, kv)
			}
		}
	}
	if attr(events[5].Attributes, AttrErrorType).AsString() != "http_500" {
		t.Errorf("event %v", events[5])
	}
}
