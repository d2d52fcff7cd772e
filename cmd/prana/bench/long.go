package bench

import (
	"context"
	"fmt"
	"strconv"
)

// Long compares the steps of long executions with those of short ones, by the same nodes.
type Long struct {
	Steps   int     `json:"steps"`       // of a long execution
	Short   int     `json:"short_steps"` // of a short one
	StepUS  float64 `json:"step_us"`     // of a long one
	ShortUS float64 `json:"short_step_us"`
	Ratio   float64 `json:"ratio"`
}

var long = measurement{
	name: "long", measure: measureLong, lines: longLines,
	about: "what a step costs in executions of 1,000 steps, and in ones of 10",
}

const (
	loopNodes  = 9   // that a loop goes round, one of which decides whether it does so again
	longRounds = 111 // with the trigger 1,000 steps
	longOnes   = 4   // that run at once; as many of the short ones do
)

// loopSource is a trigger and a loop that goes round as often as its input says.
func loopSource() string {
	nodes, connections := noops("start", loopNodes-1)
	last := "n" + strconv.Itoa(loopNodes-1)
	return "id: %s\nnodes:\n  - { key: start, type: manual.trigger }\n" + nodes +
		"  - { key: again, type: logic.if_condition, params: { condition: \"$execution.run_index < $trigger.rounds - 1\" } }\n" +
		"connections: [" + connections + ", " + last + " -> again, again.true -> n1]\n"
}

func loops(rounds, executions int) load {
	return load{
		source: loopSource(), input: []byte(`{"rounds":` + strconv.Itoa(rounds) + `}`),
		executions: executions, steps: executions * (1 + rounds*loopNodes), atOnce: longOnes,
	}
}

func measureLong(ctx context.Context, b *bench, r *Report) error {
	longs := loops(longRounds, longOnes)
	shorts := loops(1, longs.steps/chainSteps)
	rounds, err := b.rounds(ctx, "long", b.drains(shorts), b.drains(longs))
	if err != nil {
		return err
	}
	short, long := perStep(timesOf(rounds[0]), shorts.steps), perStep(timesOf(rounds[1]), longs.steps)
	r.Long = Long{Steps: longs.steps / longOnes, Short: chainSteps, StepUS: long, ShortUS: short, Ratio: decimals(long/short, 3)}
	return nil
}

func longLines(r Report) []Line {
	l := r.Long
	most := max(l.StepUS, l.ShortUS)
	return []Line{
		{Of: count(l.Short) + " steps", Result: fmt.Sprintf("%.0f µs a step", l.ShortUS), Bar: l.ShortUS / most},
		{Of: count(l.Steps) + " steps", Result: fmt.Sprintf("%.0f µs a step", l.StepUS), Bar: l.StepUS / most},
		{Result: fmt.Sprintf("a step of the long ones costs %.2f times one of the short ones", l.Ratio)},
	}
}
