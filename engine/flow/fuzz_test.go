package flow

import (
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"unicode"

	"prana/engine/fuzztest"
)

// FuzzIDs: an id that is read is written as one that is the same.
func FuzzIDs(f *testing.F) {
	for _, s := range []string{"07NZ4Qk0Qk0Qk0Qk0Qk0Qk0", "07NZ4Qk0Qk0Qk0Qk0Qk0Qk0:1.000:2", "1.0", "12.1234", "2147483648.0", "zzzz7NZ4Qk0Qk0Qk0Qk0Qk0Qk0", "1.000:1", "é.\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		fuzztest.Cheap(t, func() {
			if p, ok := PartitionOf(s); ok && !strings.HasPrefix(s, NewExecutionID(p)[:len(s)-idDigits]) {
				t.Errorf("%q lies in partition %d", s, p)
			}
			if id, err := ParseStepID(s); err == nil {
				same(t, id, ParseStepID, id.String())
			}
			if id, err := ParseSuspensionID(s); err == nil {
				same(t, id, ParseSuspensionID, id.String())
			}
		})
	})
}

func same[T comparable](t *testing.T, id T, parse func(string) (T, error), text string) {
	t.Helper()
	if got, err := parse(text); err != nil || got != id {
		t.Errorf("%v is written as %q, which is %v, %v", id, text, got, err)
	}
}

// FuzzValue: a value that is read is written so that it is read as the same.
func FuzzValue(f *testing.F) {
	for _, s := range []string{`{"a":[1,1.50,12345678901234567890,"\ud800é"],"b":null}`, `[1e400]`, ` `, `1 2`, `{"a":1,"a":2}`, `-0`, strings.Repeat("[", 100)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		fuzztest.Cheap(t, func() {
			v, err := Decode(raw)
			if err != nil {
				return
			}
			out, err := Encode(v)
			if err != nil {
				t.Fatalf("%s is read, and cannot be written: %v", raw, err)
			}
			if again, err := Decode(out); err != nil || !alike(again, v) {
				t.Errorf("%s is written as %s, which is %v, %v", raw, out, again, err)
			}
		})
	})
}

// FuzzFilter: an event satisfies a filter exactly if each path of it leads to an equal value; the index and those who explain agree.
func FuzzFilter(f *testing.F) {
	f.Add(`{"order.id":"7","n":1}`, `{"order":{"id":"7"},"n":1.0}`)
	f.Add(`{"l[0].x":null,"l.1":{"a":1,"b":[2]}}`, `{"l":[{"x":null},{"b":[2.0],"a":1e0}]}`)
	f.Add(`{".":{}}`, `{}`)
	f.Add(`{"a":1}`, `[1]`)
	f.Fuzz(func(t *testing.T, filter, data string) {
		want, err1 := Decode([]byte(filter))
		have, err2 := Decode([]byte(data))
		clauses, ok := want.(map[string]any)
		if err1 != nil || err2 != nil || !ok || slices.ContainsFunc(slices.Collect(maps.Keys(clauses)), unfit) {
			t.Skip()
		}
		s := Subscription{Type: "paid", Filter: clauses}
		satisfied := true
		for path, v := range clauses {
			got, ok := Lookup(have, path)
			satisfied = satisfied && ok && alike(got, v)
		}
		fuzztest.Cheap(t, func() {
			if s.Matches(have) != satisfied || (len(s.Misses(have)) == 0) != satisfied {
				t.Errorf("%s for %s: matches is %v, misses are %v", filter, data, s.Matches(have), s.Misses(have))
			}
		})
	})
}

// unfit paths are refused by the nodes that take a filter.
func unfit(path string) bool { return path == "" || strings.ContainsFunc(path, unicode.IsControl) }

// alike compares values as JSON means them, numbers by what they are worth.
func alike(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k, v := range x {
			w, ok := y[k]
			if !ok || !alike(v, w) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i, v := range x {
			if !alike(v, y[i]) {
				return false
			}
		}
		return true
	}
	p, q := worth(a), worth(b)
	if p == nil || q == nil {
		return p == nil && q == nil && a == b
	}
	return p.Cmp(q) == 0
}

// worth is the value of a number; nil = it is none.
func worth(v any) *big.Rat {
	if _, text := v.(string); text {
		return nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	r, ok := new(big.Rat).SetString(string(raw))
	if !ok {
		return nil
	}
	return r
}
