package eval

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// TestFilters holds every filter of Prana against values worked out by hand, in
// each of its forms: x | f, x | f(), x | f(args) and f(x, args).
func TestFilters(t *testing.T) {
	t.Parallel()
	const us = `[{"n":"A","role":"admin","age":30},{"n":"B","role":"user"},{"role":"admin","n":"C","age":5}]`
	tests := []struct{ x, filter, want string }{ // want is JSON, or "error"
		{`"aBc é"`, `upper_case`, `"ABC É"`},
		{`"aBc É"`, `lower_case`, `"abc é"`},
		{`"hELLO wORLD"`, `capitalize`, `"Hello world"`},
		{`"éA"`, `capitalize`, `"Éa"`},
		{`""`, `capitalize`, `""`},
		{`" \t a b \n"`, `strip`, `"a b"`},
		{`"Hello World"`, `truncate(8)`, `"Hello..."`},
		{`"Hello"`, `truncate(5)`, `"Hello"`},
		{`"Hello"`, `truncate(4, "-")`, `"Hel-"`},
		{`"Hello"`, `truncate(2)`, `".."`},
		{`"Hello"`, `truncate(0)`, `""`},
		{`nil`, `default("d")`, `"d"`},
		{`""`, `default("d")`, `"d"`},
		{`0`, `default("d")`, `0`},
		{`false`, `default("d")`, `false`},
		{`[]`, `default("d")`, `[]`},
		{`5`, `upper_case`, `error`},
		{`[1,2]`, `length`, `2`},
		{`{"a":1}`, `length`, `1`},
		{`"héé"`, `length`, `3`},
		{`5`, `length`, `error`},
		{`[3,1]`, `first`, `3`},
		{`[3,1]`, `last`, `1`},
		{`[]`, `first`, `null`},
		{`[]`, `last`, `null`},
		{`[1,"a",nil,true,2.5]`, `join`, `"1, a, , true, 2.5"`},
		{`["a","b"]`, `join("-")`, `"a-b"`},
		{`[]`, `join`, `""`},
		{`[3,1.5,2]`, `sort`, `[1.5,2,3]`},
		{`["b","a","B"]`, `sort`, `["B","a","b"]`},
		{`[1,"a"]`, `sort`, `error`},
		{`[1,2,3]`, `reverse`, `[3,2,1]`},
		{`"héy"`, `reverse`, `"yéh"`},
		{`[1,1.0,"1",nil,nil,[1],[1],{"a":1},{"a":1}]`, `uniq`, `[1,"1",null,[1],{"a":1}]`},
		{`[1,2,3,4]`, `slice(1)`, `[2,3,4]`},
		{`[1,2,3,4]`, `slice(1, 2)`, `[2,3]`},
		{`[1,2,3,4]`, `slice(-2)`, `[3,4]`},
		{`[1,2]`, `slice(5, 1)`, `[]`},
		{`[1,2]`, `slice(0, 9)`, `[1,2]`},
		{`"héllo"`, `slice(1, 3)`, `"éll"`},
		{`"héllo"`, `slice(-2)`, `"lo"`},
		{`[1,2]`, `contains(2.0)`, `true`},
		{`[1,2]`, `contains("2")`, `false`},
		{`"hello"`, `contains("ell")`, `true`},
		{`{"a":nil}`, `contains("a")`, `true`},
		{`{"a":"b"}`, `contains("b")`, `false`},
		{`[1,nil,false,"",nil]`, `compact`, `[1,false,""]`},
		{`[1,[2,[3,[4]]],[]]`, `flatten`, `[1,2,3,4]`},
		{`[1,2,2.5]`, `sum`, `5.5`},
		{`[]`, `sum`, `0`},
		{`[1,"2"]`, `sum`, `error`},
		{`[1,nil]`, `sum`, `error`},
		{`{"b":1,"a":2}`, `keys`, `["a","b"]`},
		{`{"b":1,"a":2}`, `values`, `[2,1]`},
		{`[1]`, `keys`, `error`},
		{us, `group_by("role")`, `{"admin":[{"n":"A","role":"admin","age":30},{"role":"admin","n":"C","age":5}],"user":[{"n":"B","role":"user"}]}`},
		{us, `map("n")`, `["A","B","C"]`},
		{us, `map("age")`, `[30,5]`},
		{us, `filter("role", "user")`, `[{"n":"B","role":"user"}]`},
		{us, `filter("age", 30.0)`, `[{"n":"A","role":"admin","age":30}]`},
		{us, `filter("age", nil)`, `[{"n":"B","role":"user"}]`},
		{us, `reject("role", "admin")`, `[{"n":"B","role":"user"}]`},
		{`{"a":[1,nil]}`, `dump`, `"{\"a\":[1,null]}"`},
		{`-3`, `abs`, `3`},
		{`-2.5`, `abs`, `2.5`},
		{`1.2`, `ceil`, `2`},
		{`-1.2`, `ceil`, `-1`},
		{`1.8`, `floor`, `1`},
		{`-1.2`, `floor`, `-2`},
		{`7`, `floor`, `7`},
		{`2.5`, `round`, `3`},
		{`-2.5`, `round`, `-3`},
		{`3.14159`, `round(2)`, `3.14`},
		{`3`, `round(2)`, `3`},
		{`5`, `max(9)`, `9`},
		{`[5,9,1]`, `max`, `9`},
		{`5`, `min(9)`, `5`},
		{`[5,9,1.5]`, `min`, `1.5`},
		{`[]`, `min`, `null`},
		{`2`, `power(10)`, `1024`},
		{`2`, `power(-1)`, `0.5`},
		{`9`, `sqrt`, `3`},
		{`-1`, `sqrt`, `error`},
		{`7`, `mod(4)`, `3`},
		{`7`, `mod(0)`, `error`},
		{`7.5`, `mod(2)`, `error`},
		{`15`, `clamp(0, 10)`, `10`},
		{`-5`, `clamp(0, 10)`, `0`},
		{`5.5`, `clamp(0, 10)`, `5.5`},
		{`"x"`, `abs`, `error`},
	}
	for _, tt := range tests {
		name, args, called := strings.Cut(strings.TrimSuffix(tt.filter, ")"), "(")
		forms := []string{tt.x + " | " + name + "(" + args + ")", name + "(" + strings.TrimSuffix(tt.x+", "+args, ", ") + ")", "[0, " + tt.x + "][1] | " + tt.filter}
		if !called {
			forms = append(forms, tt.x+" | "+name, "("+tt.x+")|"+name+"|default(nil)")
		}
		for _, form := range forms {
			t.Run(form, func(t *testing.T) {
				t.Parallel()
				checkFilter(t, form, tt.want)
			})
		}
	}
}

func checkFilter(t *testing.T, form, want string) {
	t.Helper()
	got, err := compileOK(t, "{{ "+form+" }}").Eval(testEnv())
	if want == "error" {
		if _, ok := errors.AsType[*Error](err); !ok {
			t.Fatalf("got %v, %v; want an error", got, err)
		}
		return
	}
	if strings.HasSuffix(form, "default(nil)") && want == `""` {
		want = "null"
	}
	raw, _ := json.Marshal(got)
	var a, b any
	if json.Unmarshal(raw, &a) != nil || json.Unmarshal([]byte(want), &b) != nil || !reflect.DeepEqual(a, b) {
		t.Fatalf("got %s, %v; want %s", raw, err, want)
	}
}
