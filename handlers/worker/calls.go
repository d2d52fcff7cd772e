package worker

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"prana/engine/flow"
)

// calls knows the handlers under way and owns their contexts. asynq neither
// cancels handlers before it takes their tasks back nor waits for them.
type calls struct {
	root   context.Context //nolint:containedctx // ends with Shutdown, not with a call
	cancel context.CancelCauseFunc
	forced chan struct{}
	force  sync.Once

	mu      sync.Mutex
	running int
	closed  bool
	idle    chan struct{} // closed when closed and nothing runs
}

func newCalls() *calls {
	c := &calls{forced: make(chan struct{}), idle: make(chan struct{})}
	c.root, c.cancel = context.WithCancelCause(context.Background())
	return c
}

// run calls f with a context that ends with the worker; asynq's own context is
// only a backstop. A panic becomes an error.
func (c *calls) run(task context.Context, log *slog.Logger, f func(context.Context) error) error {
	if !c.enter() {
		return ErrShutdown
	}
	defer c.leave()
	widen()
	ctx, cancel := context.WithCancelCause(c.root)
	defer cancel(nil)
	stop := context.AfterFunc(task, func() { cancel(ErrHintLost) })
	defer stop()
	err := guard(ctx, log, f)
	if err != nil && c.stopping() {
		c.awaitHandover(task)
	}
	return err
}

// stepStack is about what the stack of a step takes down to the connection to Redis, in bytes.
const stepStack = 12 << 10

// never is false: the room that widen asks for is only wanted, and clearing it would take longer than growing does.
var never atomic.Bool

// widen grows the stack of a goroutine once to what it will take. It is a new one for each task, and would be doubled, and copied, on
// its way down again and again.
//
//go:noinline
func widen() byte {
	if !never.Load() {
		return 0
	}
	var room [stepStack]byte
	return room[rand.IntN(stepStack)]
}

// awaitHandover lets asynq take the task back to the head of its queue, which it
// does only while the handler has not returned; a returned error would send it
// to the retries instead.
func (c *calls) awaitHandover(task context.Context) {
	select {
	case <-task.Done():
	case <-c.forced:
	}
}

func guard(ctx context.Context, log *slog.Logger, f func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			log.ErrorContext(ctx, "a task's handler panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("the handler panicked: %s", flow.Cut(fmt.Sprint(p), 512))
		}
	}()
	return f(ctx)
}

// stopping tells whether the handlers' contexts are cancelled.
func (c *calls) stopping() bool { return c.root.Err() != nil }

// abandon ends the grace early and gives up the orderly handover.
func (c *calls) abandon() {
	c.cancel(ErrShutdown)
	c.force.Do(func() { close(c.forced) })
}

// wait ends what still runs, once asynq has taken its tasks back, and returns when
// no handler is left, or an error when ctx is done first. No handler begins afterwards.
func (c *calls) wait(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	c.settle()
	c.mu.Unlock()
	c.cancel(ErrShutdown)
	select {
	case <-c.idle:
		return nil
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == 0 {
		return nil
	}
	return fmt.Errorf("%d handlers ignore the end of their context: %w", c.running, context.Cause(ctx))
}

func (c *calls) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.running++
	return true
}

func (c *calls) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	c.settle()
}

func (c *calls) settle() {
	if c.closed && c.running == 0 {
		select {
		case <-c.idle:
		default:
			close(c.idle)
		}
	}
}
