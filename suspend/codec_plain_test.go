package suspend

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"prana/engine/flow"
)

// TestPlainIsWrittenAsTheRest: what is written by hand is byte for byte what encoding/json makes of the stored form.
func TestPlainIsWrittenAsTheRest(t *testing.T) {
	t.Parallel()
	dice := rand.New(rand.NewPCG(1, 2))
	some := func(n int) bool { return dice.IntN(n) == 0 }
	texts := []string{"", "main", "a\"b", "ä\\", "<&>", "x\n", "o1.0", "\xff"}
	text := func() string { return texts[dice.IntN(len(texts))] }
	when := func() time.Time { return timeOf(dice.Int64N(3) * 1_700_000_000_123) }
	plain, read := 0, 0
	ops := []string{"6VwretUkFHr", "op\u2028"}
	for range 20_000 {
		s := &flow.Step{
			Status: flow.StepStatus(text()), Port: text(), Place: text(), CreatedAt: when(), StartedAt: when(), EndedAt: when(),
			Turn: dice.IntN(2), Emitted: dice.IntN(2), Ran: time.Duration(dice.IntN(3)) * time.Millisecond / 2,
		}
		for range dice.IntN(3) {
			s.Inputs = append(s.Inputs, flow.Arrival{Edge: dice.IntN(30) - 1, Port: text(), Ref: flow.Ref(text()), Aside: some(3)})
		}
		if some(4) {
			s.Attempt, s.Kept, s.Deaths = dice.IntN(2), some(2), dice.IntN(2)
		}
		if some(2) {
			s.Of = &flow.PartOf{Owner: flow.StepID{Node: dice.IntN(3), Run: dice.IntN(2000)}, Index: dice.IntN(3)}
		}
		op := ops[dice.IntN(2)]
		want, err := flow.Encode(storedStepOf(s, op))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := appendPlainStep(nil, s, op); ok {
			plain++
			if string(got) != string(want) {
				t.Fatalf("%s\nis by encoding/json\n%s", got, want)
			}
			if st, ok := readPlainStep(string(got)); ok {
				read++
				readAsTheRest(t, string(got), st)
			}
		}
		f := &flow.Front{Status: flow.Status(text()), Region: flow.Region{Live: map[int]flow.Live{}}, Ends: map[int]int{}}
		for range dice.IntN(3) {
			f.Live[dice.IntN(20)] = flow.Live{Pending: dice.IntN(2), Suspended: dice.IntN(12), Open: dice.IntN(2)}
		}
		for range dice.IntN(3) {
			f.Ends[dice.IntN(20)] = dice.IntN(100)
		}
		f.Closes = some(4)
		if want, err = flow.Encode(storedFrontOf(f)); err != nil {
			t.Fatal(err)
		}
		if got, ok := appendPlainFront(nil, f); ok {
			plain++
			if string(got) != string(want) {
				t.Fatalf("%s\nis by encoding/json\n%s", got, want)
			}
		}
	}
	if plain < 10_000 {
		t.Errorf("only %d were plain", plain)
	}
	if read < 100 {
		t.Errorf("only %d were read by hand", read)
	}
}

// readAsTheRest makes sure that what was read by hand is what encoding/json reads.
func readAsTheRest(t *testing.T, body string, got storedStep) {
	t.Helper()
	var want storedStep
	if err := json.Unmarshal([]byte(body), &want); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%s is read as %+v, and by encoding/json as %+v, %v", body, got, want, err)
	}
}

// FuzzPlainStep looks for what is read by hand, and otherwise by encoding/json.
func FuzzPlainStep(f *testing.F) {
	for _, body := range []string{
		`{"s":"completed","o":"6VwretUkFHr","u":"1.000","l":7,"n":1,"i":[{"e":5,"r":"o5.0"},{"e":-1,"p":"x","r":"i","a":true}],"p":"main","c":1767348245000,"b":1,"z":2,"m":0,"k":"key","q":3}`,
		`{"s":"","o":""}`, `{"s":"a","o":"b","n":01}`, `{"s":"a","o":"b","n":-0}`, `{"s":"a","o":"b","n":9223372036854775808}`, `{"s":"a","o":"b","i":[]}`,
		`{"s":"\u0041","o":"b"}`, `{"s":"a","o":"b","n":-}`, `{"s":"a","o":"b","p":""} `, `{"s":"a","o":"b","i":[{"e":1},]}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if st, ok := readPlainStep(body); ok {
			readAsTheRest(t, body, st)
		}
	})
}
