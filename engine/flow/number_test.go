package flow

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"
)

func TestNumbersKeepTheirValue(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, out string }{
		{"0", "0"},
		{"-0", "0"},
		{"7", "7"},
		{"1.0", "1"},
		{"98.50", "98.5"},
		{"1e2", "100"},
		{"0.1", "0.1"},
		{"9007199254740993", "9007199254740993"},
		{"9007199254740993.0", "9007199254740993"},
		{"9223372036854775807", "9223372036854775807"},
		{"9223372036854775808", "9223372036854775808"},
		{"-9223372036854775808", "-9223372036854775808"},
		{"12345678901234567890", "12345678901234567890"},
		{"100000000000000000000", "100000000000000000000"},
		{"18446744073709551616", "18446744073709551616"},
		{"0.1234567890123456789", "0.1234567890123456789"},
		{"0.1000000000000000055511151231257827021181583404541015625", "0.1000000000000000055511151231257827021181583404541015625"},
		{"1e400", "1e400"},
		{"-1e-400", "-1e-400"},
		{"2.5E-324", "2.5E-324"},
		{strings.Repeat("9", MaxNumber), strings.Repeat("9", MaxNumber)},
	}
	for _, tt := range tests {
		v, err := Decode([]byte(`{"n":[` + tt.in + `]}`))
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		raw, err := Encode(v)
		if want := `{"n":[` + tt.out + `]}`; err != nil || string(raw) != want {
			t.Errorf("%s came out as %s, %v; want %s", tt.in, raw, err, want)
		}
	}
}

func TestNumbersBeyondTheLimitsAreRefused(t *testing.T) {
	t.Parallel()
	for _, in := range []string{strings.Repeat("9", MaxNumber+1), "1e1000", "1e-1000", "1e99999999999999999999", "0." + strings.Repeat("1", MaxNumber)} {
		if v, err := Decode([]byte("[" + in + "]")); err == nil {
			t.Errorf("%.20s gave %v", in, v)
		}
	}
}

func TestProblemsKeepTheNumbersOfTheirDetails(t *testing.T) {
	t.Parallel()
	var p *Problem
	const raw = `{"code":"c","message":"m","details":{"id":12345678901234567890,"status":500}}`
	if err := json.Unmarshal([]byte(raw), &p); err != nil || p.Details["status"] != 500 {
		t.Fatalf("got %+v, %v", p, err)
	}
	if again, err := Encode(p); err != nil || string(again) != raw {
		t.Fatalf("got %s, %v", again, err)
	}
}

func TestLoneSurrogatesAreReplaced(t *testing.T) {
	t.Parallel()
	v, err := Decode([]byte(`"a\ud800b"`))
	if err != nil || v != "a\ufffdb" {
		t.Fatalf("got %q, %v", v, err)
	}
}

func TestNumbersCompareByValue(t *testing.T) {
	t.Parallel()
	ascending := []any{
		json.Number("-1e400"), json.Number("-12345678901234567890"), math.MinInt, -2.5, -2, json.Number("-1e-400"), 0, json.Number("1e-400"),
		0.05, json.Number("0.1234567890123456788"), json.Number("0.1234567890123456789"), 0.5, 1, 1.5, 9007199254740992, 9007199254740993,
		json.Number("9007199254740993.5"), math.MaxInt, json.Number("9223372036854775808"), json.Number("12345678901234567890"), 1e30, json.Number("1e400"),
	}
	for i, a := range ascending {
		for j, b := range ascending {
			order, ok := CompareNumbers(a, b)
			if want := max(-1, min(1, i-j)); !ok || order != want {
				t.Errorf("CompareNumbers(%v, %v) = %d, %v; want %d", a, b, order, ok, want)
			}
		}
	}
	for _, same := range [][]any{{1, 1.0, json.Number("1.00"), json.Number("10e-1")}, {0, math.Copysign(0, -1), json.Number("0e9")}, {json.Number("1e20"), 1e20, json.Number("100000000000000000000")}} {
		for _, v := range same {
			text, ok := NumberText(v)
			first, _ := NumberText(same[0])
			if order, _ := CompareNumbers(same[0], v); !ok || text != first || order != 0 {
				t.Errorf("%v is %q, %v is %q", v, text, same[0], first)
			}
		}
	}
	if _, ok := CompareNumbers(1, "1"); ok {
		t.Error("a string compares with a number")
	}
	if order, ok := CompareNumbers(1, math.Inf(1)); !ok || order != -1 {
		t.Error("infinity is not above 1")
	}
}

func TestLargeIDsDoNotCollide(t *testing.T) {
	t.Parallel()
	data := func(n string) any {
		v, err := Decode([]byte(`{"id":` + n + `}`))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	asked := func(n string) Subscription {
		return Subscription{Type: "t", Filter: map[string]any{"id": data(n).(map[string]any)["id"]}}
	}
	for _, pair := range [][2]string{
		{"9007199254740993", "9007199254740992.0"},
		{"12345678901234567890", "12345678901234567891"},
		{"0.1234567890123456789", "0.1234567890123456788"},
		{"9223372036854775807", "9223372036854775808"},
	} {
		if asked(pair[0]).Matches(data(pair[1])) || !asked(pair[0]).Matches(data(pair[0])) {
			t.Errorf("%v are taken for each other, or not for themselves", pair)
		}
	}
	for _, pair := range [][2]string{{"1", "1.0"}, {"1e2", "100"}, {"1e20", "100000000000000000000"}, {"0.5", "5e-1"}} {
		if !asked(pair[0]).Matches(data(pair[1])) || !asked(pair[1]).Matches(data(pair[0])) {
			t.Errorf("%v do not match", pair)
		}
	}
}

// FuzzNumber holds every number against exact rationals.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{"0", "-0.0", "1e2", "12345678901234567890", "0.1234567890123456789", "1e-400", "4.9e-324", "1E+9", "0.30000000000000004"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !json.Valid([]byte(s)) || strings.ContainsAny(s, " \t\r\n\"{[ntf") {
			t.Skip()
		}
		v, err := Number(s)
		if err != nil {
			return
		}
		raw, err := Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		before, ok := new(big.Rat).SetString(s)
		after, ok2 := new(big.Rat).SetString(string(raw))
		if !ok || !ok2 || before.Cmp(after) != 0 {
			t.Fatalf("%s came out as %s", s, raw)
		}
	})
}
