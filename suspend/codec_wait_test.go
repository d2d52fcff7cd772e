package suspend

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"prana/engine/flow"
)

// TestWaitDataComeBack: whatever is left out of the data of a wait, they come back byte for byte.
func TestWaitDataComeBack(t *testing.T) {
	t.Parallel()
	filter := map[string]any{"id": json.Number("12345678901234567890"), "who": "<é>&\"", "n": 1}
	lead := `{"event_type":"paid","event_filter":{"id":12345678901234567890,"n":1,"who":"<é>&\""}`
	for name, c := range map[string]struct {
		data  string
		sub   *flow.Subscription
		in    time.Duration
		leads string
	}{
		"all":           {lead + `,"timeout_ms":1000,"on_timeout":"late"}`, &flow.Subscription{Type: "paid", Filter: filter}, time.Second, "i"},
		"another time":  {lead + `,"timeout_ms":2000,"on_timeout":"late"}`, &flow.Subscription{Type: "paid", Filter: filter}, time.Second, "e"},
		"no time":       {lead + `,"on_timeout":"late"}`, &flow.Subscription{Type: "paid", Filter: filter}, 0, "e"},
		"nothing else":  {lead + `}`, &flow.Subscription{Type: "paid", Filter: filter}, 0, ""},
		"another type":  {lead + `,"on_timeout":"late"}`, &flow.Subscription{Type: "paid ", Filter: filter}, 0, ""},
		"another order": {`{"event_filter":{"a":1},"event_type":"paid","x":1}`, &flow.Subscription{Type: "paid", Filter: map[string]any{"a": 1}}, 0, ""},
		"another form":  {`{"event_type":"paid","event_filter":{"a":1.0},"x":1}`, &flow.Subscription{Type: "paid", Filter: map[string]any{"a": 1}}, 0, ""},
		"no filter":     {`{"event_type":"paid","x":1}`, &flow.Subscription{Type: "paid"}, 0, "e"},
		"no event":      {`{"event_type":"paid","x":1}`, nil, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &flow.Step{Status: flow.StepSuspended, Wait: &flow.Wait{Type: flow.ExternalEvent, Data: json.RawMessage(c.data), In: c.in, Event: c.sub}}
			raw, err := encodeStep(s, "op", NewestFormat)
			if err != nil {
				t.Fatal(err)
			}
			if short := strings.Contains(string(raw), `"b":"`+c.leads+`"`); short != (c.leads != "") {
				t.Errorf("stored is %s, want the lead %q", raw, c.leads)
			}
			got, err := decodeStep(s.ID, "1767348245000|"+string(raw))
			if err != nil || string(got.Wait.Data) != c.data {
				t.Errorf("back comes %s, %v, want %s", got.Wait.Data, err, c.data)
			}
		})
	}
}

// TestWaitDataTorn: data that do not fit what is said of them are an error of their execution.
func TestWaitDataTorn(t *testing.T) {
	t.Parallel()
	for _, wait := range []string{
		`{"t":"x","b":"e","d":{"a":1}}`, `{"t":"x","b":"i","d":{"a":1},"e":{"t":"paid"}}`, `{"t":"x","b":"e","d":{},"e":{"t":"paid"}}`,
		`{"t":"x","b":"e","e":{"t":"paid"}}`, `{"t":"x","b":"q","d":{"a":1},"e":{"t":"paid"}}`,
	} {
		if s, err := decodeStep(flow.StepID{}, `1767348245000|t||{"s":"suspended","o":"o","w":`+wait+`}`); err == nil {
			t.Errorf("%s gives %s", wait, s.Wait.Data)
		}
	}
}
