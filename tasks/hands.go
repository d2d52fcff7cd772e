package tasks

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// A commit goes past the queue twice: it acknowledges the task that it ends, and may give the next one to the worker that
// has just become free of it. Both stand in Redis as if asynq had done them; here the asynq Servers of this process
// are told, without another round trip.

// handKey finds the hand in the context of a task's handler.
type handKey struct{}

// hand is the handler of a task that came by a client: once it is over there is room for another one.
type hand struct {
	client *Client
	full   atomic.Bool
}

// Holding is for the handler of a task that came by this client: what it commits with this context may bring the next task along.
func (c *Client) Holding(ctx context.Context) context.Context {
	return context.WithValue(ctx, handKey{}, &hand{client: c})
}

// Free tells whether the handler whose context this is can take a task along.
func (w *Waker) Free(ctx context.Context) bool {
	h, ok := ctx.Value(handKey{}).(*hand)
	return ok && !h.full.Load() && h.client.ctx.Err() == nil && h.client.slots.passes(h.client.name)
}

// Pulls tells whether it would take whatever is next in the queue of its task: its Server asks for tasks of no other, and no Server of
// another partition waits for its slot. There is no end to what is next in a busy queue.
func (w *Waker) Pulls(ctx context.Context) bool {
	h, ok := ctx.Value(handKey{}).(*hand)
	return ok && len(h.client.queues) == 1 && !h.client.slots.shared(h.client.name, h.client.asks) && w.Free(ctx)
}

// Take gives a task that was stored as being worked on to the Server of the handler whose context this is. It goes back to its
// queue if the Server ends meanwhile.
func (w *Waker) Take(ctx context.Context, t flow.Task) {
	h, ok := ctx.Value(handKey{}).(*hand)
	if !ok || h.full.Swap(true) || !h.client.take(t) {
		w.giveBack(ctx, t)
	}
}

// take hands a task to asynq with its next dequeue. Its slot is that of the handler which brings it.
func (c *Client) take(t flow.Task) bool {
	c.handing.Lock()
	defer c.handing.Unlock()
	if c.ctx.Err() != nil {
		return false
	}
	select {
	case c.handed <- t:
		c.slots.pass(c.name)
		return true
	default:
		return false
	}
}

// handBack returns what asynq did not ask for any more.
func (c *Client) handBack() {
	var wg sync.WaitGroup
	for _, t := range c.leftOver() {
		c.slots.Free()
		wg.Go(func() { c.waker.giveBack(context.Background(), t) })
	}
	wg.Wait()
}

// leftOver takes everything out of our hands.
func (c *Client) leftOver() (all []flow.Task) {
	c.handing.Lock()
	defer c.handing.Unlock()
	for {
		select {
		case t := <-c.handed:
			all = append(all, t)
		default:
			return all
		}
	}
}

// giveBackScript is what asynq's Requeue does.
//
// KEYS: active, lease, pending, the task. ARGV: its id.
var giveBackScript = redis.NewScript(`
if redis.call("LREM", KEYS[1], 0, ARGV[1]) == 0 then
	return 0
end
redis.call("ZREM", KEYS[2], ARGV[1])
redis.call("HSET", KEYS[4], "state", "pending")
redis.call("RPUSH", KEYS[3], ARGV[1])
return 1`)

// giveBack puts a task that nobody works on to the head of its queue. When that fails the engine's sweeper finds it.
func (w *Waker) giveBack(ctx context.Context, t flow.Task) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbyeTime)
	defer cancel()
	err := giveBackScript.Run(ctx, w.redis, []string{t.Active, t.Lease, t.Pending, t.Key}, t.ID).Err()
	if err == nil {
		err = w.Nudge(ctx, t.Queue, 1)
	}
	if err != nil {
		w.log.Debug("giving a task back", "task", t.ID, "error", err)
	}
}

// Acknowledged notes that a commit acknowledged a task, so that asynq's own acknowledgement, or whatever else it says of
// the task, has nothing left to do but to count it.
func (w *Waker) Acknowledged(key string) {
	w.settled.add(key)
	if queue, _, ok := queueOf(key); ok {
		w.tally.add(queue)
	}
}

// settled are tasks that were acknowledged, and of which asynq did not yet say what became of them.
type settled struct {
	mu   sync.Mutex
	keys map[string]struct{}
}

// maxSettled bounds what is remembered. What is forgotten costs asynq an error of a task that is not found.
const maxSettled = 100_000

func (s *settled) add(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil || len(s.keys) >= maxSettled {
		s.keys = map[string]struct{}{}
	}
	s.keys[key] = struct{}{}
}

// remove tells whether the key was there.
func (s *settled) remove(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.keys[key]
	delete(s.keys, key)
	return ok
}
