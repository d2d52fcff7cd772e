package eval

import (
	"errors"
	"strings"
	"testing"
)

func TestIssues(t *testing.T) {
	t.Parallel()
	tests := []struct{ src, want string }{
		{`{{ $inptu.x }}`, `1:4 unknown_root: there is nothing named "$inptu" (did you mean $input?)`},
		{`{{ input.x }}`, `1:4 unknown_root: there is nothing named "input" (did you mean $input?)`},
		{`$event.x`, `1:1 unknown_root: there is nothing named "$event" ($event exists only in the match of a wait for an event)`},
		{`{{ upper_case }}`, `1:4 unknown_root: there is nothing named "upper_case" (upper_case is a function: write upper_case(...))`},
		{`{{ $nodes.strat.output }}`, `1:4 unknown_node: there is no node "strat" (did you mean start?)`},
		{`{{ $nodes.start.ouput }}`, `1:4 unknown_field: $nodes.start has no "ouput" (did you mean output?)`},
		{`{{ keys($nodes) }}`, `1:9 dynamic_reference: $nodes needs a constant name after it (write $nodes.NAME or $nodes["NAME"])`},
		{`{{ $nodes[$input.x] }}`, `1:4 dynamic_reference: $nodes needs a constant name after it (write $nodes.NAME or $nodes["NAME"])`},
		{`$secrets`, `1:1 dynamic_reference: $secrets needs a constant name after it (write $secrets.NAME or $secrets["NAME"])`},
		{`$env.HOME`, `1:1 env_not_allowed: $env.HOME is not on the allow-list (add it to the allow-list of environment names)`},
		{`{{ $env["REGIO"] }}`, `1:4 env_not_allowed: $env.REGIO is not on the allow-list (did you mean REGION?)`},
		{`{{ 1 | uper_case }}`, `1:8 unknown_function: there is no function "uper_case" (did you mean upper_case?)`},
		{`{{ $input.foo() }}`, `1:11 unknown_function: there is no method "foo"`},
		{`{{ $input.s | upper_case | truncate }}`, `1:28 bad_arguments: truncate takes 2 to 3 arguments, counting what stands before the pipe`},
		{`{{ 1 + }}`, `1:7 bad_expression: unexpected end of expression`},
		{"a\n é {{ 1 | upper_case | ) }}", `2:24 bad_expression: unexpected token Bracket(")")`},
		{`{{ "abc }}`, `1:9 bad_expression: literal not terminated`},
		{`{{ }}`, `1:4 bad_expression: the expression is empty`},
		{`$input costs`, `1:8 bad_expression: unexpected token Identifier("costs") (write $$ for a literal dollar)`},
		{`{{ "a" < 1 }}`, `1:8 bad_expression: invalid operation: < (mismatched types string and int)`},
		{`{{ all([1], "x") }}`, `1:4 bad_arguments: all takes a predicate, such as .price > 10`},
		{`x {{ 1 `, `1:3 unclosed_template: "{{" has no "}}" (write {{ "{{" }} for literal braces)`},
		{`{{ $input.s matches $input.p }}`, `1:13 not_allowed: the pattern of matches must be a string literal`},
		{`{{ $input.s matches "(" }}`, "1:21 bad_expression: error parsing regexp: missing closing ): `(`"},
		{`{{ reduce([1], #acc + #) }}`, `1:4 not_allowed: reduce is not available (use sum, join, min, max or map)`},
		{`{{ repeat("x", 9) }}`, `1:4 not_allowed: repeat is not available`},
		{`{{ let $x = 1; $x }}`, `1:8 bad_expression: a variable's name cannot begin with a dollar`},
		{`{{ # }}`, `1:4 bad_expression: unexpected token Operator("#")`},
	}
	for _, tt := range tests {
		t.Run(tt.src, func(t *testing.T) {
			t.Parallel()
			p, issues := CompileValue(obj{"h": items(1, obj{"X-A b": tt.src})}, testScope)
			if p != nil || len(issues) != 1 {
				t.Fatalf("issues = %v", issues)
			}
			if got, want := issues[0].String(), `h[1]["X-A b"] `+tt.want; got != want {
				t.Fatalf("\ngot  %s\nwant %s", got, want)
			}
		})
	}
}

func TestAllIssuesAtOnce(t *testing.T) {
	t.Parallel()
	_, issues := CompileValue(obj{"a": "{{ $x + $y }}", "b": "{{ }}", "c": "{{"}, Scope{})
	if len(issues) != 4 {
		t.Fatalf("issues = %v", issues)
	}
	if i := issues[1]; i.Offset != 8 || i.Path != "a" {
		t.Fatalf("second issue at %s, byte %d", i.Path, i.Offset)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ src, want string }{
		{`Hé {{ $input.s | strip | abs }}`, "p: 1:26: abs needs a number, not a string\n  Hé {{ $input.s | strip | abs }}\n                           ^"},
		{"a\n\t{{ 1 + nil }}", "p: 2:7: cannot add an integer and nil\n   {{ 1 + nil }}\n        ^"},
		{`{{ 1 / 0 }}`, "p: 1:6: division by zero\n  {{ 1 / 0 }}\n       ^"},
		{`{{ 1 % 0 }}`, "p: 1:6: division by zero\n  {{ 1 % 0 }}\n       ^"},
		{`{{ int($secrets.KEY) }}`, "p: 1:4: int: the string is not a number\n  {{ int($secrets.KEY) }}\n     ^"},
		{`{{ date($secrets.KEY) }}`, "p: 1:4: date: the string is not a date\n  {{ date($secrets.KEY) }}\n     ^"},
		{`{{ map($input.n, #) }}`, "p: 1:4: map needs a list, not an integer\n  {{ map($input.n, #) }}\n     ^"},
		{`{{ filter([1], #) }}`, "p: 1:16: a condition must give a boolean, not an integer\n  {{ filter([1], #) }}\n                 ^"},
		{`{{ 10.0 ** 400 }}`, "p: 1:4: the result is not a finite number\n  {{ 10.0 ** 400 }}\n     ^"},
	}
	for _, tt := range tests {
		t.Run(tt.src, func(t *testing.T) {
			t.Parallel()
			_, err := compileOK(t, obj{"p": tt.src}).Eval(testEnv())
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatalf("error is %T", err)
			}
			if err.Error() != tt.want {
				t.Fatalf("\ngot\n%s\nwant\n%s", err, tt.want)
			}
			if strings.Contains(err.Error(), "s3cr3t") {
				t.Fatal("a secret shows")
			}
		})
	}
}

func TestLongLinesAreCut(t *testing.T) {
	t.Parallel()
	src := strings.Repeat("x", 200) + "{{ 1 / 0 }}" + strings.Repeat("y", 200)
	_, err := compileOK(t, src).Eval(nil)
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 3 || len(lines[1]) > 110 || lines[1][len(lines[2])-1] != '/' {
		t.Fatalf("got\n%s", err)
	}
}
