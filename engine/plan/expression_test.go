package plan_test

import (
	"reflect"
	"testing"

	"prana/engine/eval"
	"prana/engine/flow"
	"prana/engine/node"
	"prana/engine/plan"
)

// coder has fields that are expressions: one for itself, and one in each element of a list.
var coder = node.NewRegistry(
	node.Type{Name: "test.trigger", Trigger: true, Run: nothing},
	node.Type{Name: "test.code", Run: nothing, Fields: []node.Field{
		{Name: "source", Kind: node.Expression, Required: true},
		{Name: "steps", Kind: node.Array, Items: []node.Field{{Name: "do", Kind: node.Expression, Required: true}}},
	}},
)

func code(params map[string]any) *flow.Workflow {
	return &flow.Workflow{
		ID: "w", Connections: []flow.Connection{{From: "start", To: "n"}},
		Nodes: []flow.Node{{Key: "start", Type: "test.trigger"}, {Key: "n", Type: "test.code", Params: params}},
	}
}

func TestExpressionsGiveAnyValue(t *testing.T) {
	t.Parallel()
	env := eval.Env{"input": map[string]any{"n": 3}}
	for _, c := range []struct{ source, want any }{
		{"$input.n + 1", 4},
		{"{{ $input.n + 1 }}", 4},
		{"$input.missing", nil},
		{"nil", nil},
		{`"a" + 'b'`, "ab"},
		{"[$input.n, true]", []any{3, true}},
		{"let x = $input.n; {double: x * 2}", map[string]any{"double": 6}},
		{42, 42},
		{true, true},
	} {
		p, found := plan.Compile(code(map[string]any{"source": c.source, "steps": []any{map[string]any{"do": c.source}}}), coder, plan.Options{})
		if p == nil {
			t.Errorf("%v: %v", c.source, found)
			continue
		}
		n, _ := p.Node("n")
		got, err := n.Params(env)
		steps := []any{map[string]any{"do": c.want}}
		if err != nil || !reflect.DeepEqual(got["source"], c.want) || !reflect.DeepEqual(got["steps"], steps) {
			t.Errorf("%v: got %#v, %v; want %#v", c.source, got, err, c.want)
		}
	}
}

func TestExpressionsAtFault(t *testing.T) {
	t.Parallel()
	for wrong, params := range map[string]map[string]any{
		plan.CodeMissingParam:  {},
		plan.CodeBadExpression: {"source": "1 +"},
		plan.CodeUnknownRoot:   {"source": "$inptu"},
		plan.CodeWrongKind:     {"source": []any{"{{ $input }}"}},
	} {
		_, found := plan.Compile(code(params), coder, plan.Options{})
		if len(found) == 0 || found[0].Code != wrong {
			t.Errorf("%v: found %v, want %s", params, found, wrong)
		}
	}
}
