package eval

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// failing expressions compile, and fail when they run.
var failing = []string{
	`$input.none > 5`, `1 / 0`, `1 % 0`, `1 + nil`, `$input.s * 2`, `$input.m - 1`, `-$input.s`, `$input.s ** 2`,
	`$input.n | upper_case`, `$input.s | abs`, `sum(["a"])`, `sqrt(-1)`, `from_json("{")`, `int("x")`, `date("x")`, `duration("x")`,
	`sort([1, "a"])`, `sortBy($input.us, .age + nil)`, `map($input.n, #)`, `filter([1], # + 1)`, `$input.n ? 1 : 2`, `1..1000000000`,
	`10.0 ** 400`, `$input.n in 5`, `"x" in $input.n`, `$input.s.Format("x")`, `round(1.5, 99)`, `keys([1])`, `{"a": 1}["a"] + []`,
	`9223372036854775807 * 1` + strings.Repeat(`0`, 120),
}

// broken ones do not compile.
var broken = []string{
	``, `1 +`, `)`, `$inptu.x`, `$nodes.nope.output`, `x | f`, `"abc`, `$env.HOME`, `reduce([1], 1)`, `#`, `$input.s matches $input.s`,
	`truncate("a")`, `$secrets`, `a b`, `"a" < 1`, `"a" * 1`, `[1] < [2]`, `nil > 1`, `!`, `{`, `1e999999999`,
}

// around are the places where an expression may stand, with the path of the
// string that holds it.
var around = []struct {
	path string
	wrap func(template string) any
}{
	{"", func(s string) any { return s }},
	{"p", func(s string) any { return obj{"p": s, "q": "{{ $input.n }}"} }},
	{"p", func(s string) any { return obj{"p": "text " + s + "\n" + s} }},
	{"p[1].x", func(s string) any { return obj{"p": items("a", obj{"x": " " + s})} }},
	{"p.#map[1][0]", func(s string) any { return obj{"p": obj{"#map": items(items(1), items(s))}} }},
	{"p.#if[1]", func(s string) any { return obj{"p": obj{"#if": items(true, "x"+s, 1)}} }},
	{"p.#pipe[1][0].#merge[0]", func(s string) any {
		return obj{"p": obj{"#pipe": items(1, items(obj{"#merge": items("{{ $self }}" + s)}))}}
	}},
}

// TestTemplatesAreNeverPassedOn: what fails gives an error with its place, or is
// refused with its place; nothing ever comes out.
func TestTemplatesAreNeverPassedOn(t *testing.T) {
	t.Parallel()
	for _, src := range slices.Concat(failing, broken) {
		for _, place := range around {
			checkNotPassedOn(t, "{{ "+src+" }}", place.wrap("{{ "+src+" }}"), place.path)
		}
	}
	for _, src := range failing {
		checkNotPassedOn(t, src, place("$input", src), "p")
	}
}

// place writes an expression without braces, where it can stand so.
func place(root, src string) any {
	if strings.HasPrefix(src, root) {
		return obj{"p": src}
	}
	return obj{"p": "{{" + src + "}}"}
}

func checkNotPassedOn(t *testing.T, src string, tree any, path string) {
	t.Helper()
	p, issues := CompileValue(tree, testScope)
	if p == nil {
		for _, i := range issues {
			if i.Path != path || i.Line < 1 || i.Column < 1 || i.Message == "" {
				t.Errorf("%s: the issue has no place: %+v", src, i)
			}
		}
		return
	}
	v, err := p.Eval(testEnv())
	e, ok := errors.AsType[*Error](err)
	if v != nil || !ok || e.Path != path || e.Line < 1 || e.Column < 1 || e.Message == "" {
		t.Errorf("%s at %q gave %v, %+v", src, path, v, err)
	}
}

// FuzzTemplate looks for a template that is neither refused, nor an error with
// its place, nor evaluated.
func FuzzTemplate(f *testing.F) {
	for _, src := range slices.Concat(failing, broken) {
		f.Add("{{ " + src + " }}")
		f.Add("a\n{{" + src + "}}{{ 1 }}")
	}
	f.Fuzz(func(t *testing.T, src string) {
		if parts, unclosed := split(src); unclosed < 0 && !slices.ContainsFunc(parts, func(p part) bool { return p.expr }) {
			t.Skip()
		}
		p, issues := CompileValue(obj{"p": src}, testScope)
		if p == nil {
			if len(issues) == 0 || issues[0].Path != "p" || issues[0].Line < 1 && issues[0].Code != CodeTooLarge {
				t.Fatalf("refused without a place: %+v", issues)
			}
			return
		}
		v, err := p.Eval(testEnv())
		if e, ok := errors.AsType[*Error](err); err != nil && (!ok || v != nil || e.Path != "p" || e.Line < 1) {
			t.Fatalf("gave %v, %+v", v, err)
		}
		if err == nil && v.(obj)["p"] == src {
			t.Fatal("the template was passed on")
		}
	})
}
