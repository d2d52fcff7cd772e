package plan_test

import (
	"reflect"
	"testing"

	"prana/engine/eval"
	"prana/engine/flow"
	"prana/engine/plan"
)

// TestCheckInputIsExact holds numbers that no int and no float64 holds against a schema.
func TestCheckInputIsExact(t *testing.T) {
	t.Parallel()
	w := with(map[string]any{"text": "x"})
	w.InputSchema = []byte(`{"properties":{
		"id":{"type":"integer","minimum":12345678901234567890},"rate":{"type":"number","exclusiveMaximum":0.1234567890123456789},
		"const":{"const":1.0},"step":{"multipleOf":0.01},"all":{"uniqueItems":true},"s":{"type":"string"}}}`)
	p := compile(t, w)
	for input, fits := range map[string]bool{
		`{"id":12345678901234567890}`:                               true,
		`{"id":12345678901234567889}`:                               false,
		`{"id":12345678901234567890.5}`:                             false,
		`{"rate":0.1234567890123456788}`:                            true,
		`{"rate":0.1234567890123456789}`:                            false,
		`{"const":1}`:                                               true,
		`{"step":12345678901234567890.25}`:                          true,
		`{"step":12345678901234567890.255}`:                         false,
		`{"all":[12345678901234567890,12345678901234567891]}`:       true,
		`{"all":[12345678901234567890,12345678901234567890.0,"x"]}`: false,
		`{"s":12345678901234567890}`:                                false,
	} {
		v, err := flow.Decode([]byte(input))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.CheckInput(v); (err == nil) != fits {
			t.Errorf("%s: %v, want fits %v", input, err, fits)
		}
	}
}

// TestDirectivesInParams are compiled with the parameters, also where the type
// declares a shape, and what they read is known.
func TestDirectivesInParams(t *testing.T) {
	t.Parallel()
	p := compile(t, with(map[string]any{
		"text":  map[string]any{"#if": []any{"$trigger.long", "long", "short"}},
		"auth":  map[string]any{"#merge": []any{map[string]any{"type": "basic"}, map[string]any{"tries": "{{ $vars.tries }}", "more": "x"}}},
		"cases": map[string]any{"#map": []any{"$nodes.start.output", map[string]any{"condition": "{{ $loop.item > 1 }}", "port": "p{{ $loop.index }}"}}},
	}))
	n, _ := p.Node("all")
	if want := (plan.Needs{Any: true, Outputs: []int{0}, Vars: true, Trigger: true}); !reflect.DeepEqual(n.Needs, want) {
		t.Errorf("needs %+v, want %+v", n.Needs, want)
	}
	env := eval.Env{
		"trigger": map[string]any{"long": true}, "vars": map[string]any{"tries": "3"},
		"nodes": map[string]any{"start": map[string]any{"output": []any{1, 2}}},
	}
	got, err := n.Params(env)
	want := map[string]any{
		"text": "long", "int": 7, "auth": map[string]any{"type": "basic", "tries": 3, "more": "x"},
		"cases": []any{map[string]any{"condition": false, "port": "p0"}, map[string]any{"condition": true, "port": "p1"}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, %v; want %#v", got, err, want)
	}
}

// TestNumbersAreCast: a number that no int and no float64 holds keeps its text
// where any value may stand, and is rounded where the node computes.
func TestNumbersAreCast(t *testing.T) {
	t.Parallel()
	in, err := flow.Decode([]byte(`{"big":12345678901234567890,"dec":0.1234567890123456789,"half":4503599627370496.12345,"huge":1e400,"text":"12345678901234567890"}`))
	if err != nil {
		t.Fatal(err)
	}
	fields, _ := in.(map[string]any)
	for _, c := range []struct {
		param, value string
		want         any // nil = refused
	}{
		{"any", "big", fields["big"]},
		{"text", "big", "12345678901234567890"},
		{"text", "dec", "0.1234567890123456789"},
		{"number", "big", 12345678901234567890.0},
		{"number", "text", 12345678901234567890.0},
		{"number", "dec", 0.1234567890123456789},
		{"number", "huge", nil},
		{"int", "big", nil},
		{"int", "half", nil},
		{"int", "text", nil},
		{"bool", "big", nil},
	} {
		params := map[string]any{"text": "x"}
		params[c.param] = "{{ $input." + c.value + " }}"
		n, _ := compile(t, with(params)).Node("all")
		got, err := n.Params(eval.Env{"input": in})
		if (err != nil) != (c.want == nil) || got[c.param] != c.want {
			t.Errorf("%s of %s: %#v, %v; want %#v", c.param, c.value, got[c.param], err, c.want)
		}
	}
}
