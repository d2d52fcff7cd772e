package eval

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
)

// bombsEnv holds as much as a request may bring.
func bombsEnv() Env {
	big, rows, texts := make([]any, 10_000), make([]any, 10_000), make([]any, 10_000)
	for i := range big {
		big[i], rows[i], texts[i] = i, obj{"id": i % 100, "name": fmt.Sprint(i), "tags": items(i, i+1)}, strings.Repeat("x", 6)
	}
	var deep any = 1
	for range 10_000 {
		deep = items(deep)
	}
	lists := make([]any, 3_000)
	for i := range lists {
		lists[i] = items(items(i), obj{"k": items(i)})
	}
	return Env{"now": time.Date(2026, 9, 30, 0, 0, 0, 0, time.UTC), "input": obj{
		"big": big, "rows": rows, "texts": texts, "lists": lists, "deep": deep,
		"s": strings.Repeat("ab", 32_000), "wide": strings.Repeat("ß", 32_000), "nested": strings.Repeat("[", 60_000),
		"brackets": "[" + strings.Repeat("[],", 20_000) + "[]]", "objects": "[" + strings.Repeat(`{"a":1},`, 7_000) + "1]",
		"escapes": `"` + strings.Repeat(`\u0001`, 10_000) + `"`, "nines": mustNumber(strings.Repeat("9", 128)),
		"commas": strings.Repeat(",", 65_000),
	}}
}

func mustNumber(text string) any {
	v, err := flow.Number(text)
	if err != nil {
		panic(err)
	}
	return v
}

type bomb struct {
	name string
	src  any // a string is one expression, or with braces a template; anything else a tree
}

func repeated(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i+1, i, i)
	}
	return b.String()
}

func chain(stage any, n int) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = stage
	}
	return out
}

func bombs() []bomb {
	loops := any("{{ $loop.item }}")
	for range 6 {
		loops = obj{"#map": items("$input.big", loops)}
	}
	cond := strings.Repeat("$input.s contains 'zz' or ", 150) + "true"
	return []bomb{
		// Refused when compiled.
		{"deep parentheses", strings.Repeat("(", 2000) + "1" + strings.Repeat(")", 2000)},
		{"deep unary minus", strings.Repeat("-", 4000) + "1"},
		{"deep unary not", strings.Repeat("not ", 1000) + "true"},
		{"deep lists", strings.Repeat("[", 2000) + strings.Repeat("]", 2000)},
		{"deep objects", strings.Repeat("{a:", 1000) + "1" + strings.Repeat("}", 1000)},
		{"deep ternaries", strings.Repeat("true ? 1 : ", 370) + "1"},
		{"deep members", "$input" + strings.Repeat("[$input", 500) + strings.Repeat("]", 500)},
		{"power tower", strings.Repeat("9**", 1300) + "9"},
		{"chained comparisons", strings.Repeat("1<(", 60) + "1" + strings.Repeat("<1)<1", 60)},
		{"many concatenations", `"a"` + strings.Repeat(`+"a"`, 1000)},
		{"huge literal", `"` + strings.Repeat("x", 100_000) + `"`},
		{"huge number", strings.Repeat("9", 4000)},
		{"huge exponent", "1e999999999 * 10"},
		{"three predicates", "map($input.big, map($input.big, map($input.big, 1)))"},
		{"reduce", "reduce($input.big, #acc + #acc, 'x')"},
		{"repeat", "repeat('x', 1000000000)"},
		{"long pattern", "$input.s matches '" + strings.Repeat("(a*)*", 60) + "'"},
		{"repeated pattern", "$input.s matches '((a{1000}){1000}){1000}'"},
		{"pattern from data", "$input.s matches $input.s"},
		{"many blocks", strings.Repeat("{{1}}", 20_000)},
		{"long template", "{{ 1 }}" + strings.Repeat("x", 1_000_000)},
		{"open braces", strings.Repeat("{{", 50_000)},
		{"unclosed strings", strings.Repeat(`{{ "`, 900) + strings.Repeat("x", 90_000)},
		// Stopped when they run.
		{"huge range", "1..1000000000"},
		{"ranges of all numbers", "-9223372036854775807..9223372036854775807"},
		{"many ranges", "map($input.big, 1..10000)"},
		{"kept ranges", strings.Repeat("[1..9999, ", 40) + "1" + strings.Repeat("]", 40)},
		{"nested map", "map($input.big, map($input.big, #))"},
		{"nested filter", "filter($input.big, any($input.big, # < 0))"},
		{"nested membership", "filter($input.big, # not in $input.big)"},
		{"captured in closures", "map($input.big, let a = $input.big; map(a, a))"},
		{"equality of rows", "filter($input.rows, $input.rows == $input.rows)"},
		{"sort in a loop", "map($input.big, sort($input.big))"},
		{"sortBy in a loop", "map($input.big, sortBy($input.rows, .name))"},
		{"group in a loop", "map($input.big, group_by($input.rows, 'id'))"},
		{"flatten in a loop", "map($input.big, flatten($input.lists))"},
		{"uniq of lists", "uniq($input.lists)"},
		{"uniq of rows", "uniq($input.rows)"},
		{"concat in a loop", "map($input.big, concat($input.big, $input.big))"},
		{"reverse in a loop", "map($input.big, reverse($input.big))"},
		{"slice of text in a loop", "map($input.big, $input.wide[0:1])"},
		{"reverse text in a loop", "map($input.big, reverse($input.wide))"},
		{"keys in a loop", "map($input.big, keys($input.rows[0]) | join | length | string | upper_case | split('') | length) | map('x')"},
		{"join of all", "join($input.big, $input.s)"},
		{"join in a loop", "map($input.big, join($input.texts))"},
		{"replace grows", "replace($input.s, 'a', $input.s)"},
		{"replace of nothing", "replace($input.s, '', $input.s)"},
		{"replace in a loop", "map($input.big, replace($input.s, 'ab', 'ba'))"},
		{"split in a loop", "map($input.big, split($input.commas, ','))"},
		{"split into letters", "map($input.big, split($input.s, ''))"},
		{"prefix in a loop", "map($input.big, hasPrefix($input.s, $input.s))"},
		{"trim in a loop", "map($input.big, trimPrefix($input.s, $input.s))"},
		{"contains in a loop", "map($input.big, contains($input.s, 'zz'))"},
		{"contains in a row", "all($input.big, not (" + cond + "))"},
		{"compare text in a loop", "map($input.big, $input.s + '' < $input.s)"},
		{"equal text in a loop", "map($input.big, $input.s + '' == $input.s)"},
		{"doubling text with let", "let a0 = $input.s; " + repeated(40, "let a%d = a%d + a%d; ") + "a40"},
		{"doubling text from one letter", "let a0 = 'x'; " + repeated(40, "let a%d = a%d + a%d; ") + "a40"},
		{"doubling lists", "let a0 = [1]; " + repeated(40, "let a%d = [a%d, a%d]; ") + "a40"},
		{"doubling lists as JSON", "let a0 = [1]; " + repeated(40, "let a%d = [a%d, a%d]; ") + "json(a40)"},
		{"doubling objects", "let a0 = {a:1}; " + repeated(40, "let a%d = {a:a%d, b:a%d}; ") + "flatten([a40]) | first"},
		{"doubling concat", "let a0 = $input.big; " + repeated(40, "let a%d = concat(a%d, a%d); ") + "a40"},
		{"equal doublings", "let a0 = [1]; " + repeated(40, "let a%d = [a%d, a%d]; ") + "a40 == a40"},
		{"join of doublings", "let a0 = ['x']; " + repeated(40, "let a%d = [a%d, a%d]; ") + "join(a40)"},
		{"keys of doublings", "let a0 = ['x']; " + repeated(40, "let a%d = [a%d, a%d]; ") + "{(a40): 1}"},
		{"text of doublings", "{{ let a0 = ['x']; " + repeated(40, "let a%d = [a%d, a%d]; ") + "a40 }} and more"},
		{"squaring numbers", "let a0 = 99999; " + repeated(40, "let a%d = a%d * a%d; ") + "a40"},
		{"squaring floats", "let a0 = 9.5; " + repeated(40, "let a%d = a%d * a%d; ") + "a40"},
		{"long numbers in a loop", "map($input.big, map($input.big, $input.nines % 7))"},
		{"pattern in a loop", "map($input.big, $input.s matches '(a|b|ab)*c$')"},
		{"pattern with a big program", "map($input.big, $input.s matches '(((a?){30}b?){30})$')"},
		{"JSON in a loop", "map($input.big, json($input.big))"},
		{"JSON of all rows", "json($input.rows) + json($input.rows)"},
		{"JSON of what is deep", "json($input.deep)"},
		{"reading deep JSON", "from_json($input.nested)"},
		{"reading brackets in a loop", "map($input.big, from_json($input.brackets))"},
		{"reading objects in a loop", "map($input.big, from_json($input.objects))"},
		{"reading escapes in a loop", "map($input.big, from_json($input.escapes))"},
		{"what is deep", "$input.deep"},
		{"flatten what is deep", "flatten($input.deep)"},
		{"format width", "map($input.big, map(1..10, $now.Format('" + strings.Repeat("January", 36) + "')))"},
		{"long format", "$now.Format('" + strings.Repeat("January", 100) + "')"},
		{"min over doublings", "let a0 = $input.big; " + repeated(12, "let a%d = concat(a%d, a%d); ") + "max(a12)"},
		{"big template", strings.Repeat("{{ $input.s }}", 900)},
		{"template that works hard", strings.Repeat("{{ sort($input.big) | length }} ", 900)},
		// Directives.
		{"nested #map", obj{"#map": items("$input.big", obj{"#map": items("$input.big", "$loop.item")})}},
		{"six #maps", loops},
		{"#map to a constant", obj{"#map": items("$input.big", obj{"#map": items("$input.big", "x")})}},
		{"#map to a big constant", obj{"#map": items("$input.big", obj{"k": chain(obj{"a": "b"}, 1000)})}},
		{"#map to a long text", obj{"#map": items("$input.big", strings.Repeat("x", 90_000))}},
		{"#map to a template", obj{"#map": items("$input.big", "{{ $input.s }}!")}},
		{"#map to everything", obj{"#map": items("$input.big", "$input.big")}},
		{"#flat_map to everything", obj{"#flat_map": items("$input.big", "$input.big")}},
		{"#filter in #filter", obj{"#filter": items("$input.big", obj{"#if": items("any($input.big, # < 0)", true, false)})}},
		{"#merge in #map", obj{"#map": items("$input.big", obj{"#merge": chain("$input.rows[0]", 100)})}},
		{"#pick in #map", obj{"#map": items("$input.big", obj{"#pick": items("$input.rows[0]", "{{ map($input.rows, .name) }}")})}},
		{"#case in #map", obj{"#map": items("$input.big", obj{"#case": items("$input.rows", chain(items("$input.rows", 1), 50))})}},
		{"#pipe that doubles", obj{"#pipe": items(1, chain(items("$self", "$self"), 60))}},
		{"#pipe that doubles text", obj{"#pipe": items("x", chain("{{ $self + $self }}", 60))}},
		{"#pipe that nests", obj{"#pipe": items(1, chain(items("$self"), 1000))}},
		{"$loop that nests", loopsWithin(8)},
	}
}

func loopsWithin(n int) any {
	v := any("{{ $loop }}")
	for range n {
		v = obj{"#map": items("{{ 1..9 }}", v)}
	}
	return v
}

// The most that one bomb may allocate, in all: some ten times the largest result.
const maxBombBytes = 48 << 20

// TestBombs measures what each costs; it runs alone, because memory is counted
// for the whole process. Times are logged, not judged: machines differ.
func TestBombs(t *testing.T) {
	env := bombsEnv()
	for _, b := range bombs() {
		t.Run(b.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			stage, err := explode(b.src, env)
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			spent := after.TotalAlloc - before.TotalAlloc
			t.Logf("%s in %v, %d KiB: %.80v", stage, took.Round(10*time.Microsecond), spent>>10, err)
			if err == nil {
				t.Error("neither refused nor stopped")
			}
			if spent > maxBombBytes {
				t.Errorf("it allocated %d MiB", spent>>20)
			}
		})
	}
}

// explode says at which stage a bomb was stopped, and why.
func explode(src any, env Env) (stage string, err error) {
	p, issues := compileBomb(src)
	if p == nil {
		return "refused", errors.New(issues[0].Code)
	}
	_, err = p.Eval(env)
	if e, ok := errors.AsType[*Error](err); ok {
		return "stopped", errors.New(e.Message)
	}
	return "done", err
}

func compileBomb(src any) (*Program, []Issue) {
	if s, ok := src.(string); ok && !strings.Contains(s, "{{") {
		return CompileCondition(s, testScope)
	}
	return CompileValue(src, testScope)
}
