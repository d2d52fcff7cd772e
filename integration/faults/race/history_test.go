package race

import (
	"testing"

	"github.com/anishathalye/porcupine"

	"prana/engine/flow"
)

// TestRegister holds the judge of all races against histories of which it is known whether they are sound.
func TestRegister(t *testing.T) {
	t.Parallel()
	const x = "an execution"
	won := func(by string) Told { return Told{Execution: x, By: by, Said: Won} }
	lost := func(by, to string) Told { return Told{Execution: x, By: by, Said: Lost, Who: to} }
	sees := func(winner string, s flow.Status) Told {
		return Told{Execution: x, Kind: Reads, Sees: State{Winner: winner, Status: s}}
	}
	cancelled := func(said Said, who string) Told {
		return Told{Execution: x, Kind: Cancel, By: cancel, Said: said, Who: who}
	}
	settled := func(by string, k Kind) Told { return Told{Execution: x, Kind: k, By: by, Said: Settled} }
	for name, c := range map[string]struct {
		atOnce []Told
		then   Told
		sound  bool
	}{
		"one wins, and the other is told of it":                    {[]Told{won(hand), lost(byURL, hand)}, sees(hand, ""), true},
		"two win":                                                  {[]Told{won(hand), won(byURL)}, sees(hand, ""), false},
		"nobody wins":                                              {[]Told{lost(hand, byURL), lost(byURL, hand)}, sees("", ""), false},
		"the loser is told of another":                             {[]Told{won(hand), lost(byURL, event)}, sees(hand, ""), false},
		"the winner is not who was told so":                        {[]Told{won(hand), lost(byURL, hand)}, sees(byURL, ""), false},
		"a cancel after the winner":                                {[]Told{won(hand), cancelled(Won, "")}, sees(hand, flow.Cancelled), true},
		"a cancel before the winner":                               {[]Told{lost(hand, cancel), cancelled(Won, "")}, sees(cancel, flow.Cancelled), true},
		"somebody wins what was cancelled":                         {[]Told{cancelled(Won, "")}, won(hand), false},
		"a cancel of what completed":                               {[]Told{settled(completion, Ends), cancelled(Lost, "completed")}, sees(completion, flow.Completed), true},
		"a cancel that is told of the wrong end":                   {[]Told{settled(completion, Ends), cancelled(Lost, "failed")}, sees(completion, flow.Completed), false},
		"a cancel and a completion":                                {[]Told{settled(completion, Ends), cancelled(Won, "")}, sees(completion, flow.Completed), false},
		"a task that came too late":                                {[]Told{settled(timeout, Takes), won(hand)}, sees(hand, ""), true},
		"a URL that is told of an end which no caller brought":     {[]Told{settled(timeout, Takes), lost(byURL, neither)}, sees(timeout, ""), true},
		"a URL that is told so, and somebody won":                  {[]Told{won(hand), lost(byURL, neither)}, sees(hand, ""), false},
		"what is not known may have happened":                      {[]Told{{Execution: x, By: byURL, Said: Unknown}, lost(hand, byURL)}, sees(byURL, ""), true},
		"what is not known may not have happened":                  {[]Told{{Execution: x, By: byURL, Said: Unknown}, won(hand)}, sees(hand, ""), true},
		"an error is no answer":                                    {[]Told{won(hand), Told{Execution: x, By: event}.failed(flow.ErrInvalid)}, sees(hand, ""), false},
		"a publisher that is told nothing, though nobody else won": {[]Told{lost(event, nobody)}, sees("", ""), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var h history
			for i, told := range c.atOnce {
				h.add(i, 0, 10, []Told{told})
			}
			h.add(9, 20, 30, []Told{c.then})
			if got := porcupine.CheckOperations(register, h.ops); got != c.sound {
				t.Errorf("the register accepts it: %v, want %v%s", got, c.sound, h.String())
			}
		})
	}
}
