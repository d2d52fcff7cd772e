package eval

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func directiveEnv() Env {
	return Env{
		"input": obj{
			"us":   items(obj{"name": "A", "on": true, "tags": items("x", "y")}, obj{"name": "B", "on": false, "tags": items("z")}),
			"kind": "gold", "n": 7, "s": "text",
		},
		"loop": obj{"item": "outer", "index": 3},
	}
}

func TestDirectives(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   any
		want any
	}{
		{
			"map",
			obj{"#map": items("{{ $input.us }}", obj{"n": "{{ $loop.item.name }}", "i": "{{ $loop.index }}"})},
			items(obj{"n": "A", "i": 0}, obj{"n": "B", "i": 1}),
		},
		{"map to text", obj{"#map": items("$input.us", "{{ $loop.index }}:{{ $loop.item.name }}")}, items("0:A", "1:B")},
		{"map to a constant", obj{"#map": items("$input.us", obj{"k": 1})}, items(obj{"k": 1}, obj{"k": 1})},
		{"map over a written list", obj{"#map": items(items(1, "$input.n"), "{{ $loop.item * 2 }}")}, items(2, 14)},
		{"map over nothing", obj{"#map": items("{{ $input.none }}", "x")}, items()},
		{"map over no list", obj{"#map": items("{{ $input.s }}", "x")}, items()},
		{
			"map in map",
			obj{"#map": items("$input.us", obj{"#map": items("$loop.item.tags", "{{ $loop.parentloop.item.name + $loop.item + $loop.parentloop.index }}")})},
			items(items("Ax0", "Ay0"), items("Bz1")),
		},
		{"the loop around all", obj{"#map": items("$input.us", "{{ $loop.parentloop.item + $loop.item.name }}")}, items("outerA", "outerB")},
		{"after a map", items(obj{"#map": items(items(1), "$loop.index")}, "$loop.item"), items(items(0), "outer")},
		{"the list sees the outer loop", obj{"#map": items("{{ [$loop.index] }}", "$loop.item")}, items(3)},
		{"flat_map", obj{"#flat_map": items("$input.us", "$loop.item.tags")}, items("x", "y", "z")},
		{"flat_map of scalars", obj{"#flat_map": items(items(1, nil, 2), "$loop.item")}, items(1, 2)},
		{"filter", obj{"#filter": items("{{ $input.us }}", "{{ $loop.item.on }}")}, items(directiveEnv()["input"].(obj)["us"].([]any)[0])},
		{"filter without braces", obj{"#filter": items(items(1, 2, 3), "$loop.item >= 2 and not ($loop.index == 2)")}, items(2)},
		{"filter by text", obj{"#filter": items(items(1), `"true"`)}, items(1)},
		{"if", obj{"#if": items("{{ $input.us[1].on }}", "yes", "no")}, "no"},
		{"if without else", obj{"#if": items(false, "yes")}, nil},
		{"if takes one branch", obj{"#if": items("$input.n > 5", "{{ $input.s }}", "{{ 1 / 0 }}")}, "text"},
		{"cond", obj{"#cond": items(items(items("$input.n > 9", "many"), items("$input.n > 5", "some"), items("1 / 0 > 1", "never")))}, "some"},
		{"cond without a match", obj{"#cond": items(items(items(false, 1)))}, nil},
		{"case", obj{"#case": items("$input.kind", items(items("silver", 1), items("{{ 'go' + 'ld' }}", 2), items("gold", 3)), 9)}, 2},
		{"case default", obj{"#case": items("$input.n", items(items("7", 1)), "{{ $input.s }}")}, "text"},
		{"case number", obj{"#case": items("$input.n", items(items(7.0, "seven")))}, "seven"},
		{"case without default", obj{"#case": items("$input.n", items())}, nil},
		{
			"merge",
			obj{"#merge": items("{{ $input.us[0] }}", obj{"x": 1, "name": "C"}, nil, "$input.s")},
			obj{"name": "C", "on": true, "tags": items("x", "y"), "x": 1},
		},
		{"merge nothing", obj{"#merge": items()}, obj{}},
		{"pick", obj{"#pick": items("{{ $input.us[0] }}", items("name", "none"))}, obj{"name": "A"}},
		{"pick from no object", obj{"#pick": items("$input.s", items("name"))}, obj{}},
		{"pick computed names", obj{"#pick": items("$input.us[0]", "{{ ['on'] }}")}, obj{"on": true}},
		{"pipe", obj{"#pipe": items("$input.us", items(
			obj{"#filter": items("{{ $self }}", "$loop.item.on")}, obj{"#map": items("$self", "$loop.item.name")}, "{{ $self | first | lower_case }}"))}, "a"},
		{"pipe in pipe", obj{"#pipe": items(1, items("{{ $self + 1 }}", obj{"#pipe": items("$self", items("{{ $self * 10 }}"))}, "{{ $self + 1 }}"))}, 21},
		{"pipe of none", obj{"#pipe": items("$input.n", items())}, 7},
		{"self is text elsewhere", items("$self", obj{"#pipe": items(1, items("$self"))}, "$self.x"), items("$self", 1, "$self.x")},
		{"deep inside", obj{"a": items(obj{"b": obj{"#if": items(true, 1)}})}, obj{"a": items(obj{"b": 1})}},
		{"a number sign alone", obj{"#": 1, "#maps": items(1, 2)}, obj{"#": 1, "#maps": items(1, 2)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := compileOK(t, tt.in)
			for range 2 { // a program can be used again
				got, err := p.Eval(directiveEnv())
				if err != nil || !reflect.DeepEqual(got, tt.want) {
					t.Fatalf("got %#v, %v; want %#v", got, err, tt.want)
				}
			}
		})
	}
}

func TestMalformedDirectivesWarn(t *testing.T) {
	t.Parallel()
	for _, in := range []obj{
		{"#map": items(1)},
		{"#map": "$input.us"},
		{"#map": items("$input.us", "$loop.item"), "more": 1},
		{"#if": items(true)},
		{"#cond": items(items(true, 1))},
		{"#case": items(1, items(items(1)))},
		{"#pipe": items(1, "$input.us")},
		{"#merge": obj{}},
	} {
		p, issues := CompileValue(obj{"a": in}, testScope)
		if p == nil || len(issues) != 1 || !issues[0].Warning || issues[0].Code != CodeBadDirective || !strings.HasPrefix(issues[0].Path, "a.#") {
			t.Errorf("%v: %v", in, issues)
			continue
		}
		got, err := p.Eval(directiveEnv())
		kept, _ := got.(obj)["a"].(obj)
		if err != nil || len(kept) != len(in) {
			t.Errorf("%v became %v, %v", in, got, err)
		}
	}
}

func TestIssuesInsideDirectives(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   any
		want string
	}{
		{obj{"#map": items("$input.us", obj{"n": "x {{ $lop.item }}"})}, `a.#map[1].n 1:6 unknown_root: there is nothing named "$lop" (did you mean $loop?)`},
		{obj{"#if": items("yes", 1)}, `a.#if[0] 1:1 unknown_root: there is nothing named "yes"`},
		{obj{"#cond": items(items(items("{{", 1)))}, `a.#cond[0][0][0] 1:1 unclosed_template: "{{" has no "}}" (write {{ "{{" }} for literal braces)`},
		{obj{"#case": items(1, items(items(1, "{{ 1 + }}")))}, `a.#case[1][0][1] 1:7 bad_expression: unexpected end of expression`},
		{obj{"#filter": items(items(), "{{ true }} {{ true }}")}, `a.#filter[1] 1:1 bad_expression: a condition is one expression (write all of it inside one pair of braces, or without braces)`},
		{"{{ $self }}", `a 1:4 unknown_root: there is nothing named "$self" ($self exists only inside #pipe)`},
	}
	for _, tt := range tests {
		p, issues := CompileValue(obj{"a": tt.in}, testScope)
		if p != nil || len(issues) != 1 || issues[0].String() != tt.want {
			t.Errorf("got %v\nwant %s", issues, tt.want)
		}
	}
}

func TestErrorsInsideDirectives(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in         any
		path, want string
	}{
		{obj{"#map": items("$input.us", obj{"n": "{{ $loop.item.on + 1 }}"})}, "a.#map[1].n", "cannot add a boolean and an integer"},
		{obj{"#filter": items("$input.us", "$loop.item.none")}, "a.#filter[1]", "the condition must give true or false, not nil"},
		{obj{"#if": items("{{ 1 }}", 1)}, "a.#if[0]", "the condition must give true or false, not an integer"},
		{obj{"#pick": items("$input.us[0]", "{{ 1 }}")}, "a.#pick", "#pick needs a list of names, not an integer"},
		{obj{"#pick": items("$input.us[0]", items(1))}, "a.#pick", "#pick needs names that are strings, not an integer"},
	}
	for _, tt := range tests {
		_, err := compileOK(t, obj{"a": tt.in}).Eval(directiveEnv())
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Path != tt.path || e.Message != tt.want {
			t.Errorf("got %+v; want %s: %s", err, tt.path, tt.want)
		}
	}
}

func TestRefsInsideDirectives(t *testing.T) {
	t.Parallel()
	list := "{{ [1] }}"
	tests := []struct {
		name string
		in   any
		want Refs
	}{
		{
			"roots",
			obj{"#map": items("$nodes.start.output", obj{"a": "{{ $vars.x }}", "b": "$secrets.K"})},
			Refs{Nodes: map[string]NodeRef{"start": {Output: true}}, Vars: true, Secrets: []string{"K"}},
		},
		{
			"conditions",
			obj{"#if": items("$trigger.x", "$execution.state.y")},
			Refs{Trigger: true, Execution: true, State: true, ExecutionFields: []string{"state"}},
		},
		{"own loop", obj{"#map": items(list, "{{ $loop.item.x + $loop.index }}")}, Refs{}},
		{"loop around", obj{"#map": items(list, "$loop.parentloop.item")}, Refs{Loop: true}},
		{"loop as a whole", obj{"#map": items(list, "$loop")}, Refs{Loop: true}},
		{"computed field", obj{"#map": items(list, "{{ $loop[$input.x] }}")}, Refs{Loop: true, Input: true}},
		{"two levels", obj{"#map": items(list, obj{"#filter": items(list, "$loop.parentloop.item")})}, Refs{}},
		{"beyond two levels", obj{"#map": items(list, obj{"#filter": items(list, "$loop.parentloop.parentloop.item")})}, Refs{Loop: true}},
		{"in the list", obj{"#map": items("$loop.item", 1)}, Refs{Loop: true}},
		{"no loop of its own", obj{"#pipe": items(1, items("$loop.item"))}, Refs{Loop: true}},
	}
	for _, tt := range tests {
		if got := compileOK(t, tt.in).Refs(); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
