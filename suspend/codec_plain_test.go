package suspend

import (
	"math/rand/v2"
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
	plain := 0
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
		want, err := flow.Encode(storedStepOf(s, "op\u2028"))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := appendPlainStep(nil, s, "op\u2028"); ok {
			plain++
			if string(got) != string(want) {
				t.Fatalf("%s\nis by encoding/json\n%s", got, want)
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
}
