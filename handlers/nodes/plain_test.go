package nodes

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

func TestManualTrigger(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "manual.trigger")
	c := callFor(typ, nil)
	if out := run(t, typ, c); !out.PassInput {
		t.Errorf("the input is not passed on: %+v", out)
	}
	c.Input = nil
	out := run(t, typ, c)
	same(t, "the output without input", out.Output, obj{})
	if len(typ.InputPorts()) != 0 || out.PassInput {
		t.Errorf("a trigger has input ports %q", typ.InputPorts())
	}
}

func TestIf(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "logic.if_condition")
	for value, port := range map[any]string{true: "true", "true": "true", false: "false", "false": "false"} {
		out := run(t, typ, callFor(typ, obj{"condition": value}))
		if out.Port != port || !out.PassInput {
			t.Errorf("%v: %+v", value, out)
		}
	}
	for _, value := range []any{"some value", 1, nil, obj{}} {
		runFails(t, typ, callFor(typ, obj{"condition": value}), codeParams)
	}
}

func TestSwitch(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "logic.switch")
	pair := func(a, b bool) []any {
		return []any{obj{"condition": a, "port": "one"}, obj{"condition": b, "port": "two"}}
	}
	for name, tc := range map[string]struct {
		params obj
		port   string
	}{
		"first of two": {obj{"cases": pair(true, true)}, "one"},
		"second":       {obj{"cases": pair(false, true)}, "two"},
		"default":      {obj{"cases": pair(false, false), "default_port": "other"}, "other"},
	} {
		if out := run(t, typ, callFor(typ, tc.params)); out.Port != tc.port || !out.PassInput {
			t.Errorf("%s: %+v", name, out)
		}
	}
	for _, cases := range [][]any{pair(false, false), {}} {
		if p := problemOf(t, typ, callFor(typ, obj{"cases": cases}), "no_matching_case"); !p.Permanent {
			t.Error("a case that does not match is tried again")
		}
	}
	runFails(t, typ, callFor(typ, nil), codeParams)
	runFails(t, typ, callFor(typ, obj{"cases": []any{obj{"condition": nil, "port": "x"}}}), codeParams)
}

func TestSwitchPorts(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "logic.switch")
	got := typ.OutputPorts(obj{
		"cases":        []any{obj{"port": "a"}, obj{"port": "a"}, obj{"port": "{{ $input.p }}"}, "odd", obj{"port": "b"}},
		"default_port": "c",
	})
	if want := []string{"a", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("the ports are %q", got)
	}
	if got := typ.OutputPorts(nil); len(got) != 0 {
		t.Errorf("without cases the ports are %q", got)
	}
}

func TestSetData(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "data.set_data")
	for name, tc := range map[string]struct {
		params obj
		want   any
	}{
		"map":     {obj{"mapping_map": obj{"a": 1}}, obj{"a": 1}},
		"text":    {obj{"mapping_map": "x"}, "x"},
		"nothing": {nil, nil},
		"json":    {obj{"mode": "json", "json_template": `{"n":[{"a":99.99}],"i":42}`}, obj{"n": []any{obj{"a": 99.99}}, "i": 42}},
		"list":    {obj{"mode": "json", "json_template": `[1]`}, []any{1}},
	} {
		same(t, name, run(t, typ, callFor(typ, tc.params)).Output, tc.want)
	}
	runFails(t, typ, callFor(typ, obj{"mode": "json", "json_template": `{"a":`}), "json_error")
	runFails(t, typ, callFor(typ, obj{"mode": "json", "json_template": `"text"`}), "json_error")
	if p := problemOf(t, typ, callFor(typ, obj{"mode": "json"}), codeParams); p.Details["path"] != "params.json_template" {
		t.Errorf("the problem does not name the parameter: %v", p)
	}
	runFails(t, typ, callFor(typ, obj{"mode": "magic"}), codeParams)
}

func TestMerge(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "data.merge")
	a, b := obj{"x": 1, "y": 1}, obj{"y": 2}
	for name, tc := range map[string]struct {
		params, inputs obj
		want           any
	}{
		"append":           {nil, obj{"input_b": b, "input_a": a}, []any{a, b}},
		"ports by name":    {nil, obj{"z": 3, "m": 2, "b": 1}, []any{1, 2, 3}},
		"nil is dropped":   {nil, obj{"input_a": nil, "input_b": b}, []any{b}},
		"nothing":          {nil, nil, []any{}},
		"params win":       {obj{"input_a": "own"}, obj{"input_a": a, "input_b": b}, []any{"own", b}},
		"only params":      {obj{"input_a": a, "input_b": b}, nil, []any{a, b}},
		"merge":            {obj{"strategy": "merge"}, obj{"input_a": a, "input_b": b, "input_c": []any{1}}, obj{"x": 1, "y": 2}},
		"concat":           {obj{"strategy": "concat"}, obj{"input_a": []any{1, 2, []any{3}}, "input_b": []any{4, 5}}, []any{1, 2, 3, 4, 5}},
		"concat, no lists": {obj{"strategy": "concat"}, obj{"input_a": []any{1}, "input_b": b}, []any{1}},
	} {
		c := callFor(typ, tc.params)
		c.Inputs = tc.inputs
		same(t, name, run(t, typ, c).Output, tc.want)
	}
	p := problemOf(t, typ, callFor(typ, obj{"strategy": "unknown_strategy"}), codeParams)
	if !strings.Contains(p.Message, "unknown_strategy") {
		t.Errorf("the message is %q", p.Message)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "core.log")
	var buf bytes.Buffer
	c := callFor(typ, obj{"message": obj{"m": "hello\nworld"}, "level": "warn", "data": obj{"k": "v"}})
	c.Logger = slog.New(slog.NewTextHandler(&buf, nil))
	if out := run(t, typ, c); !out.PassInput {
		t.Errorf("the input is not passed on: %+v", out)
	}
	for _, want := range []string{"level=WARN", `hello\\nworld`, "execution=0abc", "node=n", "workflow=orders", `{\"k\":\"v\"}`} {
		if !strings.Contains(buf.String(), want) {
			t.Errorf("the line has no %s: %s", want, buf.String())
		}
	}
}

func TestLogDefaults(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	typ := typeOf(t, Options{Logger: slog.New(slog.NewTextHandler(&buf, nil))}, "core.log")
	c := callFor(typ, nil)
	c.Input = obj{"secret": "s3cr3t"}
	run(t, typ, c)
	if line := buf.String(); !strings.Contains(line, "Log Action") || !strings.Contains(line, "level=INFO") || strings.Contains(line, "s3cr3t") {
		t.Errorf("the line is %s", line)
	}
	silent := typeOf(t, Options{}, "core.log")
	run(t, silent, callFor(silent, nil))
}

func TestSetState(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "workflow.set_state")
	for _, params := range []obj{{}, {"counter": 1, "node_context": obj{"x": 1}, "draft": nil}} {
		out := run(t, typ, callFor(typ, params))
		same(t, "the state", out.State, params)
		same(t, "the output", out.Output, obj{})
	}
}

func TestExpr(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "code.expr")
	for _, value := range []any{7, "text", []any{1}, obj{"a": nil}} {
		same(t, "the output", run(t, typ, callFor(typ, obj{"expression": value})).Output, value)
	}
}
