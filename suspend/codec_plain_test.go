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
				sameAsJSON(t, string(got), st)
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
		if some(2) {
			f.InParts = flow.Live{Pending: dice.IntN(3), Open: dice.IntN(2)}
		}
		if want, err = flow.Encode(storedFrontOf(f)); err != nil {
			t.Fatal(err)
		}
		if got, ok := appendPlainFront(nil, f); ok {
			plain++
			if string(got) != string(want) {
				t.Fatalf("%s\nis by encoding/json\n%s", got, want)
			}
			readAsJSON(t, string(got))
		}
		p := &flow.Part{Index: dice.IntN(2), Region: f.Region, Came: some(2), Last: f.Ends}
		if want, err = flow.Encode(storedPartOf(p)); err != nil {
			t.Fatal(err)
		}
		if got, ok := appendPlainPart(nil, p); ok {
			plain++
			if string(got) != string(want) {
				t.Fatalf("%s\nis by encoding/json\n%s", got, want)
			}
			readAsJSON(t, string(got))
		}
	}
	if plain < 10_000 {
		t.Errorf("only %d were plain", plain)
	}
	if read < 100 {
		t.Errorf("only %d were read by hand", read)
	}
}

// readAsJSON makes sure of whatever can be read by hand.
func readAsJSON(t *testing.T, body string) {
	t.Helper()
	if st, ok := readPlainStep(body); ok {
		sameAsJSON(t, body, st)
	}
	if st, ok := readPlainFront(body); ok {
		sameAsJSON(t, body, st)
	}
	if st, ok := readPlainHead(body); ok {
		sameAsJSON(t, body, st)
	}
	if st, ok := readPlainFan(body); ok {
		sameAsJSON(t, body, st)
	}
	if st, ok := readPlainPart(body); ok {
		sameAsJSON(t, body, st)
	}
}

// sameAsJSON makes sure that what was read by hand is what encoding/json reads.
func sameAsJSON[T any](t *testing.T, body string, got T) {
	t.Helper()
	var want T
	if err := json.Unmarshal([]byte(body), &want); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%s is read as %+v, and by encoding/json as %+v, %v", body, got, want, err)
	}
}

// FuzzPlain looks for what is read by hand, and otherwise by encoding/json.
func FuzzPlain(f *testing.F) {
	for _, body := range []string{
		`{"s":"completed","o":"6VwretUkFHr","u":"1.000","l":7,"n":1,"i":[{"e":5,"r":"o5.0"},{"e":-1,"p":"x","r":"i","a":true}],"p":"main","c":1767348245000,"b":1,"z":2,"m":0,"k":"key","q":3}`,
		`{"s":"running","l":{"1":[0,0,1],"2":[1,0],"3":null},"n":[7,0,1],"e":{"1":2,"4":0}}`, `{"s":"running","l":{"01":[1],"1":[2],"1":[3]}}`, `{"s":"running","l":{}}`,
		`{"t":1000,"n":900,"a":1,"c":2,"o":3,"d":1000,"w":5,"m":"loop","p":"done","k":true,"x":true,"b":77}`, `{"t":1,"n":1,"d":1,"w":1}`,
		`{"i":7,"l":{"2":[1,0]},"c":true,"b":[{"e":1,"r":"o1.000"}],"a":{"1":5}}`, `{"i":0}`,
		`{"s":"suspended","o":"o","n":1,"i":[{"e":-1,"r":"i"}],"w":{"t":"wait","d":{"mode":"schedule","a":["}{\\\"",{}]},"k":true,"u":1796102458882,"q":1},"c":1,"m":0}`,
		`{"s":"suspended","o":"o","w":{"t":"wait","d":{"a":1}},"r":{"b":"timer","a":5,"p":"ann","n":1,"f":1,"o":"p","v":"e","w":{"d":{}},"s":7},"c":1}`,
		`{"s":"a","o":"b","w":{"t":"","d":{],"i":0}}`, `{"s":"a","o":"b","w":{"t":"","d":null,"u":-0}}`, `{"s":"a","o":"b","w":{"t":"","d":{"a":"}`, `{"s":"a","o":"b","w":{"t":"x","d":{}{}}}`,
		`{"w":"orders","v":"ee1e03639985c7d5","s":"id","o":60000,"f":"webhook"}`, `{"w":"","v":""}`, `{"w":"a","v":"b","o":01}`, `{"w":"a","v":"b","w":"c"}`,
		`{"s":"","o":""}`, `{"s":"a","o":"b","n":01}`, `{"s":"a","o":"b","n":-0}`, `{"s":"a","o":"b","n":9223372036854775808}`, `{"s":"a","o":"b","i":[]}`,
		`{"s":"\u0041","o":"b"}`, `{"s":"a","o":"b","n":-}`, `{"s":"a","o":"b","p":""} `, `{"s":"a","o":"b","i":[{"e":1},]}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		readAsJSON(t, body)
	})
}
