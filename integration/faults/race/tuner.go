package race

import (
	"math/rand/v2"
	"time"
)

// tuner holds sides back so that all of them win about as often: a cancel takes fewer looks at Redis than a publish does, and
// would always be first. It learns from who won, and knows no side by name.
type tuner struct{ delay []time.Duration }

const (
	tuneBy  = 24 * time.Microsecond // for each trial
	jitter  = 150 * time.Microsecond
	latest  = 20 * time.Millisecond
	learned = 12 // times tuneBy, for each of the first trials
)

func newTuner(sides int) *tuner { return &tuner{delay: make([]time.Duration, sides)} }

// next gives each side its delay in the next trial.
func (t *tuner) next(dice *rand.Rand) []time.Duration {
	out := make([]time.Duration, len(t.delay))
	for i, d := range t.delay {
		out[i] = d + time.Duration(dice.Int64N(int64(jitter)))
	}
	return out
}

// won holds the winner back against the others.
func (t *tuner) won(winner int, others []int, trial int) {
	by := tuneBy
	if trial < learned {
		by *= learned
	}
	for _, i := range others {
		t.delay[i] -= by / time.Duration(len(others))
	}
	t.delay[winner] += by
	least := t.delay[0]
	for _, d := range t.delay {
		least = min(least, d)
	}
	for i := range t.delay {
		t.delay[i] = min(latest, t.delay[i]-least)
	}
}
