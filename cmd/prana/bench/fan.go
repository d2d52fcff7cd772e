package bench

import (
	"context"
	"encoding/json"
	"fmt"
)

// Fan compares the branches of one wide execution with the steps of many chains.
type Fan struct {
	Branches int     `json:"branches"`
	BranchUS float64 `json:"branch_us"`
	StepUS   float64 `json:"step_us"`
	Ratio    float64 `json:"ratio"`
	Branch   Cost    `json:"cost_of_a_branch"`
	Step     Cost    `json:"cost_of_a_step"`
}

var fan = measurement{
	name: "fan", measure: measureFan, lines: fanLines,
	about: "one execution that fans out into many branches of one step and joins them: a branch, and a step of chains",
}

const fanSource = `
id: %s
nodes:
  - { key: start, type: manual.trigger }
  - { key: each, type: core.for_each, params: { collection: $input.items, parallel: 1000 } }
  - { key: body, type: data.set_data, params: { mapping_map: ` + left + ` } }
  - { key: joined, type: data.set_data, params: { mapping_map: ` + left + ` } }
connections: [start -> each, each.loop -> body, body -> each, each.done -> joined]
`

func measureFan(ctx context.Context, b *bench, r *Report) error {
	items := make([]int, b.Branches)
	for i := range items {
		items[i] = i
	}
	input, err := json.Marshal(map[string]any{"items": items})
	if err != nil {
		return err
	}
	// Besides the branches there are the trigger, the loop's beginning, and what follows the join.
	wide := load{source: fanSource, input: input, executions: 1, steps: b.Branches + 3, atOnce: b.App.Config.Worker.Concurrency}
	narrow := b.chains(max(1, b.Branches/chainSteps))
	rounds, err := b.rounds(ctx, "fan", b.drains(narrow), b.drains(wide))
	if err != nil {
		return err
	}
	step, branch := perStep(timesOf(rounds[0]), narrow.steps), perStep(timesOf(rounds[1]), b.Branches)
	r.Fan = Fan{Branches: b.Branches, BranchUS: branch, StepUS: step, Ratio: decimals(branch/step, 3)}
	r.Fan.Branch, r.Fan.Step = costOf(b.Branches, rounds[1]), costOf(narrow.steps, rounds[0])
	return nil
}

func fanLines(r Report) []Line {
	f := r.Fan
	most := max(f.StepUS, f.BranchUS)
	line := func(of, one string, us float64, c Cost) Line {
		return Line{Of: of, Result: fmt.Sprintf("%.0f µs a %s; CPU %.0f µs, and %.0f µs in Redis", us, one, c.GoUS, c.RedisUS), Bar: us / most}
	}
	return []Line{
		line("chains", "step", f.StepUS, f.Step), line(count(f.Branches)+" branches", "branch", f.BranchUS, f.Branch),
		{Result: fmt.Sprintf("a branch costs %.2f times a step", f.Ratio)},
	}
}
