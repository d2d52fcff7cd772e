package cli

import (
	"maps"
	"testing"

	"prana/engine/flow"
)

func TestTagsFlag(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		given []string
		want  map[string]string
	}{
		{[]string{"a=b", "c=d"}, map[string]string{"a": "b", "c": "d"}},
		{[]string{"a=b,c=d=e"}, map[string]string{"a": "b", "c": "d=e"}},
		{[]string{"a=b,c"}, map[string]string{"a": "b,c"}},
		{[]string{`"a=b,c",d=`}, map[string]string{"a": "b,c", "d": ""}},
	} {
		var got tagsFlag
		for _, s := range tt.given {
			if err := got.Set(s); err != nil {
				t.Errorf("%q: %v", s, err)
			}
		}
		if !maps.Equal(got, tt.want) {
			t.Errorf("%q: got %v", tt.given, got)
		}
	}
}

// TestTagIsGivenOnce: of two values the first would be lost without a word.
func TestTagIsGivenOnce(t *testing.T) {
	t.Parallel()
	f := newFake(t, map[string]any{"GET /v1/executions": flow.Page[flow.Summary]{}})
	for _, args := range [][]string{
		{"list", "--tag", "a=b", "--tag", "a=c"}, {"list", "--tag", "a=b,a=b"}, {"run", "order", "--tag", "a=b", "--tag", "a=c"}, {"cancel", "--all", "--tag", "a=b", "--tag", "a=c"},
	} {
		prana(t, f.url, args...).wants(t, 2, "", "a is given twice")
	}
	prana(t, f.url, "list", "--tag", "a").wants(t, 2, "", "a must be formatted as name=value")
}
