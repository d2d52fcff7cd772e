package eval

import (
	"errors"
	"reflect"
	"testing"
)

func TestStrings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		src  string
		want any
	}{
		{`{{ $input.n }}`, 42},
		{` {{ 1 }}`, " 1"},
		{`{{ 42 }}{{ true }}`, "42true"},
		{`Count: {{ $input.n }}`, "Count: 42"},
		{`[{{ $input.none }}]`, "[]"},
		{`{{ $input.m }} and {{ $input.l }}`, `{"k":{"j":1}} and [3,1,2]`},
		{`x {{ 100000000.0 * 10 }}`, "x 1000000000"},
		{`$input.n`, 42},
		{`$variables.x`, "v"},
		{`$nodes.start.output`, obj{"id": "r1"}},
		{`$input.s | upper_case`, "HELLO"},
		{`$$input.n`, "$input.n"},
		{`$$input {{ $input.n }}`, "$input 42"},
		{`$$5`, "$$5"},
		{`$inputx.n`, "$inputx.n"},
		{`$input_x`, "$input_x"},
		{`costs $input.n`, "costs $input.n"},
		{`plain { braces }`, "plain { braces }"},
		{`{# kept #}`, "{# kept #}"},
		{`a{# gone #}b{{ 1 }}`, "ab1"},
		{"a \n {{- 1 -}} \n b", "a1b"},
		{"a {{-1}} b", "a -1 b"},
		{`{{ "}}" }}`, "}}"},
		{`{{ '{{' }}x`, "{{x"},
		{`{{ {"a": {"b": 1}}}}`, obj{"a": obj{"b": 1}}},
		{"é{{ \"ü\" }}", "éü"},
		{``, ""},
	}
	for _, tt := range tests {
		t.Run(tt.src, func(t *testing.T) {
			t.Parallel()
			got, err := compileOK(t, tt.src).Eval(testEnv())
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Fatalf("got %#v, %v; want %#v", got, err, tt.want)
			}
		})
	}
}

func TestTree(t *testing.T) {
	t.Parallel()
	constant := obj{"x": items(1, "y")}
	p := compileOK(t, obj{
		"url": "https://x/{{ $input.n }}", "{{ key }}": true, "list": items("$input.s", items("$$vars.a"), nil), "same": constant,
	})
	if p.IsConstant() {
		t.Fatal("not a constant")
	}
	got, err := p.Eval(testEnv())
	want := obj{
		"url": "https://x/42", "{{ key }}": true, "list": items("hello", items("$vars.a"), nil), "same": constant,
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v, %v; want %v", got, err, want)
	}
}

func TestConstantIsShared(t *testing.T) {
	t.Parallel()
	v := obj{"a": items(1, "b"), "c": obj{}}
	p := compileOK(t, v)
	got, err := p.Eval(nil)
	if err != nil || !p.IsConstant() || reflect.ValueOf(got).Pointer() != reflect.ValueOf(v).Pointer() {
		t.Fatalf("got %v, %v, constant %v", got, err, p.IsConstant())
	}
	if v, err := new(Program).Eval(nil); v != nil || err != nil {
		t.Fatalf("zero program: %v, %v", v, err)
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		src  string
		want string // "true", "false", or the message
	}{
		{`$input.n > 40`, "true"},
		{`{{ $input.n > 400 }}`, "false"},
		{`  {{ $input.b }}  `, "true"},
		{`"false"`, "false"},
		{`$input.none`, "the condition must give true or false, not nil"},
		{`$input.n`, "the condition must give true or false, not an integer"},
		{`$input.none > 5`, "> cannot compare nil with an integer"},
	}
	for _, tt := range tests {
		t.Run(tt.src, func(t *testing.T) {
			t.Parallel()
			p, issues := CompileCondition(tt.src, testScope)
			if len(issues) > 0 {
				t.Fatal(issues)
			}
			v, err := p.EvalBool(testEnv())
			got := map[bool]string{true: "true", false: "false"}[v]
			if err != nil {
				got = func() *Error {
					target := &Error{}
					_ = errors.As(err, &target)
					return target
				}().Message
			}
			if got != tt.want {
				t.Fatalf("got %s, want %s", got, tt.want)
			}
		})
	}
	if _, issues := CompileCondition(`{{ true }} && {{ true }}`, testScope); len(issues) != 1 {
		t.Fatalf("issues = %v", issues)
	}
}

func TestRefs(t *testing.T) {
	t.Parallel()
	all := NodeRef{Output: true, Error: true, Port: true, Context: true}
	tests := []struct {
		src  string
		want Refs
	}{
		{`$input.x`, Refs{Input: true}},
		{`$inputs.a.b`, Refs{InputPorts: []string{"a"}}},
		{`$inputs`, Refs{Inputs: true}},
		{`$nodes.start.output.x`, Refs{Nodes: map[string]NodeRef{"start": {Output: true}}}},
		{`{{ $nodes["a-b"].error }}{{ $nodes["a-b"]?.port }}`, Refs{Nodes: map[string]NodeRef{"a-b": {Error: true, Port: true}}}},
		{`$nodes.call`, Refs{Nodes: map[string]NodeRef{"call": all}}},
		{`{{ [$vars.a, $variables, $workflow.id, $trigger.x, $loop.item, $now] }}`, Refs{Vars: true, Workflow: true, Trigger: true, Loop: true, Now: true}},
		{`$execution.state.x`, Refs{Execution: true, State: true, ExecutionFields: []string{"state"}}},
		{`$execution.resume_url`, Refs{Execution: true, ResumeURL: true, ExecutionFields: []string{"resume_url"}}},
		{`{{ $execution.resume_urls.start }}{{ $execution.resume_urls["a-b"] }}`, Refs{Execution: true, ResumeURLs: []string{"a-b", "start"}, ExecutionFields: []string{"resume_urls"}}},
		{`$execution.id`, Refs{Execution: true, ExecutionFields: []string{"id"}}},
		{`$execution`, Refs{Execution: true, State: true, Loop: true, ExecutionFields: []string{"*"}}},
		{`{{ $secrets.B + $secrets.A + $secrets.A + $env.REGION }}`, Refs{Env: []string{"REGION"}, Secrets: []string{"A", "B"}}},
		{`{{ $response.a || $http.status }}`, Refs{Response: true, HTTP: true}},
		{`{{ map([1], $input[$vars.f]) }}`, Refs{Input: true, Vars: true}},
		{`{{ now() }}`, Refs{Now: true}},
		{`text`, Refs{}},
	}
	for _, tt := range tests {
		t.Run(tt.src, func(t *testing.T) {
			t.Parallel()
			if got := compileOK(t, items(tt.src)).Refs(); !reflect.DeepEqual(got, tt.want) {
				t.Fatalf("got %+v, want %+v", got, tt.want)
			}
		})
	}
	a, b := Refs{Input: true, Env: []string{"B"}, Nodes: map[string]NodeRef{"x": {Port: true}}}, Refs{Env: []string{"A", "B"}, Nodes: map[string]NodeRef{"x": {Output: true}}}
	want := Refs{Input: true, Env: []string{"A", "B"}, Nodes: map[string]NodeRef{"x": {Port: true, Output: true}}}
	if got := a.Union(b); !reflect.DeepEqual(got, want) || a.Nodes["x"].Output {
		t.Fatalf("Union = %+v", got)
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	p := compileOK(t, obj{
		"a": "é {{ $input.x == 'y' and 1 < $nodes[\"a-b\"]?.output.n[0] }}",
		"b": items("$vars", "{{ $input[$vars.f] | upper_case == 'x' }}", "{{ $input.a != $input.b or $input.c == null or $input.d == -1 }}"),
		"c": "{{ 1 < $input.n < 3 }}",
	})
	want := []Path{
		{Root: "$input", Keys: items("x"), At: "a", Offset: 6, Operator: "==", Beside: "y"},
		{Root: "$nodes", Keys: items("a-b", "output", "n", 0), At: "a", Offset: 30, Operator: "<", Beside: 1},
		{Root: "$vars", At: "b[0]"},
		{Root: "$input", At: "b[1]", Offset: 3},
		{Root: "$vars", Keys: items("f"), At: "b[1]", Offset: 10},
		{Root: "$input", Keys: items("a"), At: "b[2]", Offset: 3},
		{Root: "$input", Keys: items("b"), At: "b[2]", Offset: 15},
		{Root: "$input", Keys: items("c"), At: "b[2]", Offset: 27},
		{Root: "$input", Keys: items("d"), At: "b[2]", Offset: 47},
		{Root: "$input", Keys: items("n"), At: "c", Offset: 7, Operator: "<", Beside: 1}, // one for each of its comparisons
		{Root: "$input", Keys: items("n"), At: "c", Offset: 7, Operator: "<", Beside: 3},
	}
	got := p.Paths()
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("path %d is %+v, want %+v", i, got[i], want[i])
		}
	}
	for src, only := range map[string]bool{"$input.x": true, "{{ $input.x }}": true, "{{ $input.x }}!": false, "{{ $input.x | length }}": false} {
		if p := compileOK(t, src).Paths(); p[0].Only != only {
			t.Errorf("%s: %+v", src, p)
		}
	}
}
