package nodes

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"prana/engine/flow"
	"prana/engine/node"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is what the store's clock says in these tests.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.UTC)

// inside is the egress of tests that talk to their own servers.
var inside = Options{Egress: Egress{AllowPrivate: true}}

// typeOf gives one built-in type; its connections end with the test.
func typeOf(t *testing.T, o Options, name string) node.Type {
	t.Helper()
	if o.HTTP == nil {
		o.HTTP = NewClient(o.Egress)
	}
	t.Cleanup(o.HTTP.CloseIdleConnections)
	typ, ok := node.NewRegistry(Builtin(o)...).Lookup(name)
	if !ok {
		t.Fatalf("there is no type %s", name)
	}
	return typ
}

// callFor is a call with parameters as expressions gave them; runOnce does the rest.
func callFor(typ node.Type, params map[string]any) *node.Call {
	c := &node.Call{
		Execution: "0abc", Workflow: "orders", Node: "n", Key: "key-1", Now: noon,
		Params: map[string]any{}, Input: map[string]any{"a": 1},
		Eval: func(string, map[string]any) (any, error) { return nil, errors.New("nothing lazy was expected") },
	}
	maps.Copy(c.Params, params)
	return c
}

// runOnce runs a type as the engine does: only with parameters that fit its fields.
func runOnce(ctx context.Context, typ node.Type, c *node.Call) (node.Outcome, error) {
	params, err := read(typ.Fields, c.Params)
	if err != nil {
		return node.Outcome{}, err
	}
	next := *c
	next.Params = params
	return typ.Run(ctx, &next)
}

func run(t *testing.T, typ node.Type, c *node.Call) node.Outcome {
	t.Helper()
	out, err := runOnce(t.Context(), typ, c)
	if err != nil {
		t.Fatalf("%s: %v", typ.Name, err)
	}
	return out
}

// runFails wants a problem with the code.
func runFails(t *testing.T, typ node.Type, c *node.Call, code string) {
	t.Helper()
	_ = problemOf(t, typ, c, code)
}

// problemOf gives the problem, which must have the code.
func problemOf(t *testing.T, typ node.Type, c *node.Call, code string) *flow.Problem {
	t.Helper()
	out, err := runOnce(t.Context(), typ, c)
	var p *flow.Problem
	if !errors.As(err, &p) || p.Code != code {
		t.Fatalf("%s: got %+v, %v; want a problem with code %s", typ.Name, out, err, code)
	}
	return p
}

// resume is the next turn of a call whose wait ended. The wait's data goes
// through JSON, as it does in the store.
func resume(t *testing.T, c *node.Call, data any, r node.Resume) *node.Call {
	t.Helper()
	r.Wait = toJSON(t, data)
	next := *c
	next.Resume = &r
	return &next
}

func toJSON(t *testing.T, v any) json.RawMessage {
	t.Helper()
	raw, err := flow.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// same compares as JSON, which is all that anybody sees of an output.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	a, errA := flow.Decode(toJSON(t, got))
	b, errB := flow.Decode(toJSON(t, want))
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if x, y := string(toJSON(t, a)), string(toJSON(t, b)); x != y {
		t.Errorf("%s is %s, want %s", what, x, y)
	}
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// answer serves one fixed answer.
func answer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

type obj = map[string]any

// refusedHost wants a refusal by us, before anything was sent: a failure of the
// network would prove nothing.
func refusedHost(t *testing.T, typ node.Type, c *node.Call) {
	t.Helper()
	out, err := runOnce(t.Context(), typ, c)
	var p *flow.Problem
	if !errors.As(err, &p) || !p.Permanent {
		t.Errorf("%v: got %+v, %v", c.Params["url"], out, err)
	}
}
