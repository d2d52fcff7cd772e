package eval

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"prana/engine/flow"
	"prana/engine/fuzztest"
)

// FuzzDirective: a parameter tree, with directives or without, is refused with a place, or computed within the limits.
func FuzzDirective(f *testing.F) {
	for _, src := range []string{
		`{"#map":["$input.l","{{ $loop.item + 1 }}"]}`,
		`{"#filter":["$input.us","$loop.item.on"]}`,
		`{"#flat_map":[[[1],[2]],{"#map":["$loop.item","{{ $loop.parentloop.index }}"]}]}`,
		`{"#if":["$input.b",{"a":"$input.n"},"x"]}`,
		`{"#cond":[[["$input.z == nil",1],[true,2]]]}`,
		`{"#case":["$input.s",[["hello",1],["x",2]],3]}`,
		`{"#merge":["$input.m",{"k":1},"$input.z"]}`,
		`{"#pick":["$input",["n","s"]]}`,
		`{"#pipe":["$input.l",["{{ $self | sum }}","{{ $self * 2 }}"]]}`,
		`{"#map":[{"#map":[{"#map":["$input.l","$input.l"]},"$input.l"]},"$input"]}`,
		`["{{ 1..100000 }}",{"a b":{"#if":[]}},"$$input","$nope"]`,
	} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		tree, err := flow.Decode([]byte(src))
		if err != nil {
			t.Skip()
		}
		fuzztest.Cheap(t, func() { wantJudged(t, tree) })
	})
}

// wantJudged compiles and evaluates a tree.
func wantJudged(t *testing.T, tree any) {
	t.Helper()
	p, issues := CompileValue(tree, testScope)
	if p == nil {
		if len(issues) == 0 {
			t.Fatal("neither a program nor an issue")
		}
		return
	}
	_, err := p.Eval(testEnv())
	if _, ok := errors.AsType[*Error](err); err != nil && !ok {
		t.Fatalf("the error is %T", err)
	}
}

// FuzzPortMap: what is rewritten from Prana's map of ports keeps every byte that it does not replace, in its place, and is no
// worse an expression than it was.
func FuzzPortMap(f *testing.F) {
	for _, src := range []string{`{{ $input.main.total > 5 }}`, `x {{$input["main"]["a b"]}} é {{ $input['input_a'].x }}`, `$input?.main.x | default($input.input_a)`, `{# $input.main #}{{ "\xff" }}`, "{{ $input.main\xff }}"} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if !utf8.ValidString(src) { // which no definition is
			t.Skip()
		}
		fuzztest.Cheap(t, func() {
			got := FromPortMap(src, []string{"input_a"})
			if len(got.Offsets) != len(got.Text)+1 || got.Offsets[len(got.Text)] != len(src) {
				t.Fatalf("%d bytes have %d offsets", len(got.Text), len(got.Offsets))
			}
			for i, at := range got.Offsets[:len(got.Text)] {
				if i > 0 && at < got.Offsets[i-1] || at > len(src) || at < len(src) && src[at] != got.Text[i] && got.Text[i] != 's' {
					t.Fatalf("byte %d of %q was not byte %d of %q", i, got.Text, at, src)
				}
			}
			if before, _ := CompileValue(src, testScope); before != nil && !strings.Contains(src, "$input") && got.Text != src {
				t.Fatalf("%q became %q", src, got.Text)
			}
		})
	})
}
