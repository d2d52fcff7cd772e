package plan_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"prana/engine/eval"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
)

func nothing(context.Context, *node.Call) (node.Outcome, error) { return node.Outcome{}, nil }

var types = node.NewRegistry(
	node.Type{Name: "test.trigger", Trigger: true, Run: nothing},
	node.Type{Name: "test.any", Run: nothing, Outputs: []string{"*"}, Fields: []node.Field{{Name: "*", Kind: node.Any}}},
	node.Type{Name: "test.if", Run: nothing, Outputs: []string{"true", "false"}},
	node.Type{Name: "data.merge", Run: nothing, Inputs: []string{"*"}},
	node.Type{Name: "test.two", Run: nothing, Inputs: []string{"a", "b"}, Timeout: time.Minute},
	node.Type{Name: "test.all", Run: nothing, Fields: []node.Field{
		{Name: "text", Kind: node.String, Required: true},
		{Name: "int", Kind: node.Int, Default: 7, Min: new(1.0), Max: new(10.0)},
		{Name: "number", Kind: node.Number},
		{Name: "bool", Kind: node.Bool},
		{Name: "any", Kind: node.Any},
		{Name: "enum", Kind: node.String, Enum: []string{"GET", "POST"}},
		{Name: "raw", Kind: node.String, Raw: true},
		{Name: "until", Kind: node.Condition, Lazy: true, Roots: []string{"$response"}},
		{Name: "lazy", Kind: node.Int, Lazy: true, Default: 3},
		{Name: "auth", Kind: node.Object, Items: []node.Field{
			{Name: "type", Kind: node.String, Required: true},
			{Name: "tries", Kind: node.Int, Default: 1},
			{Name: "*", Kind: node.String},
		}},
		{Name: "cases", Kind: node.Array, Items: []node.Field{
			{Name: "condition", Kind: node.Condition, Required: true},
			{Name: "port", Kind: node.String, Default: "main"},
		}},
	}},
)

// graph makes a workflow of nodes of type test.any, except those that a
// prefix gives another type: "data.merge:join".
func graph(t *testing.T, nodes string, connections ...string) *plan.Plan {
	t.Helper()
	w := &flow.Workflow{ID: "w", Nodes: []flow.Node{{Key: "start", Type: "test.trigger"}}}
	for name := range strings.FieldsSeq(nodes) {
		n := flow.Node{Key: name, Type: "test.any"}
		if kind, key, ok := strings.Cut(name, ":"); ok {
			n = flow.Node{Key: key, Type: kind}
		}
		w.Nodes = append(w.Nodes, n)
	}
	for _, c := range connections {
		var from, to string
		if _, err := fmt.Sscanf(c, "%s -> %s", &from, &to); err != nil {
			t.Fatal(err)
		}
		w.Connections = append(w.Connections, flow.Connection{From: from, To: to})
	}
	return compile(t, w)
}

func compile(t *testing.T, w *flow.Workflow) *plan.Plan {
	t.Helper()
	p, found := plan.Compile(w, types, plan.Options{EnvAllow: []string{"REGION"}})
	if p == nil {
		t.Fatalf("compiling: %v", found)
	}
	return p
}

// reaches lists the nodes from which an arrival over the connection can still come.
func reaches(p *plan.Plan, from, to string) string {
	var out []string
	for _, e := range p.Edges {
		if p.Nodes[e.From].Key != from || p.Nodes[e.To].Key != to {
			continue
		}
		for i, n := range p.Nodes {
			if p.Reaches(e.Index, i) {
				out = append(out, n.Key)
			}
		}
	}
	return strings.Join(out, " ")
}

func TestReaches(t *testing.T) {
	t.Parallel()
	diamond := graph(t, "a b c data.merge:join end", "start -> a", "a -> b", "a -> c", "b -> join", "c -> join", "join -> end")
	loop := graph(t, "data.merge:join body end", "start -> join", "join -> body", "body -> join", "body -> end")
	branches := graph(t, "test.any:gate x y data.merge:join", "start -> gate", "gate -> x", "gate -> y", "x -> join", "y -> join", "gate -> join")
	self := graph(t, "data.merge:join end", "start -> join", "join -> join", "join -> end")
	tests := []struct {
		name, from, to, want string
		p                    *plan.Plan
	}{
		{"diamond, one side", "b", "join", "start a b", diamond},
		{"diamond, other side", "c", "join", "start a c", diamond},
		{"not a join", "join", "end", "start a b c join", diamond},
		{"loop, way in", "start", "join", "start", loop},
		{"loop, way back: only what is inside, or begins at the join", "body", "join", "join body", loop},
		{"branch taken", "x", "join", "start gate x", branches},
		{"straight from the gate", "gate", "join", "start gate", branches},
		{"into itself", "join", "join", "join", self},
	}
	for _, tt := range tests {
		if got := reaches(tt.p, tt.from, tt.to); got != tt.want {
			t.Errorf("%s: %s -> %s is reached from %q, want %q", tt.name, tt.from, tt.to, got, tt.want)
		}
	}
}

func TestInLoop(t *testing.T) {
	t.Parallel()
	p := graph(t, "a b self end", "start -> a", "a -> b", "b -> a", "b -> self", "self -> self", "self -> end")
	for key, want := range map[string]bool{"start": false, "a": true, "b": true, "self": true, "end": false} {
		n, _ := p.Node(key)
		if got := p.InLoop(n.Index); got != want {
			t.Errorf("%s in a loop: %v", key, got)
		}
	}
}

func TestGraph(t *testing.T) {
	t.Parallel()
	p := graph(t, "data.merge:m test.any:z", "start -> m", "m -> z", "start -> z")
	m, ok := p.Node("m")
	if !ok || m.Join != (flow.Join{All: true}) || !reflect.DeepEqual(m.In, []int{0}) || m.Timeout != node.DefaultTimeout {
		t.Errorf("m: %+v", m)
	}
	if out := p.Nodes[p.Start].Out["main"]; !reflect.DeepEqual(out, []int{0, 2}) {
		t.Errorf("start leaves by %v", out)
	}
	if v, _ := p.Workflow.Version(); p.Version != v || v == "" {
		t.Errorf("version %q", p.Version)
	}
	if _, ok := p.Node("nobody"); ok {
		t.Error("a node that does not exist")
	}
}

func TestEffectiveSettings(t *testing.T) {
	t.Parallel()
	p := compile(t, &flow.Workflow{ID: "w", Nodes: []flow.Node{
		{Key: "start", Type: "test.trigger"},
		{Key: "two", Type: "test.two"},
		{Key: "any", Type: "test.two", Settings: flow.Settings{TimeoutMS: 5, Join: flow.Join{Any: true}}},
		{Key: "one", Type: "test.any"},
	}})
	want := []flow.Join{{}, {All: true}, {Any: true}, {}}
	timeouts := []time.Duration{node.DefaultTimeout, time.Minute, 5 * time.Millisecond, node.DefaultTimeout}
	for i, n := range p.Nodes {
		if n.Join != want[i] || n.Timeout != timeouts[i] {
			t.Errorf("%s: join %+v, timeout %s", n.Key, n.Join, n.Timeout)
		}
	}
}

func TestNeeds(t *testing.T) {
	t.Parallel()
	w := with(map[string]any{
		"text":  "{{ $input.a }} {{ $nodes.start.output.b }} {{ $vars.c }} {{ $env.REGION }}",
		"until": "$response.ok and $nodes.all.error == nil and $execution.state.x",
		"any":   map[string]any{"s": "$secrets.KEY", "t": "$trigger", "l": "$loop.index", "n": "$nodes.start"},
	})
	w.Output = "$nodes.all.output"
	p := compile(t, w)
	want := plan.Needs{
		Any: true, Outputs: []int{0}, Records: []int{0, 1}, Input: true, Vars: true, State: true, Trigger: true, Loop: true,
		Secrets: []string{"KEY"}, Env: []string{"REGION"},
	}
	if got := p.Nodes[1].Needs; !reflect.DeepEqual(got, want) {
		t.Errorf("needs %+v", got)
	}
	if got := p.OutputNeeds; !reflect.DeepEqual(got, plan.Needs{Any: true, Outputs: []int{1}}) {
		t.Errorf("output needs %+v", got)
	}
	if got := p.Nodes[0].Needs; !reflect.DeepEqual(got, plan.Needs{}) {
		t.Errorf("without expressions it needs %+v", got)
	}
}

// with is a workflow whose node "all" has these parameters.
func with(params map[string]any) *flow.Workflow {
	return &flow.Workflow{ID: "w", Nodes: []flow.Node{
		{Key: "start", Type: "test.trigger"},
		{Key: "all", Type: "test.all", Params: params},
	}, Connections: []flow.Connection{{From: "start", To: "all"}}}
}

func TestParams(t *testing.T) {
	t.Parallel()
	p := compile(t, with(map[string]any{
		"text": "$input.n", "number": "{{ $input.s }}", "bool": "$input.one", "enum": "{{ 'post' }}", "any": "$input.nothing",
		"raw": "{{ as it is }}", "until": "$response.status == 'done'",
		"cases": []any{map[string]any{"condition": "not $input.nothing"}, map[string]any{"condition": true, "port": "$input.n"}},
	}))
	env := eval.Env{"input": map[string]any{"n": 5, "s": "2.5", "one": "1"}}
	got, err := p.Nodes[1].Params(env)
	want := map[string]any{
		"text": "5", "int": 7, "number": 2.5, "bool": true, "enum": "POST", "any": nil, "raw": "{{ as it is }}",
		"cases": []any{map[string]any{"condition": true, "port": "main"}, map[string]any{"condition": true, "port": "5"}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\ngot  %#v\nwant %#v", err, got, want)
	}
}

func TestFreeParams(t *testing.T) {
	t.Parallel()
	p := compile(t, &flow.Workflow{ID: "w", Nodes: []flow.Node{
		{Key: "start", Type: "test.trigger"},
		{Key: "any", Type: "test.any", Params: map[string]any{"x": "$input", "y": nil}},
	}})
	got, err := p.Nodes[1].Params(eval.Env{"input": 1})
	if want := map[string]any{"x": 1, "y": nil}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%#v, %v", got, err)
	}
}

// Members that only "*" covers are kept, whether the object is written out or computed.
func TestFreeMembers(t *testing.T) {
	t.Parallel()
	want := map[string]any{"type": "basic", "tries": 1, "user": "u"}
	for _, auth := range []any{
		map[string]any{"type": "{{ $input.type }}", "user": "u"},
		map[string]any{"type": "basic", "user": "u"},
		"$input",
	} {
		p := compile(t, with(map[string]any{"text": "x", "auth": auth}))
		got, err := p.Nodes[1].Params(eval.Env{"input": map[string]any{"type": "basic", "user": "u"}})
		if err != nil || !reflect.DeepEqual(got["auth"], want) {
			t.Errorf("%v: %#v, %v", auth, got["auth"], err)
		}
	}
}

// The parameter tree of a definition is shared by all steps: evaluating must not change it.
func TestParamsLeaveTheDefinitionAlone(t *testing.T) {
	t.Parallel()
	w := with(map[string]any{"text": "x", "cases": []any{map[string]any{"condition": true}}})
	p := compile(t, w)
	if _, err := p.Nodes[1].Params(nil); err != nil {
		t.Fatal(err)
	}
	if v, _ := w.Version(); v != p.Version {
		t.Error("the definition changed")
	}
}

func TestManyDiagnosticsAreBounded(t *testing.T) {
	t.Parallel()
	w := &flow.Workflow{ID: "w", Nodes: make([]flow.Node, 400)}
	p, found := plan.Compile(w, types, plan.Options{})
	if p != nil || len(found) != 200 {
		t.Errorf("%d diagnostics", len(found))
	}
}

func TestParamsAtFault(t *testing.T) {
	t.Parallel()
	p := compile(t, with(map[string]any{
		"text": "$input.nothing", "int": "$input.big", "bool": "$input.big", "enum": "$input.word",
		"any": map[string]any{"deep": []any{"x {{ $input.word - 1 }}"}}, "cases": "$input.cases",
	}))
	_, err := p.Nodes[1].Params(eval.Env{"input": map[string]any{"big": 11, "word": "PUT", "cases": []any{map[string]any{}}}})
	problem, ok := errors.AsType[*flow.Problem](err)
	if !ok || problem.Code != plan.ProblemExpression || problem.Node != "all" || !problem.Permanent {
		t.Fatalf("%#v", err)
	}
	for _, part := range []string{
		"params.text: text is required", "int must be at most 10", "bool must be true or false, not an integer",
		"params.any.deep[0]:1:", `enum is "PUT"`, "params.cases[0].condition: condition is required",
	} {
		if !strings.Contains(problem.Message, part) {
			t.Errorf("%q is missing in %s", part, problem.Message)
		}
	}
	if fields, _ := problem.Details["fields"].([]any); len(fields) != 6 || problem.Details["path"] != "params.text" {
		t.Errorf("details %v", problem.Details)
	}
}

func TestCasting(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := []struct {
		field    string
		in, want any // a want of nil is a fault
	}{
		{"int", "8", 8},
		{"int", 8.0, 8},
		{"int", 8.5, nil},
		{"int", "x", nil},
		{"int", true, nil},
		{"int", 0, nil},
		{"number", "1e3", 1000.0},
		{"number", " 5 ", 5},
		{"number", "Inf", nil},
		{"number", []any{}, nil},
		{"bool", "false", false},
		{"bool", 0, false},
		{"bool", "yes", nil},
		{"text", 1.5, "1.5"},
		{"text", true, "true"},
		{"text", at, "2026-01-02T03:04:05Z"},
		{"text", map[string]any{}, nil},
		{"cases", map[string]any{}, nil},
		{"cases", []any{}, []any{}},
		{"cases", []any{nil}, nil},
		{"cases", []any{map[string]any{"condition": "true", "x": 1}}, []any{map[string]any{"condition": true, "port": "main"}}},
	}
	for _, tt := range tests {
		params := map[string]any{"text": "x", tt.field: "$input"}
		got, err := compile(t, with(params)).Nodes[1].Params(eval.Env{"input": tt.in})
		if (err != nil) != (tt.want == nil) || err == nil && !reflect.DeepEqual(got[tt.field], tt.want) {
			t.Errorf("%s of %#v: %#v, %v", tt.field, tt.in, got[tt.field], err)
		}
	}
}

func TestEvalLazy(t *testing.T) {
	t.Parallel()
	n := compile(t, with(map[string]any{"text": "x", "until": "{{ $response.n > 1 }}"})).Nodes[1]
	for n2, want := range map[int]bool{1: false, 2: true} {
		got, err := n.EvalLazy("until", eval.Env{"response": map[string]any{"n": n2}})
		if err != nil || got != want {
			t.Errorf("until of %d: %v, %v", n2, got, err)
		}
	}
	if got, err := n.EvalLazy("lazy", nil); err != nil || got != 3 {
		t.Errorf("the default: %v, %v", got, err)
	}
	_, err := n.EvalLazy("until", eval.Env{"response": map[string]any{"n": "x"}})
	if problem, ok := errors.AsType[*flow.Problem](err); !ok || problem.Details["line"] != 1 {
		t.Errorf("%#v", err)
	}
	if _, err := n.EvalLazy("nope", nil); err == nil {
		t.Error("a parameter that does not exist")
	}
}

func TestCheckInput(t *testing.T) {
	t.Parallel()
	w := with(map[string]any{"text": "x"})
	w.InputSchema = []byte(`{"type":"object","required":["id"],"properties":{"n":{"type":"integer"}}}`)
	p := compile(t, w)
	if err := p.CheckInput(map[string]any{"id": "x", "n": 5}); err != nil {
		t.Error(err)
	}
	err := p.CheckInput(map[string]any{"n": 1.5})
	if !errors.Is(err, flow.ErrInvalid) || !strings.Contains(err.Error(), "'id'") || !strings.Contains(err.Error(), "input.n:") {
		t.Error(err)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	deep := any(1)
	for range 100 {
		deep = []any{deep}
	}
	tests := map[string]*flow.Workflow{
		plan.CodeTooManyNodes:       {ID: "w", Nodes: make([]flow.Node, plan.MaxNodes+1)},
		plan.CodeTooManyConnections: {ID: "w", Connections: make([]flow.Connection, plan.MaxConnections+1)},
		plan.CodeTooLarge:           {ID: "w", Description: strings.Repeat("x", plan.MaxBytes)},
		plan.CodeTooDeep:            {ID: "w", Variables: map[string]any{"x": deep}},
		plan.CodeNotJSON:            {ID: "w", Output: math.NaN()},
		plan.CodeBadInputSchema:     {ID: "w", InputSchema: []byte(`{"$ref":"file:///etc/passwd"}`)},
	}
	for code, w := range tests {
		p, found := plan.Compile(w, types, plan.Options{})
		if p != nil || len(found) == 0 || found[0].Code != code {
			t.Errorf("want %s, got %v", code, found)
		}
	}
}

func TestDiagnosticWithoutSource(t *testing.T) {
	t.Parallel()
	d := plan.Diagnostic{Severity: "error", Code: "X", Message: "no", Path: "nodes[0]", Hint: "yes"}
	if got, want := d.String(), "nodes[0] error X no\n  yes"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	options := []string{"main", "timeout", "error"}
	for written, want := range map[string]string{"mian": "main", "timeuot": "timeout", "x": "", "Error": "error", "completely": ""} {
		if want != "" {
			want = fmt.Sprintf("did you mean %q?", want)
		}
		if got := plan.DidYouMean(written, options); got != want {
			t.Errorf("%s: %q", written, got)
		}
	}
}
