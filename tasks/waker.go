package tasks

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// Times of the wake-up. None of them matters for correctness: a wake-up that is
// missed costs one hold.
const (
	defaultHold = 5 * time.Second
	// maxHold keeps a held dequeue well inside the 30 s lease that asynq counts from before it.
	maxHold = 10 * time.Second
	// settleTime is how long somebody must hold before other processes are asked to wake us, so
	// that a chain of steps inside one process does not register at every step.
	settleTime = 2 * time.Millisecond
	// listenTime is how long one blocking read lasts on connections of our own; then it is repeated.
	listenTime = 30 * time.Second
	// sharedListenTime is the same on connections that cannot be closed to end it.
	sharedListenTime = time.Second
	pauseTime        = 250 * time.Millisecond
	// peekTime is within what a task that was seen is taken, unless another process took it or nobody may.
	peekTime    = 20 * time.Millisecond
	goodbyeTime = time.Second
)

// SleepersKey is the set of the wake lists of the processes that sleep for the
// queue. Whoever puts a task into the queue takes as many members as there are
// tasks (SPOP) and pushes one element to each (LPUSH, then EXPIRE 60): every
// member is the whole key of a list in the same slot.
func SleepersKey(queue string) string { return "{" + queue + "}:sleepers" }

// WakeKey is the wake list of one sleeper: a member of the set at SleepersKey.
func WakeKey(queue, sleeper string) string { return "{" + queue + "}:wake:" + sleeper }

// nudgeScript is what a commit does after enqueuing ARGV[1] tasks, for those
// who move tasks without a commit.
//
// KEYS[1] -> SleepersKey
// ARGV[1] -> how many to wake at most.
var nudgeScript = redis.NewScript(`
for _, list in ipairs(redis.call("SPOP", KEYS[1], ARGV[1])) do
	redis.pcall("LPUSH", list, "1")
	redis.pcall("EXPIRE", list, 60)
end
return 0`)

// Waker ends the sleep of asynq's servers when something is enqueued, in this
// process and in others. There is one for each process.
type Waker struct {
	redis   redis.UniversalClient
	reading redis.UniversalClient // blocking reads; ours alone when own
	own     bool
	hold    time.Duration
	log     *slog.Logger
	name    string // of this process among the sleepers

	ctx  context.Context //nolint:containedctx // ends with Close, not with a call
	stop context.CancelFunc
	wg   sync.WaitGroup

	settled settled
	tally   tally

	mu     sync.Mutex
	bells  map[string]*bell
	closed bool
}

// WakerOptions are the choices of a Waker. The zero value is good for production.
type WakerOptions struct {
	// Hold is how long an empty dequeue is held at most: 0 = 5 s, never more than 10 s.
	Hold time.Duration
	// Logger gets what goes wrong with the wake-up, at level debug; nil = slog.Default.
	Logger *slog.Logger
}

// NewWaker makes the Waker of this process. client stays the caller's. For
// blocking reads it opens one more connection for each queue that is slept for,
// of the same options; these have none of client's hooks.
func NewWaker(client redis.UniversalClient, o WakerOptions) *Waker {
	w := &Waker{redis: client, hold: o.Hold, log: o.Logger, name: flow.NewToken(), bells: map[string]*bell{}, tally: tally{redis: client}}
	if w.hold <= 0 {
		w.hold = defaultHold
	}
	w.hold = min(w.hold, maxHold)
	if w.log == nil {
		w.log = slog.Default()
	}
	w.reading, w.own = sibling(client)
	w.ctx, w.stop = context.WithCancel(context.Background())
	return w
}

// sibling opens a client of the same options, whose connections can be closed
// under a blocking read. own is false when the type of client is not known:
// then it is client itself.
func sibling(client redis.UniversalClient) (_ redis.UniversalClient, own bool) {
	switch c := client.(type) {
	case *redis.Client:
		o := *c.Options()
		o.MaxRetries, o.MinIdleConns = -1, 0
		o.PushNotificationProcessor = nil // belongs to client
		return redis.NewClient(&o), true
	case *redis.ClusterClient:
		o := *c.Options()
		o.MinIdleConns = 0
		o.PushNotificationProcessor = nil
		return redis.NewClusterClient(&o), true
	}
	return client, false
}

// Wake tells everybody in this process who sleeps for one of the queues to ask
// again. It never blocks; queues that nobody here serves are ignored.
func (w *Waker) Wake(queues ...string) {
	for _, q := range queues {
		w.mu.Lock()
		b := w.bells[q]
		w.mu.Unlock()
		if b != nil {
			b.ring()
		}
	}
}

// Nudge is Wake for n tasks of a queue, and tells as many other processes. A
// commit does the latter itself; this is for whoever enqueues otherwise.
func (w *Waker) Nudge(ctx context.Context, queue string, n int) error {
	w.Wake(queue)
	return nudgeScript.Run(ctx, w.redis, []string{SleepersKey(queue)}, n).Err()
}

// Close wakes everybody for good and returns when no goroutine of the Waker is
// left. Dequeues through its clients answer "empty" from then on.
func (w *Waker) Close() error {
	w.mu.Lock()
	first := !w.closed
	w.closed = true
	w.mu.Unlock()
	w.stop()
	w.tally.close()
	var err error
	if w.own && first {
		err = w.reading.Close()
	}
	w.wg.Wait()
	return err
}

func (w *Waker) bell(queue string, foreign bool) *bell {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.bells[queue]
	if b == nil {
		b = &bell{queue: queue, foreign: foreign, list: WakeKey(queue, w.name), held: make(chan struct{}, 1), clients: map[*Client]struct{}{}}
		w.bells[queue] = b
	}
	return b
}

// listen starts the bell's reader, once.
func (w *Waker) listen(b *bell) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if b.listening || w.closed {
		return
	}
	b.listening = true
	w.wg.Go(func() { w.read(b) })
}

// read sleeps for the process, as long as somebody in it holds a dequeue.
func (w *Waker) read(b *bell) {
	for b.await(w.ctx) {
		sleep := w.sleep
		if b.foreign {
			sleep = w.peek
		}
		if err := sleep(b); err != nil && w.ctx.Err() == nil {
			w.log.Debug("sleeping for a queue", "queue", b.queue, "error", err)
			wait(w.ctx, pauseTime)
		}
	}
	if !b.foreign {
		w.goodbye(b)
	}
}

// peek blocks until there is a task in a queue whose writers wake nobody: moving the last element of a list to where it is waits for
// one, and changes nothing. It is the last so that a list to which others push at once keeps its order.
func (w *Waker) peek(b *bell) error {
	pending, before := queueKey(b.queue, "pending"), b.sofar()
	err := w.reading.BLMove(w.ctx, pending, pending, "RIGHT", "RIGHT", w.listenTime()).Err()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	b.ring()
	if err == nil && wait(w.ctx, peekTime) && b.sofar() == before {
		wait(w.ctx, pauseTime) // another process was first, or the queue is paused
	}
	return err
}

// sleep registers, looks once more, and blocks until somebody enqueues. The look
// catches what was enqueued before the registration could be seen.
func (w *Waker) sleep(b *bell) error {
	pipe := w.redis.Pipeline()
	pipe.SAdd(w.ctx, SleepersKey(b.queue), b.list)
	pending := pipe.LLen(w.ctx, queueKey(b.queue, "pending"))
	if _, err := pipe.Exec(w.ctx); err != nil {
		return err
	}
	if pending.Val() > 0 {
		b.ring()
	}
	_, err := w.reading.BLPop(w.ctx, w.listenTime(), b.list).Result()
	if errors.Is(err, redis.Nil) {
		return nil // nothing came; the registration still stands and is renewed
	}
	held := b.isHeld()
	b.ring() // after an error, too: what we were to be told may be lost
	if err == nil && !held {
		return w.passOn(b)
	}
	return err
}

// passOn tells another process in our place: everybody here is busy.
func (w *Waker) passOn(b *bell) error {
	return nudgeScript.Run(w.ctx, w.redis, []string{SleepersKey(b.queue)}, 1).Err()
}

func (w *Waker) listenTime() time.Duration {
	if w.own {
		return listenTime
	}
	return sharedListenTime
}

// goodbye takes our registration back, so that nobody spends a wake-up on us.
func (w *Waker) goodbye(b *bell) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), goodbyeTime)
	defer cancel()
	pipe := w.redis.Pipeline()
	pipe.SRem(ctx, SleepersKey(b.queue), b.list)
	pipe.Del(ctx, b.list)
	if _, err := pipe.Exec(ctx); err != nil {
		w.log.Debug("leaving the sleepers of a queue", "queue", b.queue, "error", err)
	}
}

// wait pauses; false when ctx was done first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
