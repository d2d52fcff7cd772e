package integration

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"prana/engine/flow"
	"prana/engine/telemetry"
)

// span is what the test wants to know of one.
type span struct{ trace, name, execution string }

// collector is an OTLP receiver that keeps names and trace ids.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []span
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = z
	}
	raw, _ := io.ReadAll(body)
	w.Header().Set("Content-Type", "application/x-protobuf")
	if r.URL.Path != "/v1/traces" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// ExportTraceServiceRequest > resource_spans (1) > scope_spans (2) > spans (2)
	for _, resource := range messages(raw, 1) {
		for _, scope := range messages(resource, 2) {
			for _, s := range messages(scope, 2) {
				c.spans = append(c.spans, readSpan(s))
			}
		}
	}
}

// readSpan reads trace_id (1), name (5) and, of the attributes (9), that of the execution.
func readSpan(raw []byte) span {
	s := span{}
	for _, id := range messages(raw, 1) {
		s.trace = hex.EncodeToString(id)
	}
	for _, name := range messages(raw, 5) {
		s.name = string(name)
	}
	for _, attribute := range messages(raw, 9) {
		if key := messages(attribute, 1); len(key) == 1 && string(key[0]) == telemetry.AttrExecution {
			s.execution = string(messages(messages(attribute, 2)[0], 1)[0])
		}
	}
	return s
}

// messages gives the fields of one number that have a length.
func messages(raw []byte, number protowire.Number) [][]byte {
	var out [][]byte
	for len(raw) > 0 {
		n, kind, size := protowire.ConsumeTag(raw)
		if size < 0 {
			return out
		}
		raw = raw[size:]
		if size = protowire.ConsumeFieldValue(n, kind, raw); size < 0 {
			return out
		}
		if n == number && kind == protowire.BytesType {
			v, _ := protowire.ConsumeBytes(raw)
			out = append(out, v)
		}
		raw = raw[size:]
	}
	return out
}

// of gives the names of the spans of a trace.
func (c *collector) of(trace string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for _, s := range c.spans {
		if s.trace == trace {
			names = append(names, s.name)
		}
	}
	slices.Sort(names)
	return names
}

func (c *collector) all() []span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// TestOneTraceFollowsSuspensionRestartAndChild starts under a caller's trace, and
// ends all workers while the parent and its child sleep.
func TestOneTraceFollowsSuspensionRestartAndChild(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	s := begin(t, setup{OTLP: c.URL})
	s.deploy(t, `
id: trace_child
nodes:
  - {key: start, type: manual.trigger}
  - {key: child_nap, type: time.delay, params: {duration_ms: 2500}}
  - {key: child_after, type: core.log, params: {message: x}}
connections: [start -> child_nap, child_nap -> child_after]
`, `
id: trace_parent
nodes:
  - {key: start, type: manual.trigger}
  - {key: child, type: workflow.execute_workflow, params: {workflow_id: trace_child, timeout_ms: 60000}}
  - {key: wait, type: wait.wait_for_event, params: {event_type: traced, timeout_ms: 60000}}
  - {key: after, type: core.log, params: {message: x}}
connections: [start -> child, child -> wait, wait -> after]
`)
	const trace = "0af7651916cd43dd8448eb211c80319c"
	a := s.must(t, 201, "POST", "/v1/workflows/trace_parent/executions", map[string]any{}, "traceparent: 00-"+trace+"-b7ad6b7169203331-01")
	id := a.text(t, "execution_id")
	s.await(t, id, flow.Suspended, 10*time.Second)
	for _, p := range s.living() {
		p.Terminate()
		ended(t, p, 10*time.Second)
	}
	if err := s.addWorker(); err != nil {
		t.Fatal(err)
	}
	s.staysAt(t, id, "wait")
	if _, err := s.engine.Publish(t.Context(), flow.Event{Type: "traced"}); err != nil {
		t.Fatal(err)
	}
	v := s.await(t, id, flow.Completed, 15*time.Second)
	for _, p := range s.living() {
		p.Terminate() // which sends the spans that are left
		ended(t, p, 10*time.Second)
	}
	names := c.of(trace)
	t.Logf("spans of the trace: %q; that of the execution begins %s", names, v.Trace["traceparent"][3:35])
	// start, child, wait, after, and start, nap and after of the child; sleeping nodes have a span for each turn.
	if len(names) < 10 {
		t.Errorf("the trace has %d spans: %q", len(names), names)
	}
	// The providers belong to the process: engines of other tests in it report here as well.
	family := []string{id, v.Children[0].ChildID}
	seen := 0
	for _, span := range c.all() {
		if slices.Contains(family, span.execution) {
			seen++
		}
		if slices.Contains(family, span.execution) && span.trace != trace {
			t.Errorf("span %s of execution %s is in another trace", span.name, span.execution)
		}
	}
	if seen < 10 {
		t.Errorf("%d spans name one of the executions %q", seen, family)
	}
}
