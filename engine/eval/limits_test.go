package eval

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"prana/engine/fuzztest"
)

// TestRefusedBombs are refused when compiled, and quickly.
func TestRefusedBombs(t *testing.T) {
	t.Parallel()
	nested := func(open, inner, end string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	tests := []struct{ name, src, code string }{
		{"minus", strings.Repeat("-", 3_000_000) + "1", CodeTooLarge},
		{"minus short", strings.Repeat("-", 4000) + "1", CodeTooLarge},
		{"not", strings.Repeat("not ", 900) + "true", CodeTooLarge},
		{"parentheses", nested("(", "1", ")", 1500), CodeTooLarge},
		{"lists", nested("[", "", "]", 65), CodeTooLarge},
		{"unbalanced", strings.Repeat("[{(", 1300), CodeTooLarge},
		{"nodes", "1" + strings.Repeat("+1", 600), CodeTooLarge},
		{"ternaries", strings.Repeat("1?1:", 900) + "1", CodeTooLarge},
		{"powers", strings.Repeat("2**", 1300) + "2", CodeTooLarge},
		{"comparisons", nested("1<(", "1", "<1)<1", 60), CodeTooLarge},
		{"calls", "$input" + strings.Repeat(".a()", 600), CodeTooLarge},
		{"members", "$input" + strings.Repeat(".a", 1000), CodeTooLarge},
		{"long", `"` + strings.Repeat("x", 5000) + `"`, CodeTooLarge},
		{"reduce", `reduce(1..25, #acc+#acc, "aaaaaaaaaa")`, CodeNotAllowed},
		{"repeat", `repeat("x", 1000000)`, CodeNotAllowed},
		{"predicates", "all($input.l, all($input.l, all($input.l, true)))", CodeNotAllowed},
		{"pattern", `"a" matches "` + strings.Repeat("a?", 200) + `"`, CodeTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, issues := CompileCondition(tt.src, testScope)
			if len(issues) == 0 || issues[len(issues)-1].Code != tt.code && issues[0].Code != tt.code {
				t.Fatalf("issues = %v, want %s", issues, tt.code)
			}
		})
	}
}

func TestRefusedTemplates(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, src, code string }{
		{"blocks", strings.Repeat("{{1}}", 1001), CodeTooLarge},
		{"length", "{{ 1 }}" + strings.Repeat("x", maxTemplate), CodeTooLarge},
		{"braces", strings.Repeat("{{{}}", 900) + strings.Repeat("x", 90_000), CodeBadExpression},
		{"comments", "{{ }}" + strings.Repeat("{#", 45_000), CodeBadExpression},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, issues := CompileValue(tt.src, Scope{})
			if len(issues) == 0 || issues[0].Code != tt.code {
				t.Fatalf("%d issues, want %s", len(issues), tt.code)
			}
		})
	}
}

// TestStoppedBombs compile, and are stopped when they run.
func TestStoppedBombs(t *testing.T) {
	t.Parallel()
	big := make([]any, 2000)
	for i := range big {
		big[i] = i
	}
	var deep any = 1
	for range 200 {
		deep = []any{deep}
	}
	env := Env{"input": map[string]any{"l": big, "s": strings.Repeat("x", 40_000), "deep": deep, "none": nil}}
	doubling := "let a0 = [1,1]; "
	for i := range 30 {
		doubling += fmt.Sprintf("let a%d = [a%d, a%d]; ", i+1, i, i)
	}
	tests := []struct{ name, src, want string }{
		{"loops", "all($input.l, all($input.l, true))", errSteps.Error()},
		{"ranges", "1..1000000000", errSteps.Error()},
		{"overflowing range", "-9223372036854775807..9223372036854775807", errSteps.Error()},
		{"many ranges", "map($input.l, 1..1000)", errSteps.Error()},
		{"string", "$input.s + $input.s", errLongString.Error()},
		{"strings", `map($input.l, $input.s + "x")`, errBuilt.Error()},
		{"join", `join($input.l, $input.s)`, errLongString.Error()},
		{"replace", `replace($input.s, "x", "yyyyyyyy")`, errLongString.Error()},
		{"uniq", "uniq(map($input.l, [#]))", errSteps.Error()},
		{"result", doubling + "a30", errResultSize.Error()},
		{"json", "json($input.deep)", errResultDepth.Error()},
		{"doubling json", doubling + "json(a30)", errResultSize.Error()},
		{"doubling equal", doubling + "a30 == a30", errSteps.Error()},
		{"doubling flatten", doubling + "flatten(a30)", errSteps.Error()},
		{"depth", "$input.deep", errResultDepth.Error()},
		{"flatten", "flatten($input.deep)", errResultDepth.Error()},
		{"pattern", `map($input.l, $input.s matches "x*y")`, errSteps.Error()},
		{"memory", "map($input.l, map($input.l, [1,2,3,4,5,6,7,8,9]))", ""},
		{"text", `{{ $input.s }}{{ $input.s }}{{ $input.s }}{{ $input.s }}{{ $input.s }}`, errLongString.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			src := tt.src
			if tt.name != "text" {
				src = "{{ " + src + " }}"
			}
			_, err := compileOK(t, src).Eval(env)
			if err == nil {
				t.Fatal("not stopped")
			}
			slow := tt.want == errSteps.Error() && strings.Contains(err.Error(), errTime.Error()) // on a slow machine
			if !strings.Contains(err.Error(), tt.want) && !slow {
				t.Fatalf("err = %.300v, want %q", err, tt.want)
			}
		})
	}
}

func TestTimeLimit(t *testing.T) {
	t.Parallel()
	r := newRun(nil)
	r.until = time.Now().Add(-time.Second)
	if err := r.step(stepsPerLook - 1); err != nil {
		t.Fatalf("the clock was read too early: %v", err)
	}
	if err := r.step(1); !errors.Is(err, errTime) {
		t.Fatalf("err = %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	p := compileOK(t, obj{"a": "{{ $input.us | filter(.on) | map('name') | join }}", "b": "{{ $input.n + 1 }}"})
	env := testEnv()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if v, err := p.Eval(env); err != nil || v.(map[string]any)["a"] != "A" {
					t.Errorf("got %v, %v", v, err)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkPath(b *testing.B) {
	p, env := compileOK(b, "{{ $input.a.b }}"), testEnv()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Eval(env); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCondition(b *testing.B) {
	p, env := compileOK(b, "{{ $input.n > 40 && $input.s == 'hello' }}"), testEnv()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.EvalBool(env); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		compileOK(b, "{{ $input.us | filter(.on) | map('name') }}")
	}
}

// FuzzCompile looks for sources that end the process, hang, or fail with
// something other than an *Error.
func FuzzCompile(f *testing.F) {
	for _, e := range expressions {
		f.Add("{{ " + e.src + " }}")
	}
	f.Add("x {{- $input.a -}} {# c #} {{ '}}' }}")
	f.Fuzz(func(t *testing.T, src string) {
		for _, compile := range []func() (*Program, []Issue){
			func() (*Program, []Issue) { return CompileValue(src, testScope) },
			func() (*Program, []Issue) { return CompileCondition(src, testScope) },
		} {
			fuzztest.Cheap(t, func() {
				p, issues := compile()
				if (p == nil) == (len(issues) == 0) {
					t.Fatalf("program %v with issues %v", p, issues)
				}
				for _, i := range issues {
					_ = i.String()
				}
				if p == nil {
					return
				}
				_, err := p.Eval(testEnv())
				if _, ok := errors.AsType[*Error](err); err != nil && !ok {
					t.Fatalf("error is %T", err)
				}
			})
		}
	})
}
