package bench

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// side is one of those that are compared.
type side func(ctx context.Context) (round, error)

// rounds takes what all sides need, in turns.
func (b *bench) rounds(ctx context.Context, name string, sides ...side) ([][]round, error) {
	rounds := make([][]round, len(sides))
	turns := make([]func(context.Context) error, len(sides))
	for i, one := range sides {
		turns[i] = func(ctx context.Context) error {
			r, err := one(ctx)
			rounds[i] = append(rounds[i], r)
			return err
		}
	}
	return rounds, b.turns(ctx, name, turns...)
}

// turns gives each its turn, several times: whatever else the machine does meets all of them alike. Every other round
// goes backwards, so that none is always the one after another.
func (b *bench) turns(ctx context.Context, name string, all ...func(context.Context) error) error {
	for round := range b.Rounds {
		b.Say("%s: round %d of %d", name, round+1, b.Rounds)
		for i := range all {
			if round%2 == 1 {
				i = len(all) - 1 - i
			}
			if err := b.fresh(ctx); err != nil {
				return err
			}
			if err := all[i](ctx); err != nil {
				return fmt.Errorf("round %d: %w", round+1, err)
			}
		}
	}
	return nil
}

// fresh makes the first database as it was at the beginning, and its Redis quiet.
func (b *bench) fresh(ctx context.Context) error {
	db := b.dbs[0]
	if err := db.clean(ctx, b.workflow); err != nil {
		return err
	}
	runtime.GC() // what a round leaves is not to be cleared away at the expense of the next
	return db.settle(ctx)
}

// median is the middle one, or the lower of the two in the middle.
func median[T int64 | float64 | time.Duration](all []T) T {
	return slices.Sorted(slices.Values(all))[(len(all)-1)/2]
}
