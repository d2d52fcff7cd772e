package telemetry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric/noop"

	"prana/engine/flow"
	engine "prana/engine/telemetry"
)

// The only test here that installs a tracer: providers belong to the process.
func TestSpansReachTheCollector(t *testing.T) {
	t.Parallel()
	got := make(chan []byte, 8)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- append([]byte(r.URL.Path+" "), body...)
	}))
	defer collector.Close()

	tel, err := Setup(t.Context(), Options{ServiceName: "prana-test", Version: "1.2.3", OTLPEndpoint: collector.URL})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := engine.StartExecution(t.Context(), "", "0execution", "order", "v1", nil)
	end(nil)
	if engine.Inject(ctx)["traceparent"] == "" {
		t.Error("a span was begun, but its context cannot be carried")
	}
	for range 2 {
		if err := tel.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	}
	body := <-got
	for _, want := range []string{"/v1/traces ", "prana-test", "1.2.3", engine.SpanStart, "0execution"} {
		if !bytes.Contains(body, []byte(want)) {
			t.Errorf("what was exported lacks %q", want)
		}
	}
}

func TestMetricsAreServed(t *testing.T) {
	t.Parallel()
	tel, err := Setup(t.Context(), Options{ServiceName: "prana", Prometheus: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tel.Shutdown(context.Background()) }()
	count, err := engine.Metrics(tel.Meters)
	if err != nil {
		t.Fatal(err)
	}
	told := engine.Chain(nil, engine.Named{Name: "metrics", Call: count})
	told(t.Context(), flow.Notice{Name: flow.NodeSuspended, SuspendType: flow.Delay})
	told(t.Context(), flow.Notice{Name: flow.NodeResumed, SuspendType: flow.Delay, Slept: 40e6})

	page := get(tel.MetricsHandler)
	for _, want := range []string{
		`prana_suspension_created_total{type="delay"} 1`,
		`prana_suspension_resumed_milliseconds_sum{type="delay"} 40`,
		`service_name="prana"`,
		"go_goroutines",
	} {
		if !strings.Contains(page.Body.String(), want) {
			t.Errorf("/metrics lacks %q:\n%s", want, page.Body)
		}
	}
}

func TestOffMeansOff(t *testing.T) {
	t.Parallel()
	tel, err := Setup(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := tel.Meters.(noop.MeterProvider); !ok {
		t.Errorf("meters are %T", tel.Meters)
	}
	if code := get(tel.MetricsHandler).Code; code != http.StatusNotFound {
		t.Errorf("/metrics answers %d", code)
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]string{
		"http://c:4318":           "http://c:4318/v1/traces",
		"https://c/":              "https://c/v1/traces",
		"https://c/otlp/v1/trace": "https://c/otlp/v1/trace",
		"c:4318":                  "",
		"ftp://c":                 "",
		"http://":                 "",
		"http://u:secret@c\x7f":   "",
	} {
		got, err := tracesURL(endpoint)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("tracesURL(%q) = %q, %v", endpoint, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
	if _, err := Setup(t.Context(), Options{OTLPEndpoint: "collector:4318"}); err == nil {
		t.Error("Setup took an endpoint that is no URL")
	}
}

func TestFailedExportsAreLogged(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var handler otel.ErrorHandler = report(slog.New(slog.NewTextHandler(&out, nil)))
	handler.Handle(errors.New("collector away"))
	if !strings.Contains(out.String(), "collector away") {
		t.Errorf("logged: %s", out.String())
	}
}

func get(h http.Handler) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	return w
}
