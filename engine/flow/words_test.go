package flow

import (
	"slices"
	"testing"
)

func TestWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                             nil,
		" ::/ -":                       nil,
		"Connection refused":           {"connection", "refused"},
		"http_error: GET /a?b=1 → 503": {"http", "error", "get", "a", "b", "1", "503"},
		"no, no; Ünder\xff日本":          {"no", "ünder", "日本"},
	} {
		if got := Words(text); !slices.Equal(got, want) {
			t.Errorf("the words of %q are %q, want %q", text, got, want)
		}
	}
	if got := (*Problem)(nil).Words(); got != nil {
		t.Errorf("no error has the words %q", got)
	}
}
