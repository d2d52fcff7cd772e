package nodes

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"prana/engine/definition"
	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/engine/node"
)

// Every example does what it says, on a real engine. Whoever adds a type gives it
// examples; only what they need of the world outside is added here.
func TestExamples(t *testing.T) {
	t.Parallel()
	for _, typ := range Builtin(Options{}) {
		for _, e := range typ.Examples {
			t.Run(typ.Name+"/"+e.Title, func(t *testing.T) {
				t.Parallel()
				showExample(t, typ, e)
			})
		}
	}
}

func showExample(t *testing.T, typ node.Type, e node.Example) {
	t.Helper()
	env := enginetest.Open(t, enginetest.Options{
		Types:   Builtin(Options{HTTP: &http.Client{Transport: &exampleWeb{}}}),
		Secrets: map[string]string{"orders_token": "of-orders"},
	})
	for _, child := range exampleChildren {
		env.Deploy(child)
	}
	id := env.Start(env.Deploy(exampleWorkflow(t, typ, e)), e.Input)
	env.Run()
	for _, what := range e.Then {
		happens(t, env, id, what)
	}
	run := env.NodeRun(id, "example", 0)
	if want := orMain(e.Port); run.Port != want || run.Status != flow.StepCompleted {
		t.Errorf("it is %s and left by port %q, want %q; %v", run.Status, run.Port, want, run.Error)
	}
	got, err := flow.Decode(run.Output)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the output", got, filled(e.Output, got))
	for _, o := range typ.OutputShapes(e.Params) {
		if o.Port == run.Port || o.Port == "" && !declares(typ.OutputShapes(e.Params), run.Port) {
			assertShape(t, o, got)
		}
	}
}

func declares(all []node.Output, port string) bool {
	return slices.ContainsFunc(all, func(o node.Output) bool { return o.Port == port })
}

// assertShape holds an output against what the type says of it: expressions are checked by that.
func assertShape(t *testing.T, o node.Output, got any) {
	t.Helper()
	members, ok := got.(map[string]any)
	if o.Fields == nil {
		return
	}
	if !ok {
		t.Errorf("it left with %v, not with an object", got)
	}
	for name, v := range members {
		i := slices.IndexFunc(o.Fields, func(f node.Field) bool { return f.Name == name })
		if i < 0 {
			t.Errorf("the type does not tell of member %s", name)
			continue
		}
		if _, err := readField(name, o.Fields[i], v); err != nil {
			t.Errorf("member %s is not what the type says: %v", name, err)
		}
	}
}

func orMain(port string) string {
	if port == "" {
		return flow.PortMain
	}
	return port
}

// exampleWorkflow puts the node between what brings its input and what it leads to.
func exampleWorkflow(t *testing.T, typ node.Type, e node.Example) string {
	t.Helper()
	one := flow.Node{Key: "example", Type: typ.Name, Params: e.Params}
	w := flow.Workflow{ID: "example", Variables: e.Vars, Nodes: []flow.Node{one}}
	if !typ.Trigger {
		w.Nodes = append(w.Nodes, flow.Node{Key: "start", Type: "manual.trigger"})
	}
	if !typ.Trigger && e.Inputs == nil {
		w.Connections = append(w.Connections, flow.Connection{From: "start", To: "example"})
	}
	for port, v := range e.Inputs {
		brings := flow.Node{Key: "bring_" + port, Type: "data.set_data", Params: obj{"mapping_map": v}}
		w.Nodes = append(w.Nodes, brings)
		w.Connections = append(w.Connections,
			flow.Connection{From: "start", To: brings.Key}, flow.Connection{From: brings.Key, To: "example", ToPort: port})
	}
	if typ.Body != "" {
		w.Nodes = append(w.Nodes, flow.Node{Key: "body", Type: "data.set_data", Params: obj{"mapping_map": obj{"did": "$input"}}})
		w.Connections = append(w.Connections, flow.Connection{From: "example", FromPort: typ.Body, To: "body"}, flow.Connection{From: "body", To: "example"})
	}
	w.Nodes = append(w.Nodes, flow.Node{Key: "end", Type: "core.log"})
	w.Connections = append(w.Connections, flow.Connection{From: "example", FromPort: e.Port, To: "end"})
	src, err := definition.Format(&w)
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

// exampleChildren are the workflows that examples name.
var exampleChildren = []string{`
id: user_onboarding_flow
nodes:
  - { key: start, type: manual.trigger }
  - { key: welcome, type: data.set_data, params: { mapping_map: { welcomed: $trigger.user } } }
connections: [ start -> welcome ]
`, `
id: send_newsletter
nodes: [ { key: start, type: manual.trigger } ]
`, `
id: always_fails
nodes:
  - { key: start, type: manual.trigger }
  - { key: fail, type: code.expr, params: { expression: 1 / 0 } }
connections: [ start -> fail ]
`}

// happens does what an example says under Then.
func happens(t *testing.T, env *enginetest.Env, id, what string) {
	t.Helper()
	name, rest, _ := strings.Cut(what, " ")
	first, data, _ := strings.Cut(rest, " ")
	var v any
	if data != "" {
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	switch name {
	case "advance":
		d, err := time.ParseDuration(first)
		if err != nil {
			t.Fatal(err)
		}
		env.Advance(d)
		return
	case "publish":
		env.Publish(first, v)
	case "resume":
		env.Resume(id, strings.Trim(first, "-"), v)
	default:
		t.Fatalf("an example cannot say %q", what)
	}
	env.Run()
}

// filled puts what came where the example says "…".
func filled(want, got any) any {
	if want == "…" && got != nil {
		return got
	}
	switch w := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		out := obj{}
		for name, v := range w {
			out[name] = filled(v, g[name])
		}
		return out
	case []any:
		g, _ := got.([]any)
		out := make([]any, len(w))
		for i, v := range w {
			out[i] = v
			if i < len(g) {
				out[i] = filled(v, g[i])
			}
		}
		return out
	}
	return want
}

// exampleWeb is the world that the examples of HTTP nodes speak to.
type exampleWeb struct{ polls atomic.Int32 }

func (w *exampleWeb) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := 404, `{"error": "no such order"}`
	switch r.Method + " " + r.URL.Host + r.URL.Path {
	case "GET api.example.com/orders/7":
		status, body = 200, `{"id": 7, "expand": "`+strings.Join(r.URL.Query()["expand"], ",")+`"}`
	case "POST api.example.com/orders":
		status, body = 201, received(r.Body)
		if r.Header.Get("Authorization") != "Bearer of-orders" {
			status = 401
		}
	case "GET jobs.example.com/42":
		status, body = 200, `{"status": "running"}`
		if w.polls.Add(1) > 1 {
			body = `{"status": "completed"}`
		}
	case "GET jobs.example.com/stuck":
		status, body = 200, `{"done": false}`
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}, nil
}

func received(body io.Reader) string {
	raw, err := io.ReadAll(body)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}
