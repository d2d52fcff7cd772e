package tasks

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// Client is the Redis client of one asynq Server. It changes four things:
//
//   - An empty dequeue is held until something is enqueued, for at most the hold;
//     it is never sent twice by itself, since its lost reply may carry a task.
//   - Tasks that asynq's forwarder moves wake whoever sleeps.
//   - A context that asynq cancelled before it repeats a failed acknowledgement
//     is replaced, without which the repetition never succeeds.
//   - What a commit did already of asynq's work is not done again: acknowledging the task that it ended, and taking the next
//     one (see Holding).
//
// A Client serves one Server: asynq dequeues in one goroutine of it.
type Client struct {
	redis.UniversalClient
	waker   *Waker
	hold    time.Duration
	queues  []string
	asks    string // the queues as one name
	bells   []*bell
	foreign bool   // who writes into the queues wakes nobody
	slots   *Slots // nil = not bounded but by the Server
	name    string // of the queues, without their partitions

	handing sync.Mutex
	handed  chan flow.Task // that commits of this Server's handlers brought

	signal chan struct{}   // ask again
	round  []ask           // the queues that were empty since the last task or hold
	ctx    context.Context //nolint:containedctx // ends with Close, not with a call
	stop   context.CancelFunc
	once   sync.Once
}

// ask is one queue's dequeue.
type ask struct {
	queue string
	send  func() *redis.Cmd
}

// maxHanded is more than a Server has handlers; each brings at most one task.
const maxHanded = 1024

// ackTime is what a repeated acknowledgement gets after asynq cancelled its context.
const ackTime = 2 * time.Second

// Client makes the client for a Server of exactly these queues, which other
// processes wake through SleepersKey.
func (w *Waker) Client(queues ...string) *Client { return w.client(false, queues) }

// Foreign makes the client for a Server of exactly these queues whose writers know nothing of the wake-up.
func (w *Waker) Foreign(queues ...string) *Client { return w.client(true, queues) }

// Within makes the client ask for tasks only while there is a slot for the queue of that name, which whoever handles a task gives
// back. It is called before the Server starts.
func (c *Client) Within(s *Slots, name string) *Client {
	c.slots, c.name = s, name
	return c
}

func (w *Waker) client(foreign bool, queues []string) *Client {
	c := &Client{UniversalClient: w.redis, waker: w, hold: w.hold, queues: queues, asks: strings.Join(queues, " "), foreign: foreign, signal: make(chan struct{}, 1), handed: make(chan flow.Task, maxHanded)}
	c.ctx, c.stop = context.WithCancel(w.ctx)
	for _, q := range queues {
		b := w.bell(q, foreign)
		b.join(c)
		c.bells = append(c.bells, b)
	}
	return c
}

// Close ends a held dequeue at once and answers "empty" to all later ones: the
// Server takes nothing more, and its Shutdown does not wait. Everything else
// still works. The wrapped client stays open.
func (c *Client) Close() error {
	c.once.Do(func() {
		c.stop()
		for _, b := range c.bells {
			b.leave(c)
		}
		c.handBack()
	})
	return nil
}

// EvalSha runs a script by its digest, as [Client] describes.
func (c *Client) EvalSha(ctx context.Context, sha1 string, keys []string, args ...any) *redis.Cmd {
	return c.run(ctx, c.UniversalClient.EvalSha, "evalsha", sha1, keys, args)
}

// Eval runs a script by its text, as [Client] describes.
func (c *Client) Eval(ctx context.Context, text string, keys []string, args ...any) *redis.Cmd {
	return c.run(ctx, c.UniversalClient.Eval, "eval", text, keys, args)
}

type evaluate func(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd

func (c *Client) run(ctx context.Context, eval evaluate, verb, text string, keys []string, args []any) *redis.Cmd {
	kind, queue := recognise(keys)
	switch kind {
	case dequeue:
		return c.dequeue(ctx, ask{queue, func() *redis.Cmd { return c.sendOnce(ctx, verb, text, keys, args) }})
	case settle:
		if c.waker.settled.remove(taskKey(keys)) {
			return done(ctx)
		}
		ctx, cancel := revive(ctx)
		defer cancel()
		if cmd := eval(ctx, text, keys, args...); !redis.HasErrorPrefix(cmd.Err(), "NOT FOUND") {
			return cmd
		}
		return done(ctx) // a task that is not there, such as after a commit whose reply was lost, needs no word more
	case forward:
		cmd := eval(ctx, text, keys, args...)
		c.forwarded(ctx, queue, cmd)
		return cmd
	case other:
	}
	return eval(ctx, text, keys, args...)
}

// revive replaces a context that was cancelled before anything was sent. One
// that merely ran out stays as it is: then the lease is over, too.
func revive(ctx context.Context) (context.Context, context.CancelFunc) {
	if !errors.Is(ctx.Err(), context.Canceled) {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), ackTime)
}

func (c *Client) forwarded(ctx context.Context, queue string, cmd *redis.Cmd) {
	n, err := cmd.Int()
	if err != nil || n == 0 {
		return
	}
	if c.foreign {
		c.waker.Wake(queue)
		return
	}
	if err := c.waker.Nudge(ctx, queue, n); err != nil {
		c.waker.log.Debug("waking others for forwarded tasks", "queue", queue, "error", err)
	}
}

// dequeue asks one queue. When the last of the Server's queues is empty, too, it holds.
func (c *Client) dequeue(ctx context.Context, a ask) *redis.Cmd {
	if c.ctx.Err() != nil {
		c.round = nil
		return nothing(ctx)
	}
	select {
	case t := <-c.handed:
		c.round = nil
		return c.bring(ctx, t)
	default:
	}
	if len(c.round) == 0 {
		c.drain() // from here on, a signal means something newer than what is asked now
	}
	cmd := c.ask(ctx, a, c.hold)
	if cmd == nil { // not a queue that is empty: it is asked again as soon as there is a slot
		c.round = nil
		return nothing(ctx)
	}
	if err := cmd.Err(); !errors.Is(err, redis.Nil) {
		c.round = nil
		c.pauseAfter(err)
		return cmd
	}
	c.round = append(c.round, a)
	if len(c.round) < len(c.queues) {
		return cmd
	}
	round := c.round
	c.round = nil
	return c.holdRound(ctx, cmd, round)
}

// ask asks a queue for a task, once there is a slot for it; nil = there was none in time. A hold at most, like that of
// an empty queue: asynq counts the lease from before.
func (c *Client) ask(ctx context.Context, a ask, atMost time.Duration) *redis.Cmd {
	slot, own := c.slots.take(c.ctx, c.name, c.asks, atMost, c.handed)
	switch {
	case own != nil:
		return c.bring(ctx, *own)
	case !slot:
		return nil
	}
	cmd := a.send()
	if cmd.Err() != nil {
		c.slots.Free()
		return cmd
	}
	if !readable(cmd) {
		c.slots.Free() // there will be no handler that does
	}
	for _, b := range c.bells {
		if b.queue == a.queue {
			b.came()
		}
	}
	return cmd
}

// holdRound waits until somebody enqueues and asks all queues again. A task of
// another queue than the one that asynq asks for is as good: it names its queue itself.
func (c *Client) holdRound(ctx context.Context, empty *redis.Cmd, round []ask) *redis.Cmd {
	c.holding(1)
	defer c.holding(-1)
	t := time.NewTimer(c.hold)
	defer t.Stop()
	for {
		select {
		case t := <-c.handed:
			return c.bring(ctx, t)
		case <-c.signal:
			cmd, busy := c.askAll(ctx, round)
			switch {
			case busy:
				return empty // and waits for a slot without holding, so that nobody counts on us
			case cmd != nil:
				c.pauseAfter(cmd.Err())
				return cmd
			}
		case <-t.C:
			return empty
		case <-ctx.Done():
			return empty
		case <-c.ctx.Done():
			return empty
		}
	}
}

// askAll gives the first task that there is. busy: there may be one, but no slot for it.
func (c *Client) askAll(ctx context.Context, round []ask) (cmd *redis.Cmd, busy bool) {
	for _, a := range round {
		cmd := c.ask(ctx, a, 0)
		if cmd == nil {
			return nil, true
		}
		if !errors.Is(cmd.Err(), redis.Nil) {
			return cmd, false
		}
	}
	return nil, false
}

func (c *Client) holding(n int) {
	for _, b := range c.bells {
		b.hold(n)
		if n > 0 {
			c.waker.listen(b)
		}
	}
}

// pauseAfter slows asynq down, which asks again at once after an error. A script
// that Redis does not know is no error: asynq sends its text next.
func (c *Client) pauseAfter(err error) {
	if err != nil && !redis.HasErrorPrefix(err, "NOSCRIPT") {
		wait(c.ctx, pauseTime)
	}
}

func (c *Client) wake() {
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

func (c *Client) drain() {
	select {
	case <-c.signal:
	default:
	}
}

// sendOnce evaluates a script that go-redis must not repeat on its own.
func (c *Client) sendOnce(ctx context.Context, verb, text string, keys []string, args []any) *redis.Cmd {
	all := []any{verb, text, len(keys)}
	for _, k := range keys {
		all = append(all, k)
	}
	cmd := redis.NewCmd(ctx, append(all, args...)...)
	cmd.SetFirstKeyPos(3) // for Redis Cluster
	// The error stands in the command as well.
	_ = c.Process(ctx, once{cmd})
	return cmd
}

// once is a command that is never sent twice.
type once struct{ *redis.Cmd }

// NoRetry tells go-redis.
func (once) NoRetry() bool { return true }

// bring answers a dequeue with a task that is in hand, and has a slot.
func (c *Client) bring(ctx context.Context, t flow.Task) *redis.Cmd {
	cmd := bringing(ctx, t)
	if !readable(cmd) {
		c.slots.Free() // it was pulled like any other, and there will be no handler
	}
	return cmd
}

// bringing answers a dequeue with a task that is in hand.
func bringing(ctx context.Context, t flow.Task) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	cmd.SetVal(string(t.Message))
	return cmd
}

// done answers an acknowledgement.
func done(ctx context.Context) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	cmd.SetVal("OK")
	return cmd
}

func nothing(ctx context.Context) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	cmd.SetErr(redis.Nil)
	return cmd
}
