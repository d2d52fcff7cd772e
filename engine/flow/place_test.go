package flow

import "testing"

func TestHoldersInText(t *testing.T) {
	t.Parallel()
	x := NewExecutionID(3)
	for text, want := range map[string]Holder{
		x + ":!": {Execution: x, Whole: true}, x + ":2.001": {Execution: x, Step: StepID{Node: 2, Run: 1}},
	} {
		if h, err := ParseHolder(text); err != nil || h != want || h.String() != text {
			t.Errorf("%s is read as %+v, %v, and written as %s", text, h, err, h)
		}
	}
	for _, text := range []string{"", x, x + ":", x + ":!!", x + ":2", x + ":2.001:1", "x:!", ":!"} {
		if h, err := ParseHolder(text); err == nil {
			t.Errorf("%q is read as %+v", text, h)
		}
	}
}
