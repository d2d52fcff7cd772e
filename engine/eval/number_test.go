package eval

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"prana/engine/flow"
)

const (
	large   = json.Number("12345678901234567890")
	precise = json.Number("0.1234567890123456789")
)

func numbersEnv(t testing.TB) Env {
	t.Helper()
	v, err := flow.Decode([]byte(`{
		"big": 12345678901234567890, "next": 12345678901234567891, "odd": 9007199254740993, "max": 9223372036854775807,
		"min": -9223372036854775808, "dec": 0.1234567890123456789, "huge": 1e400, "one": 1.0, "long": ` + strings.Repeat("9", 128) + `,
		"l": [12345678901234567891, 12345678901234567890, 9007199254740993, 9007199254740992, 12345678901234567890],
		"us": [{"id": 12345678901234567891}, {"id": 12345678901234567890}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return Env{"input": v}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		src  string
		want any
	}{
		// Passed on.
		{`$input.big`, large},
		{`$input.dec`, precise},
		{`$input.huge`, json.Number("1e400")},
		{`[$input.odd, {"d": $input.dec}]`, items(9007199254740993, obj{"d": precise})},
		{`$input.none || $input.big`, large},
		{`[$input.big] | first`, large},
		{`from_json("[12345678901234567890, 0.1234567890123456789, 1.5]")`, items(large, precise, 1.5)},
		{`json($input.us)`, `[{"id":12345678901234567891},{"id":12345678901234567890}]`},
		{`"id-" + $input.big`, "id-12345678901234567890"},
		{`string($input.dec)`, "0.1234567890123456789"},
		// Compared.
		{`$input.big == $input.next`, false},
		{`$input.big == $input.l[1]`, true},
		{`$input.big < $input.next`, true},
		{`$input.odd > 9007199254740992.0`, true},
		{`$input.odd == 9007199254740992.0`, false},
		{`$input.one == 1`, true},
		{`$input.huge > $input.big`, true},
		{`$input.big > "9"`, nil},
		{`$input.big in $input.l`, true},
		{`$input.l | sort | first`, 9007199254740992},
		{`$input.l | max`, json.Number("12345678901234567891")},
		{`$input.l | min`, 9007199254740992},
		{`$input.l | uniq | length`, 4},
		{`sortBy($input.us, .id) | first`, obj{"id": large}},
		{`$input.us | sortBy("id", "desc") | last`, obj{"id": large}},
		{`filter($input.us, "id", $input.big) | length`, 1},
		{`$input.big | clamp(0, 10)`, 10},
		{`group_by($input.us, "id") | keys`, items("12345678901234567890", "12345678901234567891")},
		// Integers are exact, whatever their size.
		{`$input.max + 1`, json.Number("9223372036854775808")},
		{`$input.min - 1`, json.Number("-9223372036854775809")},
		{`$input.max * 2`, json.Number("18446744073709551614")},
		{`$input.max * $input.max`, json.Number("85070591730234615847396907784232501249")},
		{`4611686018427387904 + 4611686018427387904 - 1`, 9223372036854775807},
		{`$input.big + 1`, json.Number("12345678901234567891")},
		{`$input.big - $input.next`, -1},
		{`$input.big % 1000`, 890},
		{`-$input.min`, json.Number("9223372036854775808")},
		{`-(-$input.min)`, -9223372036854775808},
		{`-$input.big | abs`, large},
		{`abs($input.min)`, json.Number("9223372036854775808")},
		{`sum([$input.max, $input.max])`, json.Number("18446744073709551614")},
		{`sum($input.us, .id)`, json.Number("24691357802469135781")},
		{`$input.big | round`, large},
		{`$input.big | floor`, large},
		{`int("12345678901234567890")`, large},
		{`12345678901234567890`, large},
		{`$input.big == 12345678901234567890`, true},
		{`[-9223372036854775808, 0.1234567890123456789 | abs][0]`, -9223372036854775808},
		{`0.1234567890123456789`, precise},
		{`$input.long + 1`, nil},
		{`$input.long * 10`, nil},
		// Computed with float64.
		{`$input.big / 2`, 6172839450617283945.0},
		{`$input.dec * 1`, 0.1234567890123456789},
		{`-$input.dec`, json.Number("-0.1234567890123456789")},
		{`abs(-$input.dec)`, precise},
		{`$input.dec | round(3)`, 0.123},
		{`float($input.big)`, 12345678901234567890.0},
		{`power($input.max, 1)`, 9223372036854775807.0},
		{`$input.huge * 2`, nil},
		{`"x" + 1e308 * 10`, nil},
		// What else looks at kinds.
		{`type($input.big)`, "int"},
		{`type($input.dec)`, "float"},
		{`not $input.big`, false},
		{`$input.big.x`, nil},
		{`$input.l[$input.big]`, nil},
		{`$input.big | length`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.src, func(t *testing.T) {
			t.Parallel()
			got, err := compileOK(t, "{{ "+tt.src+" }}").Eval(numbersEnv(t))
			missing := strings.HasSuffix(tt.src, ".x") || strings.Contains(tt.src, "l[$")
			if tt.want == nil && !missing {
				if _, ok := errors.AsType[*Error](err); !ok {
					t.Fatalf("got %v, %v; want an error", got, err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Fatalf("got %#v, %v; want %#v", got, err, tt.want)
			}
		})
	}
}

func TestNumbersInText(t *testing.T) {
	t.Parallel()
	p := compileOK(t, `{"a": {{ $input.big }}, "b": {{ $input.dec }}, "c": {{ $input.huge }}, "d": {{ $input.one }}}`)
	got, err := p.Eval(numbersEnv(t))
	if want := `{"a": 12345678901234567890, "b": 0.1234567890123456789, "c": 1e400, "d": 1}`; err != nil || got != want {
		t.Fatalf("got %v, %v", got, err)
	}
	if _, err := compileOK(t, "x{{ 1e308 * 10 }}").Eval(nil); err == nil {
		t.Fatal("infinity became text")
	}
}
