package eval

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

var testScope = Scope{
	Nodes: map[string]bool{"start": true, "a-b": true, "call": true},
	Extra: []string{"$response", "$http"},
	Env:   []string{"REGION"},
}

func testEnv() Env {
	return Env{
		"input": map[string]any{
			"name": "jOHN doe", "n": 42, "f": 98.5, "b": true, "z": nil, "s": "hello", "empty": "",
			"l": []any{3, 1, 2}, "m": map[string]any{"k": map[string]any{"j": 1}}, "contains": "field",
			"us": []any{
				map[string]any{"name": "A", "role": "admin", "on": true, "age": 30},
				map[string]any{"name": "B", "role": "user", "on": false, "age": 20},
			},
			"a": map[string]any{"b": "deep"},
		},
		"inputs": map[string]any{"main": map[string]any{"x": 1}},
		"nodes": map[string]any{
			"start": map[string]any{"output": map[string]any{"id": "r1"}, "port": "main"},
			"a-b":   map[string]any{"output": 7},
		},
		"vars":      map[string]any{"x": "v"},
		"env":       map[string]string{"REGION": "eu"},
		"secrets":   map[string]string{"KEY": "s3cr3t-value"},
		"execution": map[string]any{"id": "e1", "state": map[string]any{"step": 2}, "run_index": 0},
		"now":       time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		"response":  map[string]any{"status": "completed"},
		"http":      map[string]any{"status": 200},
	}
}

func compileOK(t testing.TB, v any) *Program {
	t.Helper()
	p, issues := CompileValue(v, testScope)
	if len(issues) > 0 {
		t.Fatalf("CompileValue(%v): %v", v, issues)
	}
	return p
}

func items(v ...any) []any { return append([]any{}, v...) }

type obj = map[string]any

// expressions are evaluated inside "{{ }}", so that types are kept.
var expressions = []struct {
	src  string
	want any
}{
	// Paths.
	{`$input.n`, 42},
	{`$input.f`, 98.5},
	{`$input.b`, true},
	{`$input.z`, nil},
	{`$input.m.k.j`, 1},
	{`$input["m"]["k"]`, obj{"j": 1}},
	{`$input.l[0]`, 3},
	{`$input.l[-1]`, 2},
	{`$input.u.p.q`, nil},
	{`$input.n.x`, nil},
	{`$input.l[9]`, nil},
	{`$input.s[0]`, nil},
	{`$input.l.x`, nil},
	{`$input.m?.k?.j`, 1},
	{`$input.m[$input.none]`, nil},
	{`$input.l[$input.l[1]]`, 1},
	{`$nodes.start.output.id`, "r1"},
	{`$nodes["a-b"].output`, 7},
	{`$nodes.call.output.z`, nil},
	{`$nodes.start.port`, "main"},
	{`$vars.x`, "v"},
	{`$variables.x`, "v"},
	{`$env.REGION`, "eu"},
	{`$env["REGION"]`, "eu"},
	{`$secrets.KEY`, "s3cr3t-value"},
	{`$secrets.NONE`, nil},
	{`$inputs.main.x`, 1},
	{`$execution.state.step`, 2},
	{`$response.status == 'completed'`, true},
	{`$trigger.body`, nil},
	{`$input.contains`, "field"},
	{`$input.m.k.j[0].x`, nil},
	{`($input.m).k.j`, 1},
	{`[1,2][5]`, nil},
	{`{"a": {"b": 1}}.a.b`, 1},
	// Numbers and text.
	{`5 + 3`, 8},
	{`5 > 3`, true},
	{`1 == 1.0`, true},
	{`[1] == [1.0]`, true},
	{`7 / 2`, 3.5},
	{`7 % 4`, 3},
	{`2 ** 3`, 8.0},
	{`-$input.n`, -42},
	{`$input.n * 2`, 84},
	{`1 < 2 < 3`, true},
	{`3 > 2 > 2`, false},
	{`9007199254740993 == 9007199254740992`, false},
	{`"n=" + 1`, "n=1"},
	{`1 + "x"`, "1x"},
	{`$input.none + "x"`, "x"},
	{`"a" + 'b'`, "ab"},
	{`"é" + $input.f`, "é98.5"},
	{`$input.m == {"k": {"j": 1}}`, true},
	{`$input.l != [3,1,2]`, false},
	{`nil == $input.none`, true},
	{`null`, nil},
	// Logic.
	{`true and false`, false},
	{`true && true`, true},
	{`$input.none || "d"`, "d"},
	{`$input.s || "d"`, "hello"},
	{`0 || "d"`, 0},
	{`$input.none && 1`, nil},
	{`$input.s && 1`, 1},
	{`"" or 0`, false},
	{`"x" or nil`, true},
	{`1 and "r"`, "r"},
	{`[] and "r"`, false},
	{`not ""`, true},
	{`not $input.l`, false},
	{`!$input.none`, true},
	{`$input.none ?? 3`, 3},
	{`$input.b ? 1 : 2`, 1},
	{`$input.none ? 1 : 2`, 2},
	{`(1 || 2) || (3 || 4)`, 1},
	{`if $input.b { 1 } else { 2 }`, 1},
	{`let x = $input.n; x + 1`, 43},
	{`let x = nil; x.y.z`, nil},
	// Operators.
	{`1 in [1.0]`, true},
	{`"k" in $input.m`, true},
	{`"ell" in $input.s`, true},
	{`5 not in [1]`, true},
	{`1 in nil`, false},
	{`$input.s contains "ell"`, true},
	{`$input.s contains ("ell")`, true},
	{`$input.s not contains ("x")`, true},
	{`$input.s startsWith "he"`, true},
	{`$input.s endsWith "lo"`, true},
	{`$input.s matches "^h.*o$"`, true},
	{`nil matches "x"`, false},
	{`1..3`, items(1, 2, 3)},
	{`3..1`, items()},
	{`$input.l[1:]`, items(1, 2)},
	{`"héllo"[1:3]`, "él"},
	{`$input.none[1:2]`, nil},
	// Filters on text.
	{`$input.s | upper_case`, "HELLO"},
	{`"ABC" | lower_case()`, "abc"},
	{`$input.name | capitalize`, "John doe"},
	{`"  x " | strip`, "x"},
	{`'Hello World' | truncate(8)`, "Hello..."},
	{`"héllo" | truncate(2, "")`, "hé"},
	{`"abcdef" | truncate(2)`, ".."},
	{`"abc" | truncate(3)`, "abc"},
	{`$input.name | upper_case | truncate(6)`, "JOH..."},
	{`upper_case($input.s)`, "HELLO"},
	{`$input.none | upper_case`, ""},
	{`$input.none | default('Unknown')`, "Unknown"},
	{`"" | default(1)`, 1},
	{`false | default(1)`, false},
	{`default($input.n, 1)`, 42},
	{`"a,b" | split(",")`, items("a", "b")},
	{`replace("aXa", "a", "b")`, "bXb"},
	{`"ab" | hasPrefix("a")`, true},
	{`"ab" | trimPrefix("a")`, "b"},
	{`"ab" | trimSuffix("b")`, "a"},
	{`hasSuffix("ab", "b")`, true},
	{`string(1.50)`, "1.5"},
	{`upper('hello')`, "HELLO"},
	{`lower("A")`, "a"},
	{`trim(" a ")`, "a"},
	// Filters on lists and objects.
	{`$input.l | length`, 3},
	{`length("héé")`, 3},
	{`$input.m | length`, 1},
	{`nil | length`, 0},
	{`len([1])`, 1},
	{`$input.l | first`, 3},
	{`$input.l | last`, 2},
	{`[] | first`, nil},
	{`"abc" | last`, "c"},
	{`"" | first`, nil},
	{`$input.l | sort | reverse | join('-')`, "3-2-1"},
	{`["a","b"] | join`, "a, b"},
	{`[1,nil,"x"] | join(",")`, "1,,x"},
	{`sort(["b","a"], "desc")`, items("b", "a")},
	{`"abc" | reverse`, "cba"},
	{`[1,2,2,3,1] | uniq | sum`, 6},
	{`uniq([1, 1.0, [1], [1]])`, items(1, items(1))},
	{`[1,2,3,4] | slice(1, 2)`, items(2, 3)},
	{`"hello" | slice(-3)`, "llo"},
	{`[1,2] | slice(5)`, items()},
	{`[1,2,3] | take(2)`, items(1, 2)},
	{`$input.l | contains(1)`, true},
	{`contains($input.l, 9)`, false},
	{`"abc" | contains("b")`, true},
	{`$input.m | contains("k")`, true},
	{`not contains([1], 1)`, false},
	{`nil | contains(1)`, false},
	{`[1,nil,2] | compact`, items(1, 2)},
	{`[1,[2,[3]]] | flatten`, items(1, 2, 3)},
	{`sum([1, 2.5])`, 3.5},
	{`sum([])`, 0},
	{`sum($input.us, .age)`, 50},
	{`sum($input.us, "age")`, 50},
	{`{"b":1,"a":2} | keys`, items("a", "b")},
	{`{"b":1,"a":2} | values`, items(2, 1)},
	{`concat([1],[2])`, items(1, 2)},
	{`get($input, "n")`, 42},
	{`$input.us | group_by("role") | keys`, items("admin", "user")},
	{`group_by($input.us, .on) | keys`, items("false", "true")},
	{`$input.us | map('name')`, items("A", "B")},
	{`$input.us | map("x")`, items()},
	{`map($input.us, .name)`, items("A", "B")},
	{`map([1,2,3], # * 2)`, items(2, 4, 6)},
	{`map(nil, #)`, items()},
	{`map([1,2], {#})`, items(1, 2)},
	{`map([5,6], #index)`, items(0, 1)},
	{`$input.us | filter('role','admin') | map('name')`, items("A")},
	{`filter($input.us, "role", "user") | length`, 1},
	{`$input.us | filter(.on) | map("name")`, items("A")},
	{`$input.us | filter("on") | length`, 1},
	{`$input.us | filter(.missing)`, items()},
	{`filter([1,2,3], # > 1)`, items(2, 3)},
	{`$input.us | reject('role','admin') | map('name')`, items("B")},
	{`reject($input.us, "role", "user") | map("name")`, items("A")},
	{`$input.us | reject(.on) | map("name")`, items("B")},
	{`reject([1,2,3], # > 1)`, items(1)},
	{`reject($input.us, "on") | map("name")`, items("B")},
	{`$input.us | sortBy(.age) | map("name")`, items("B", "A")},
	{`sortBy($input.us, "age", "desc") | map("name")`, items("A", "B")},
	{`all($input.us, .age > 1)`, true},
	{`any($input.us, .on)`, true},
	{`none([1], # > 1)`, true},
	{`one([1,2], # > 1)`, true},
	{`find([1,2,3], # > 1)`, 2},
	{`findIndex([1,2], # == 2)`, 1},
	{`findLast([1,2,3], # < 3)`, 2},
	{`findLastIndex([1], # == 1)`, 0},
	{`count([1,2,3], # > 1)`, 2},
	{`count([true, false, 1])`, 2},
	{`map([[1,2],[3]], map(#, # + 1))`, items(items(2, 3), items(4))},
	// Filters on numbers.
	{`-3 | abs`, 3},
	{`abs(-3)`, 3},
	{`abs(-1.5)`, 1.5},
	{`3.14159 | round(2)`, 3.14},
	{`round(2.5)`, 3},
	{`ceil(1.2)`, 2},
	{`floor(-1.2)`, -2},
	{`15 | clamp(0, 10)`, 10},
	{`clamp(-1, 0, 10)`, 0},
	{`max(1, 2.5)`, 2.5},
	{`[4,2] | min`, 2},
	{`max([])`, nil},
	{`power(2, 3)`, 8.0},
	{`9 | sqrt`, 3.0},
	{`mod(7, 4)`, 3},
	{`int("42")`, 42},
	{`int(1.9)`, 1},
	{`float("1.5")`, 1.5},
	{`type(1)`, "int"},
	// JSON and time.
	{`json({"a": [1, "<"]})`, `{"a":[1,"<"]}`},
	{`from_json('{"a": 1, "b": 1.5}')`, obj{"a": 1, "b": 1.5}},
	{`dump([1])`, `[1]`},
	{`toJSON(1)`, "1"},
	{`fromJSON("[1]")`, items(1)},
	{`$now`, "2026-01-02T03:04:05Z"},
	{`now().Year()`, 2026},
	{`$now + duration("1h")`, "2026-01-02T04:04:05Z"},
	{`$now.Format("2006")`, "2026"},
	{`($now - date("2026-01-01")).Hours() > 27`, true},
	{`duration("90m")`, "1h30m0s"},
	{`$now > date("2025-01-01T00:00:00Z")`, true},
	{`$now.AddDate(0, 1, 0).Month()`, 2},
	// Literals keep what looks like syntax.
	{`"a | b || $env" + ' }} {{ '`, "a | b || $env }} {{ "},
	{`"x" /* | f */ | upper_case`, "X"},
	{"`raw | x`", "raw | x"},
	{`{"filter": 1, contains_: 2}.filter`, 1},
	{`"$input"`, "$input"},
	{"\"a\\\"}}\"", `a"}}`},
}

func TestExpressions(t *testing.T) {
	t.Parallel()
	for _, tt := range expressions {
		t.Run(tt.src, func(t *testing.T) {
			t.Parallel()
			env := testEnv()
			before, _ := json.Marshal(env)
			got, err := compileOK(t, "{{ "+tt.src+" }}").Eval(env)
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Fatalf("got %#v, %v; want %#v", got, err, tt.want)
			}
			if after, _ := json.Marshal(env); string(before) != string(after) {
				t.Fatal("evaluation changed its data")
			}
		})
	}
}
