package flow

import (
	"encoding/json"
	"testing"
	"time"
)

func TestRetryDelays(t *testing.T) {
	t.Parallel()
	delay := int64(100)
	tests := []struct {
		name     string
		settings Settings
		want     []int64 // ms before retries 1, 2, 3, 4
	}{
		{"nothing said", Settings{}, []int64{1000, 1000, 1000, 1000}},
		{"constant", Settings{RetryDelayMS: &delay, Backoff: "constant"}, []int64{100, 100, 100, 100}},
		{"linear", Settings{RetryDelayMS: &delay, Backoff: "linear"}, []int64{100, 200, 300, 400}},
		{"exponential", Settings{RetryDelayMS: &delay, Backoff: "exponential"}, []int64{100, 200, 400, 800}},
		{"capped", Settings{RetryDelayMS: &delay, Backoff: "exponential", MaxDelayMS: 300}, []int64{100, 200, 300, 300}},
		{"jitter never exceeds, and keeps half", Settings{RetryDelayMS: &delay, Jitter: true}, []int64{75, 75, 75, 75}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for i, want := range tt.want {
				if got := tt.settings.RetryDelay(i+1, 0.5); got != time.Duration(want)*time.Millisecond {
					t.Errorf("before retry %d it waits %s, want %d ms", i+1, got, want)
				}
			}
		})
	}
	long := Settings{RetryDelayMS: &delay, Backoff: "exponential"}
	if got := long.RetryDelay(1000, 0); got > 400*24*time.Hour || got <= 0 {
		t.Errorf("before retry 1000 it waits %s", got)
	}
}

func TestJoinsInJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Join{`"all"`: {All: true}, `"any"`: {Any: true}, `3`: {N: 3}} {
		var j Join
		if err := json.Unmarshal([]byte(text), &j); err != nil || j != want {
			t.Errorf("%s is read as %+v, %v", text, j, err)
		}
		if raw, err := json.Marshal(j); err != nil || string(raw) != text {
			t.Errorf("%+v is written as %s, %v", j, raw, err)
		}
	}
	for _, text := range []string{`"some"`, `0`, `-1`, `1.5`, `null`, `{}`} {
		var j Join
		if err := json.Unmarshal([]byte(text), &j); err == nil {
			t.Errorf("%s is read as %+v", text, j)
		}
	}
}

func TestNumbersKeepTheirKind(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{`1`: 1, `1.5`: 1.5, `-0`: 0, `9223372036854775807`: 9223372036854775807, `1e3`: 1000.0, `null`: nil, ``: nil} {
		if got, err := Decode([]byte(text)); err != nil || got != want {
			t.Errorf("%q is read as %v (%T), %v; want %v (%T)", text, got, got, err, want, want)
		}
	}
	for _, text := range []string{`{`, `1 2`, `nul`, `{"a":1}}`} {
		if got, err := Decode([]byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
