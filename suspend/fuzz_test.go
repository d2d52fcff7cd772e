package suspend

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/engine/fuzztest"
)

// written is a hash as the targets below are given it: a field on each line, as name=value.
func written(fields map[string]string) string {
	var lines []string
	for name, v := range fields {
		lines = append(lines, name+"="+v)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func hashOf(lines string) map[string]string {
	fields := map[string]string{}
	for line := range strings.SplitSeq(lines, "\n") {
		name, v, _ := strings.Cut(line, "=")
		fields[name] = v
	}
	return fields
}

// everySnapshot gives all that was ever written.
func everySnapshot(t testing.TB) (all []struct{ Hash, State, Outbox map[string]string }) {
	t.Helper()
	files, err := filepath.Glob("testdata/v*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var s struct{ Hash, State, Outbox map[string]string }
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// everyStored gives the executions of the stores that earlier commits left.
func everyStored(t testing.TB) (all []map[string]string) {
	t.Helper()
	files, err := filepath.Glob("testdata/commits/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var s struct {
			Keys map[string]struct{ Hash map[string]string }
		}
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		for name, k := range s.Keys {
			if strings.Contains(name, "}:x:") {
				all = append(all, k.Hash)
			}
		}
	}
	return all
}

// FuzzExecution: whatever stands in the hash of an execution, it is read, or it is an error; what was read is written in a
// form that says the same.
func FuzzExecution(f *testing.F) {
	for _, s := range everySnapshot(f) {
		f.Add(written(s.Hash))
	}
	for _, hash := range everyStored(f) {
		f.Add(written(hash))
	}
	f.Fuzz(func(t *testing.T, lines string) {
		var x *flow.Execution
		var err error
		fuzztest.Cheap(t, func() {
			x, err = reading{now: 1, fields: hashOf(lines)}.execution("0abcdefghijklmnopqrstuv")
		})
		if err == nil {
			wantSameAgain(t, x)
		}
	})
}

// wantSameAgain writes what was read, and reads it again.
func wantSameAgain(t *testing.T, x *flow.Execution) {
	t.Helper()
	again(t, x.Head, func() ([]byte, error) { return encodeHead(&x.Head) }, func(s string) (flow.Head, error) {
		return decodeHead(stamped(x.CreatedAt.UnixMilli(), s))
	})
	again(t, x.Front, func() ([]byte, error) { return encodeFront(&x.Front) }, decodeFront)
	for id, s := range x.Steps {
		if s.Wait != nil && !s.Wait.Due.IsZero() {
			s.Wait.In = 0 // is written once, and stands for the due time then
		}
		again(t, s, func() ([]byte, error) { return encodeStep(s, s.Op, NewestFormat) }, func(text string) (*flow.Step, error) {
			return decodeStep(id, stamped(s.At.UnixMilli(), text))
		})
	}
	for _, fan := range x.Fans {
		whole := *fan
		whole.Parts = map[flow.StepID]*flow.Part{}
		again(t, &whole, func() ([]byte, error) { return encodeFan(fan) }, decodeFan)
		for _, p := range fan.Parts {
			again(t, p, func() ([]byte, error) { return encodePart(p) }, decodePart)
		}
	}
	for _, n := range x.Nodes {
		again(t, n, func() ([]byte, error) { return []byte(encodeNode(n)), nil }, decodeNode)
	}
}

func again[T any](t *testing.T, v T, encode func() ([]byte, error), decode func(string) (T, error)) {
	t.Helper()
	raw, err := encode()
	if err != nil {
		t.Fatalf("what was read cannot be written: %v", err)
	}
	got, err := decode(string(raw))
	if err != nil {
		t.Fatalf("%s was written, and cannot be read: %v", raw, err)
	}
	emptied(reflect.ValueOf(&v).Elem())
	emptied(reflect.ValueOf(&got).Elem())
	if !reflect.DeepEqual(got, v) {
		a, _ := json.Marshal(v)
		b, _ := json.Marshal(got)
		t.Fatalf("written is %s,\nread is %s, was\n%s", raw, b, a)
	}
}

// emptied makes empty lists and maps nil: nothing is written of either.
func emptied(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			emptied(v.Elem())
		}
	case reflect.Struct:
		for _, f := range v.Fields() {
			if f.CanSet() {
				emptied(f)
			}
		}
	case reflect.Slice, reflect.Map:
		if v.Len() == 0 {
			v.SetZero()
		}
		for i := 0; v.Kind() == reflect.Slice && i < v.Len(); i++ {
			emptied(v.Index(i))
		}
	default:
	}
}

func stamped(ms int64, text string) string { return strconv.FormatInt(ms, 10) + "|" + text }

// FuzzOutgoing: what stands in an outbox is read, or is an error.
func FuzzOutgoing(f *testing.F) {
	for _, s := range everySnapshot(f) {
		for id, v := range s.Outbox {
			f.Add(id, v)
		}
	}
	f.Fuzz(func(t *testing.T, id, v string) {
		fuzztest.Cheap(t, func() { _, _ = outgoing(map[string]string{id: v}) })
	})
}

// FuzzDelivery: what stands among the deliveries of a hook is read, or is an error.
func FuzzDelivery(f *testing.F) {
	f.Add("1700000000000-0", `{"h":"shop","o":"processed","n":2,"x":["a"],"e":{"a":"b"},"q":{"c":["d",1]},"s":true}`, `{}`)
	f.Add("-", `{"h":1}`, "")
	f.Fuzz(func(t *testing.T, id, raw, body string) {
		fuzztest.Cheap(t, func() {
			d, err := delivery(redis.XMessage{ID: id, Values: map[string]any{"d": raw, "b": body}}, true)
			if err == nil && (d.Body != body || d.ID != "r"+id) {
				t.Errorf("read is %+v", d)
			}
		})
	})
}

// FuzzEvent: a kept event is read, or is an error.
func FuzzEvent(f *testing.F) {
	f.Add(`{"i":"e1","t":"paid","d":{"n":1},"l":1000,"k":true,"n":3,"c":{"traceparent":"x"}}`, "1700000000000", "1700000001000", `{"matched":1}`)
	f.Add(`{"l":-9223372036854775808}`, "x", "9223372036854775807", "")
	f.Fuzz(func(t *testing.T, event, at, until, result string) {
		fuzztest.Cheap(t, func() { _, _, _ = keptEvent([]any{event, at, until, result}) })
	})
}

// FuzzSchedule: where a schedule stands is read, or there is none.
func FuzzSchedule(f *testing.F) {
	f.Add("v1", "0 9 * * *", "Europe/Berlin", "once", "1700000000000", "")
	f.Add("", "", "", "", "-1", "9223372036854775807")
	f.Fuzz(func(t *testing.T, version, pattern, zone, misfire, after, last string) {
		fuzztest.Cheap(t, func() { scheduleState([]any{version, pattern, zone, misfire, after, last}) })
	})
}

// FuzzWorkflow: a stored definition is read, or is an error.
func FuzzWorkflow(f *testing.F) {
	f.Add(`{"id":"a","nodes":[{"key":"x","type":"core.log","params":{"n":12345678901234567890}}],"connections":[{"from":"x","to":"x"}],"output":[1.50]}`)
	f.Add(`{"nodes":[{"params":{"a":1e9999}}]}`)
	f.Fuzz(func(t *testing.T, raw string) {
		fuzztest.Cheap(t, func() { _ = decodeWorkflow(raw, &flow.Workflow{}) })
	})
}

// FuzzCursor: a cursor is a place in a list, which is the cursor again; or it is refused.
func FuzzCursor(f *testing.F) {
	f.Add(cursorOf(row{1.5, "0abcdefghijklmnopqrstuv:1.000:2"}))
	f.Add(cursorOf(row{math.Inf(1), ""}))
	f.Add("aW5mIA==")
	f.Fuzz(func(t *testing.T, s string) {
		fuzztest.Cheap(t, func() {
			r, err := parseCursor(s)
			if err != nil && !errors.Is(err, flow.ErrInvalid) {
				t.Errorf("%q gives %v", s, err)
			}
			if r == nil {
				return
			}
			if again, err := parseCursor(cursorOf(*r)); err != nil || *again != *r {
				t.Errorf("%q is %v, then %v, %v", s, r, again, err)
			}
		})
	})
}

// FuzzDueEntry: a line of the due index is read as what would write it, or is an error.
func FuzzDueEntry(f *testing.F) {
	for _, s := range []string{"0abcdefghijklmnopqrstuv:1.000", "0abcdefghijklmnopqrstuv:!", "0abcdefghijklmnopqrstuv:>", "", ":", "x:1.0:2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		fuzztest.Cheap(t, func() {
			if e, err := parseEntry(s); err == nil && entryOf(e) != s {
				t.Errorf("%q is read as %+v, which stands as %q", s, e, entryOf(e))
			}
		})
	})
}
