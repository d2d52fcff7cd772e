package nodes

import (
	"encoding/json"
	"testing"
	"time"

	"prana/engine/flow"
	"prana/engine/fuzztest"
)

// FuzzSchedule: a date that a wait is given is one, in its zone, or is refused.
func FuzzSchedule(f *testing.F) {
	f.Add("2026-01-02T03:04:05Z", "")
	f.Add("2026-03-29T02:30:00", "Europe/Berlin")
	f.Add("2026-01-02 03:04", "Mars/Olympus")
	f.Add("9999-12-31T23:59:59+23:59", "../etc/passwd")
	f.Fuzz(func(t *testing.T, text, zone string) {
		fuzztest.Cheap(t, func() {
			at, err := scheduled(text, zone)
			if err != nil || at.UTC().Year() < 0 || at.UTC().Year() > 9999 {
				return
			}
			if again, err := scheduled(at.UTC().Format(time.RFC3339Nano), zone); err != nil || !again.Equal(at) {
				t.Errorf("%q in %q is %s, then %s, %v", text, zone, at, again, err)
			}
		})
	})
}

// FuzzApprovalForm: a form that is accepted is part of a schema that is JSON, whose fields are those of the form.
func FuzzApprovalForm(f *testing.F) {
	f.Add(`{"type":"object","required":["a"],"properties":{"a":{"type":"integer"}}}`)
	f.Add(`{"type":"object","required":{"a":1},"properties":[]}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, form string) {
		v, err := flow.Decode([]byte(form))
		if err != nil {
			t.Skip()
		}
		fuzztest.Cheap(t, func() {
			if checkForm(v) != nil {
				return
			}
			if raw, err := flow.Encode(approvalSchema(map[string]any{"form": v})); err != nil || !json.Valid(raw) {
				t.Errorf("%s becomes %s, %v", form, raw, err)
			}
		})
	})
}
