package bench

import (
	"context"
	"fmt"
	"math"
)

// Rate is how fast chains of no-op steps run when there are many.
type Rate struct {
	StepsPerS float64   `json:"steps_per_s"` // the median of the rounds
	Steps     int       `json:"steps"`       // in each round
	Rounds    []float64 `json:"rounds"`
	Cost      Cost      `json:"cost_of_a_step"`
}

var throughput = measurement{
	name: "throughput", measure: measureThroughput, lines: throughputLines,
	about: "chains of ten no-op steps, many at once, by bare asynq and by the engine: steps a second, each a task of asynq's",
}

func measureThroughput(ctx context.Context, b *bench, r *Report) error {
	rounds, err := b.rounds(ctx, "throughput", b.drainBare, b.drains(b.chains(b.Executions)))
	if err != nil {
		return err
	}
	r.BareAsynq, r.Engine = rateOf(b.Executions*chainSteps, rounds[0]), rateOf(b.Executions*chainSteps, rounds[1])
	r.Ratio = decimals(r.Engine.StepsPerS/r.BareAsynq.StepsPerS, 3)
	return nil
}

func rateOf(steps int, rounds []round) Rate {
	rate := Rate{Steps: steps, Cost: costOf(steps, rounds)}
	for _, r := range rounds {
		rate.Rounds = append(rate.Rounds, math.Round(float64(steps)/r.took.Seconds()))
	}
	rate.StepsPerS = median(rate.Rounds)
	return rate
}

func throughputLines(r Report) []Line {
	most := max(r.BareAsynq.StepsPerS, r.Engine.StepsPerS)
	line := func(of string, rate Rate) Line {
		c := rate.Cost
		result := fmt.Sprintf("%s steps/s; CPU of a step %.0f µs, and %.0f µs in Redis", count(int(rate.StepsPerS)), c.GoUS, c.RedisUS)
		return Line{Of: of, Result: result, Bar: rate.StepsPerS / most}
	}
	return []Line{
		line("bare asynq: HSET, enqueue the next", r.BareAsynq), line("engine", r.Engine),
		{Result: fmt.Sprintf("engine / bare asynq: %.2f", r.Ratio)},
	}
}
