package tasks

import (
	"context"
	"sync"
)

// bell rings for everybody in the process who serves one queue.
type bell struct {
	queue     string
	list      string        // our WakeKey
	foreign   bool          // those who write into the queue know nothing of wake lists
	listening bool          // a reader runs; guarded by the Waker
	held      chan struct{} // somebody began to hold

	mu      sync.Mutex
	clients map[*Client]struct{}
	holding int
	got     int // tasks that came, ever
}

// ring tells all clients to ask again: those that hold at once, the others
// when they are about to hold.
func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.clients {
		c.wake()
	}
}

func (b *bell) join(c *Client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clients[c] = struct{}{}
}

func (b *bell) leave(c *Client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.clients, c)
}

// hold notes that a client begins (+1) or ends (-1) to hold.
func (b *bell) hold(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.holding += n
	if n > 0 {
		select {
		case b.held <- struct{}{}:
		default:
		}
	}
}

// came notes that the queue had a task.
func (b *bell) came() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got++
}

// sofar is how many tasks came.
func (b *bell) sofar() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.got
}

func (b *bell) isHeld() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.holding > 0
}

// await returns true once somebody has been holding for a moment, false when
// ctx is done.
func (b *bell) await(ctx context.Context) bool {
	for {
		if b.isHeld() {
			if !wait(ctx, settleTime) {
				return false
			}
			if b.isHeld() {
				return true
			}
		}
		select {
		case <-b.held:
		case <-ctx.Done():
			return false
		}
	}
}
