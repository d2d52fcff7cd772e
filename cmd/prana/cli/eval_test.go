package cli

import "testing"

func TestEval(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"1 + 1"}, "2\n"},
		{[]string{"$input.a | upper_case", "--input", `{"a": "x"}`}, "X\n"},
		{[]string{"$input.a", "-i", `{"a": "x"}`, "-o", "json"}, "\"x\"\n"},
		{[]string{"{{ $input }}", "--input", `[1, 2.5, null]`}, "[1,2.5,null]\n"},
		{[]string{"hello, {{ $nodes.who.output }}", "--root", `nodes={"who": {"output": "Ada"}}`}, "hello, Ada\n"},
		{[]string{"$env.REGION", "--root", `$env={"REGION": "eu"}`}, "eu\n"},
		{[]string{"$event.ok && $response.ok", "--root", `event={"ok": true}`, "--root", `response={"ok": true}`}, "true\n"},
		{[]string{"$input.missing.path"}, "null\n"},
		{[]string{"{a: [1]}", "-o", "yaml"}, "a:\n  - 1\n"},
	} {
		if r := prana(t, "", append([]string{"eval"}, c.args...)...); r.code != 0 || r.stdout != c.want {
			t.Errorf("%q: exit %d, stdout %q, stderr %s", c.args, r.code, r.stdout, r.stderr)
		}
	}
	pranaWith(t, t.Context(), "", `{"n": 2}`, "eval", "$input.n * 2", "--input", "-").wants(t, 0, "4\n", "")
}

func TestEvalAtFault(t *testing.T) {
	t.Parallel()
	prana(t, "", "eval", "1 +").wants(t, 3, "", "^")
	prana(t, "", "eval", "$inptu.a").wants(t, 3, "", "1:1: there is no")
	prana(t, "", "eval", "$nodes.wh.output", "--root", `nodes={"who": {}}`).wants(t, 3, "", `did you mean`)
	prana(t, "", "eval", "1 + $input.a", "--input", `{"a": [1]}`).wants(t, 3, "", "  1 + $input.a\n    ^")
	prana(t, "", "eval", "$input", "--input", "{").wants(t, 3, "", "--input is no JSON")
	prana(t, "", "eval", "$input", "--root", "inptu={}").wants(t, 2, "", "write name=JSON")
	prana(t, "", "eval").wants(t, 2, "", "")
}
