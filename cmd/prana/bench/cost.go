package bench

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// Cost is what a step takes of the machine. It tells more than times do while others use the machine, too.
type Cost struct {
	GoUS     float64            `json:"go_us"`    // CPU of this process, in microseconds
	RedisUS  float64            `json:"redis_us"` // CPU of Redis
	Commands map[string]float64 `json:"commands"` // calls in Redis: scripts, and what they call
}

// spent is what was used so far, by this process and by Redis.
type spent struct {
	here, redis time.Duration
	calls       map[string]int
}

func (b *bench) spent(ctx context.Context) (s spent, err error) {
	fields, err := b.dbs[0].info(ctx, "cpu")
	if err != nil {
		return s, err
	}
	for _, name := range []string{"used_cpu_user", "used_cpu_sys"} {
		seconds, err := strconv.ParseFloat(fields[name], 64)
		if err != nil {
			return s, fmt.Errorf("reading how much CPU Redis used: %w", err)
		}
		s.redis += time.Duration(seconds * float64(time.Second))
	}
	s.calls, err = b.dbs[0].calls(ctx)
	s.here = ownCPU()
	return s, err
}

// metered takes what is spent meanwhile, too: also for the beginning and the end of the worker.
func (b *bench) metered(ctx context.Context, do func() (time.Duration, error)) (round, error) {
	before, err := b.spent(ctx)
	if err != nil {
		return round{}, err
	}
	took, err := do()
	if err != nil {
		return round{}, err
	}
	after, err := b.spent(ctx)
	return after.since(before, took), err
}

// round is what one side needed in one round.
type round struct {
	took        time.Duration
	here, redis time.Duration
	calls       map[string]int
}

// since is what was used since an earlier look.
func (s spent) since(before spent, took time.Duration) round {
	return round{took: took, here: s.here - before.here, redis: s.redis - before.redis, calls: called(before.calls, s.calls)}
}

func costOf(steps int, rounds []round) Cost {
	var here, redis []time.Duration
	for _, r := range rounds {
		here, redis = append(here, r.here), append(redis, r.redis)
	}
	c := Cost{GoUS: perStep(here, steps), RedisUS: perStep(redis, steps), Commands: map[string]float64{}}
	for name, n := range rounds[len(rounds)-1].calls {
		if each := decimals(float64(n)/float64(steps), 2); each > 0 {
			c.Commands[name] = each
		}
	}
	return c
}

// perStep is the median time of a step, in microseconds.
func perStep(times []time.Duration, steps int) float64 {
	return in(time.Microsecond, median(times)/time.Duration(steps))
}

// timesOf gives the times of rounds.
func timesOf(rounds []round) []time.Duration {
	times := make([]time.Duration, len(rounds))
	for i, r := range rounds {
		times[i] = r.took
	}
	return times
}
