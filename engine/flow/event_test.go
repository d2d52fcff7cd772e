package flow

import (
	"testing"
)

func TestSubscriptionsMatchByEquality(t *testing.T) {
	t.Parallel()
	data, err := Decode([]byte(`{"id":7,"f":1.0,"s":"7","ok":true,"none":null,"o":{"a":[{"b":"x"}],"k":{"y":1,"x":2}},"l":[1,2]}`))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		filter map[string]any
		want   bool
	}{
		{"nothing is asked", nil, true},
		{"a number", map[string]any{"id": 7}, true},
		{"a number as a float", map[string]any{"id": 7.0}, true},
		{"a float as a number", map[string]any{"f": 1}, true},
		{"a text is no number", map[string]any{"s": 7}, false},
		{"two paths", map[string]any{"id": 7, "ok": true}, true},
		{"one of two differs", map[string]any{"id": 7, "ok": false}, false},
		{"null is there", map[string]any{"none": nil}, true},
		{"null is not a missing path", map[string]any{"missing": nil}, false},
		{"a path into lists", map[string]any{"o.a[0].b": "x"}, true},
		{"the same with dots", map[string]any{"o.a.0.b": "x"}, true},
		{"beyond a list", map[string]any{"o.a.1.b": "x"}, false},
		{"a list", map[string]any{"l": []any{1, 2}}, true},
		{"a list in another order", map[string]any{"l": []any{2, 1}}, false},
		{"an object, whatever the order", map[string]any{"o.k": map[string]any{"x": 2, "y": 1.0}}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := (Subscription{Type: "t", Filter: tt.filter}).Matches(data); got != tt.want {
				t.Errorf("matches is %v, want %v", got, tt.want)
			}
		})
	}
}

func TestSubscriptionKeysTellApart(t *testing.T) {
	t.Parallel()
	seen := map[string]Subscription{}
	for _, s := range []Subscription{
		{Type: "a"},
		{Type: "b"},
		{Type: "a", Filter: map[string]any{"x": "1"}},
		{Type: "a", Filter: map[string]any{"x": 1}},
		{Type: "a", Filter: map[string]any{"y": 1}},
		{Type: "a", Filter: map[string]any{"x": 1, "y": 1}},
		{Type: "ax", Filter: map[string]any{"": 1}},
		{Type: "a", Filter: map[string]any{"x": nil}},
		{Type: "a", Filter: map[string]any{"x": "1,2"}},
		{Type: "a", Filter: map[string]any{"x": []any{1, 2}}},
	} {
		if other, taken := seen[s.Key()]; taken {
			t.Errorf("%+v and %+v have one key", s, other)
		}
		seen[s.Key()] = s
	}
}
