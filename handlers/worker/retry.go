package worker

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hibiken/asynq"

	"prana/engine/flow"
)

// Delays between attempts, before jitter.
const (
	firstDelay     = time.Second
	maxHintDelay   = 30 * time.Second
	maxIntakeDelay = 5 * time.Minute
)

// maxStored bounds the text of an error that asynq stores with a task, in bytes.
const maxStored = 1024

// undecided is an error that asks for the same hint again.
type undecided struct {
	err     error
	attempt int // from 1
}

func (u *undecided) Error() string { return flow.Cut(u.err.Error(), maxStored) }
func (u *undecided) Unwrap() error { return u.err }

// refused is an error that asynq archives at once, under its own text.
type refused struct{ err error }

func (r refused) Error() string   { return flow.Cut(r.err.Error(), maxStored) }
func (r refused) Unwrap() []error { return []error{r.err, asynq.SkipRetry} }

// hintDelay doubles from 1 s to 30 s. asynq does not count these attempts, since
// none is a failure: the error brings its own number.
func hintDelay(_ int, err error, _ *asynq.Task) time.Duration {
	var u *undecided
	if !errors.As(err, &u) {
		return firstDelay
	}
	return backoff(u.attempt, maxHintDelay)
}

// intakeDelay doubles from 1 s to 5 min, and respects what the failing side asked for.
func intakeDelay(retried int, err error, _ *asynq.Task) time.Duration {
	d := backoff(retried+1, maxIntakeDelay)
	var p *flow.Problem
	if errors.As(err, &p) && p.RetryAfter > d {
		return min(p.RetryAfter, time.Hour)
	}
	return d
}

// backoff gives the delay after the n-th attempt, give or take a quarter.
func backoff(n int, longest time.Duration) time.Duration {
	d := min(firstDelay<<min(max(n, 1)-1, 16), longest)
	return d*3/4 + rand.N(d/2)
}

// maxAttempts bounds the memory of attempts.
const maxAttempts = 10_000

// attempts counts the attempts of undecided hints in this process. It may
// forget: then a delay is short again.
type attempts struct {
	mu sync.Mutex
	n  map[string]int
}

func newAttempts() *attempts { return &attempts{n: map[string]int{}} }

func (a *attempts) next(key string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.n) >= maxAttempts {
		clear(a.n)
	}
	a.n[key]++
	return a.n[key]
}

func (a *attempts) forget(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.n, key)
}
