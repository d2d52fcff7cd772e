package engine

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"prana/engine/flow"
)

// overdue is a due index with tasks that workers take from the head of the queue.
type overdue struct {
	due   []string // tokens, by time
	queue []string // the head is last
	away  error    // the store cannot be reached
}

func (b *overdue) sweeper() *sweeper {
	return &sweeper{sweep: b.sweep, task: b.task}
}

func (b *overdue) sweep(context.Context) (woken []flow.Dispatch, next time.Duration, err error) {
	n := min(sweepBatch, len(b.due))
	if n < sweepBatch {
		next = -1
	}
	for _, token := range slices.Backward(b.due[:n]) {
		woken, b.queue = append(woken, flow.Dispatch{Token: token}), append(b.queue, token)
	}
	b.due = b.due[n:]
	return woken, next, nil
}

func (b *overdue) task(_ context.Context, d flow.Dispatch) (flow.TaskState, error) {
	if slices.Contains(b.queue, d.Token) {
		return flow.TaskPending, b.away
	}
	return flow.TaskMissing, b.away
}

func (b *overdue) take(n int) []string {
	taken := b.queue[len(b.queue)-n:]
	b.queue = b.queue[:len(b.queue)-n]
	slices.Reverse(taken)
	return taken
}

// many are tokens of which each is due after the one before.
func many(n int) (tokens []string) {
	for i := range n {
		tokens = append(tokens, string(rune('a'+i/26/26))+string(rune('a'+i/26%26))+string(rune('a'+i%26)))
	}
	return tokens
}

// TestDueInItsOrder: what workers take of a backlog that is longer than what is brought up at a time is what was due first, but for two batches.
func TestDueInItsOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := many(10 * sweepBatch)
		b := &overdue{due: slices.Clone(all)}
		s := b.sweeper()
		var taken []string
		for len(taken) < len(all) {
			for range 5 {
				if _, err := s.look(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			taken = append(taken, b.take(min(10, len(b.queue)))...)
		}
		for i, token := range taken {
			if at := slices.Index(all, token); at > i+2*sweepBatch || at < i-2*sweepBatch {
				t.Fatalf("the task that was due as number %d was taken as number %d", at, i)
			}
		}
	})
}

// TestDueWithoutWorkers: while nobody takes anything, the next is brought up after a while all the same; and at once, as long as little is due.
func TestDueWithoutWorkers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &overdue{due: many(4*sweepBatch + 7)}
		s := b.sweeper()
		began := time.Now()
		for len(b.due) > 0 {
			next, err := s.look(t.Context())
			if err != nil || next < 0 != (len(b.due) == 0) {
				t.Fatal(next, err, len(b.due))
			}
			time.Sleep(next)
		}
		if waited := time.Since(began); waited < 2*holdAtMost || waited > 4*holdAtMost {
			t.Errorf("it took %s", waited)
		}
		b.due = many(sweepBatch / 2)
		if next, err := s.look(t.Context()); err != nil || next >= 0 || len(b.due) > 0 {
			t.Errorf("of few that are due %d were not brought up: %s, %v", len(b.due), next, err)
		}
	})
}

// TestDueWithoutStore: that the sweeper cannot find out whether it may go on is told, and tried again.
func TestDueWithoutStore(t *testing.T) {
	t.Parallel()
	b := &overdue{due: many(3 * sweepBatch)}
	s := b.sweeper()
	for range 2 {
		if _, err := s.look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b.away = errors.New("away")
	if _, err := s.look(t.Context()); !errors.Is(err, b.away) {
		t.Errorf("it says %v", err)
	}
}
