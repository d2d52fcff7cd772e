package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"prana/engine/flow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryCodeIsDocumentedOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range Codes() {
		if seen[c.Code] || c.Title == "" || !strings.HasSuffix(c.Means, ".") || c.Status < 400 {
			t.Errorf("%+v is incomplete or comes twice", c)
		}
		seen[c.Code] = true
	}
	for _, p := range []*flow.Problem{
		flow.ErrNotFound, flow.ErrConflict, flow.ErrInvalid, flow.ErrGone, flow.ErrMismatch, flow.ErrUnavailable, flow.ErrTooLarge,
		ErrUnauthorized, ErrForbidden, ErrNoOutput,
	} {
		if !seen[p.Code] {
			t.Errorf("%s is not in the table", p.Code)
		}
	}
}

func TestProblemRoundTrip(t *testing.T) {
	t.Parallel()
	want := Problem{
		Type: "urn:x", Title: "T", Status: 409, Detail: "D", Code: "c", ExecutionID: "e", Node: "n",
		Diagnostics: []json.RawMessage{[]byte(`{"a":1}`)}, Extra: map[string]any{"winner": "timeout"},
	}
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Problem
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestProblemOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err    error
		status int
		code   string
	}{
		{fmt.Errorf("loading x: %w", flow.ErrGone), 410, "gone"},
		{flow.NotFound("execution", "x"), 404, "not_found"},
		{context.DeadlineExceeded, 503, "unavailable"},
		{errors.New("secret"), 500, "internal"},
		{Undefinable(nil), 422, "definition_invalid"},
		{flow.Problemf("new_code", "text"), 500, "new_code"},
	} {
		doc := ProblemOf(tt.err)
		if doc.Status != tt.status || doc.Code != tt.code || strings.Contains(doc.Detail, "secret") {
			t.Errorf("%v: got %+v", tt.err, doc)
		}
		if _, known := LookupCode(tt.code); known != (doc.Type == "/docs/problems#"+tt.code) || !known && doc.Type != "about:blank" {
			t.Errorf("%v: its type is %q", tt.err, doc.Type)
		}
	}
}

func TestUnencodableDetailsAreLeftOut(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	p := flow.Problemf("conflict", "text")
	p.Details = map[string]any{"f": func() {}}
	ProblemOf(p).Write(w)
	if w.Code != 409 || !json.Valid(w.Body.Bytes()) {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	names := []string{"input", "id", "start_at", "parent_execution_id"}
	for written, want := range map[string]string{
		"imput":                       `; did you mean "input"?`,
		"INPUT":                       `; did you mean "input"?`,
		"startat":                     `; did you mean "start_at"?`,
		"parent":                      `; did you mean "parent_execution_id"?`,
		"xyz":                         "",
		"":                            "",
		"something":                   "",
		strings.Repeat("input", 1000): "",
	} {
		if got := DidYouMean(written, names); got != want {
			t.Errorf("%.20q: got %q, want %q", written, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"input":1}`, `{"a":{"a":[{}]}}`, `[`, `{"id":"\ud800"}`, `{"input":1,"input":2}`, "nul", `{"a" 1}`, `{,}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		err := Decode(raw, new(Start))
		if err == nil && !json.Valid(raw) {
			t.Errorf("%q is no JSON", raw)
		}
		if err != nil && !errors.Is(err, flow.Problemf("invalid_json", "")) {
			t.Errorf("%q gives %v", raw, err)
		}
	})
}

// TestOnlyUTF8: bytes that are no text are refused with their place, since they would be stored as they came, and whoever reads the
// execution afterwards would get JSON that is none.
func TestOnlyUTF8(t *testing.T) {
	t.Parallel()
	err := Check([]byte("{\"a\":1,\n\"b\":\"é\xff\"}"))
	p := flow.AsProblem(err)
	if p == nil || p.Code != "invalid_json" || p.Details["line"] != 2 || p.Details["column"] != 8 {
		t.Errorf("it comes to %+v", p)
	}
	if err := Check([]byte(`{"a":"é�"}`)); err != nil {
		t.Error(err)
	}
}

// TestTheFirstUnknownMemberIsTold: the same body gets the same answer each time.
func TestTheFirstUnknownMemberIsTold(t *testing.T) {
	t.Parallel()
	for range 20 {
		err := Decode([]byte(`{"z":1,"m":1,"b":1,"y":1}`), &Start{})
		if p := flow.AsProblem(err); p == nil || p.Details["pointer"] != "/b" {
			t.Fatalf("it comes to %+v", p)
		}
	}
}

// TestMistypedIsNamed: what is wrong in a body is named, also when it is the body itself, or a time.
func TestMistypedIsNamed(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`[]`:                      "the body cannot be a JSON array",
		`"x"`:                     "the body cannot be a JSON string",
		`{"start_at":5}`:          "/start_at: 5 is not a time",
		`{"start_at":"tomorrow"}`: `/start_at: "tomorrow" is not a time such as "2026-01-31T12:00:00Z"`,
	} {
		var b Start
		err := Decode([]byte(raw), &b)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "UnmarshalJSON") {
			t.Errorf("%s: %v, want %s", raw, err, want)
		}
	}
}
