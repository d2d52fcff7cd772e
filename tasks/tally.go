package tasks

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// countEvery is how often asynq's counters of what was done are written. A process that dies takes with it what it
// did since: they are shown to people, and decide nothing.
const countEvery = time.Second

// tally counts what commits acknowledged, for asynq's counters: two commands a second instead of two for each task.
type tally struct {
	redis redis.UniversalClient

	writing sync.Mutex // one at a time, so that who closes waits for the one before

	mu     sync.Mutex
	done   map[string]int64 // by queue
	timer  *time.Timer      // nil = nothing is to be written
	closed bool
}

// add counts a task of a queue.
func (t *tally) add(queue string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done == nil {
		t.done = map[string]int64{}
	}
	t.done[queue]++
	t.arm()
}

// arm has what was counted written in a while.
func (t *tally) arm() {
	if t.timer == nil && !t.closed {
		t.timer = time.AfterFunc(countEvery, t.flush)
	}
}

// flush writes what was counted. What cannot be written counts with the next.
func (t *tally) flush() {
	t.writing.Lock()
	defer t.writing.Unlock()
	t.mu.Lock()
	done := t.done
	t.done, t.timer = nil, nil
	t.mu.Unlock()
	if err := t.write(done); err != nil {
		t.again(done)
	}
}

// again counts what could not be written.
func (t *tally) again(done map[string]int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for queue, n := range t.done {
		done[queue] += n
	}
	t.done = done
	t.arm()
}

func (t *tally) write(done map[string]int64) error {
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeTime)
	defer cancel()
	now := time.Now()
	for queue, n := range done {
		today, ever := countersOf(queue, now)
		_, err := t.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.IncrBy(ctx, today, n)
			p.Expire(ctx, today, countersFor)
			p.IncrBy(ctx, ever, n)
			return nil
		})
		if err != nil {
			return err
		}
		delete(done, queue)
	}
	return nil
}

// close writes the rest.
func (t *tally) close() {
	t.mu.Lock()
	t.closed = true
	if t.timer != nil {
		t.timer.Stop()
	}
	t.mu.Unlock()
	t.flush()
}
