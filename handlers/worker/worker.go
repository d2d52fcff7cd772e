// Package worker receives: it runs the asynq servers of the partitions' queues,
// which hand steps to the engine, and that of the intake queue, where other
// services start, resume, cancel and tell of events.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/tasks"
)

// Runner runs one step.
type Runner interface {
	// RunStep returns nil for everything that was decided, also that the step is not ours any
	// more. An error asks to try the same hint again soon; it never fails an execution.
	RunStep(ctx context.Context, d flow.Dispatch) error
}

// Intaker does what the intake queue asks for. Errors that match
// flow.ErrUnavailable, context errors and errors that are no flow.Problem are
// tried again; all others refuse the message for good.
type Intaker interface {
	Start(ctx context.Context, r flow.StartRequest) (flow.StartResult, error)
	Publish(ctx context.Context, e flow.Event) (flow.PublishResult, error)
	Resume(ctx context.Context, r flow.ResumeRequest) (flow.ResumeResult, error)
	Cancel(ctx context.Context, r flow.CancelRequest) error
}

// Why a step's context ends before the step does.
var (
	// ErrShutdown is the cause when the worker stops and the grace is over.
	ErrShutdown = errors.New("the worker shuts down")
	// ErrHintLost is the cause when asynq's lease or time limit ended: another worker may have the step.
	ErrHintLost = errors.New("the lease of the task ended")
)

// Config says what a worker serves. Runner is needed with Partitions, Intaker with Intake.
type Config struct {
	Redis      redis.UniversalClient // stays the caller's
	Partitions []int                 // whose steps are run; empty = none
	Runner     Runner

	// Queues names the queues whose steps are run; flow.DefaultQueue is the partitions' own. Empty = all there are, and
	// those that come to be.
	Queues []string
	// Weights share out Concurrency where several queues want more than there is: one of weight 3 gets three times as many steps as one
	// of weight 1. By name, flow.DefaultQueue included; a queue that has none weighs 1.
	Weights map[string]int
	// Known lists the named queues there are. It is asked every two seconds when Queues is empty; nil = there are none.
	Known func(ctx context.Context) ([]string, error)

	Concurrency int // steps at a time in this process, from all queues; 0 = 64
	// Servers is how many asynq Servers take steps from the partitions' own queues: each takes one at a time off Redis. 0 = 4.
	// There are never fewer than one and never more than Concurrency. Each named queue has one more.
	Servers int
	// Grace is how long steps may go on after Shutdown began, before their contexts are cancelled; 0 = 30 s.
	Grace time.Duration

	Intake  bool // serve the intake queue
	Intaker Intaker

	// Waker is told of commits in this process; nil = one of the worker's own, which nobody can tell.
	Waker  *tasks.Waker
	Logger *slog.Logger // nil = slog.Default
}

// letGo is the time between the end of a step's context and asynq's taking the task back.
const letGo = 500 * time.Millisecond

// Worker is a set of running servers. Start and Shutdown are called once each.
type Worker struct {
	cfg     Config
	waker   *tasks.Waker
	ownWake bool
	calls   *calls
	steps   *steps
	servers []*asynq.Server
	clients []*tasks.Client
	once    sync.Once
	err     error

	stopLearning context.CancelFunc
	learning     sync.WaitGroup // who alone adds servers after Start
}

// New prepares a worker; nothing runs and nothing is asked of Redis before Start.
func New(cfg Config) *Worker {
	cfg.defaults()
	return &Worker{cfg: cfg, waker: cfg.Waker, calls: newCalls(), stopLearning: func() {}}
}

func (c *Config) defaults() {
	if c.Concurrency <= 0 {
		c.Concurrency = 64
	}
	if c.Servers <= 0 {
		c.Servers = 4
	}
	if c.Grace <= 0 {
		c.Grace = 30 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
}

// Start makes the queues known and begins to take tasks. ctx bounds the start
// only. After an error nothing runs; it matches flow.ErrUnavailable when Redis
// could not be reached.
func (w *Worker) Start(ctx context.Context) error {
	if err := w.cfg.check(); err != nil {
		return err
	}
	if err := tasks.Ensure(ctx, w.cfg.Redis, w.queues()...); err != nil {
		return errors.Join(flow.ErrUnavailable, err)
	}
	if w.waker == nil {
		w.waker, w.ownWake = tasks.NewWaker(w.cfg.Redis, tasks.WakerOptions{Logger: w.cfg.Logger}), true
	}
	if err := w.serve(); err != nil {
		return errors.Join(err, w.Shutdown(ctx))
	}
	w.learn()
	return nil
}

func (c *Config) check() error {
	switch {
	case c.Redis == nil:
		return errors.New("a worker needs Redis")
	case len(c.Partitions) > 0 && c.Runner == nil:
		return errors.New("a worker of partitions needs a Runner")
	case c.Intake && c.Intaker == nil:
		return errors.New("a worker of the intake queue needs an Intaker")
	case len(c.Partitions) == 0 && !c.Intake:
		return errors.New("a worker without partitions and without intake has nothing to do")
	}
	return nil
}

// Shutdown stops taking tasks at once, lets what runs finish within the grace, then cancels its
// context with ErrShutdown; tasks that are not decided by then go back to the head of their queue. It
// returns when none of the worker's goroutines is left. When ctx ends first, the grace ends with it, and
// the error tells how many handlers still ignore their context.
func (w *Worker) Shutdown(ctx context.Context) error {
	w.once.Do(func() { w.err = w.shutdown(ctx) })
	return w.err
}

func (w *Worker) shutdown(ctx context.Context) error {
	w.stopLearning()
	w.learning.Wait()
	grace := time.AfterFunc(w.cfg.Grace, func() { w.calls.cancel(ErrShutdown) })
	defer grace.Stop()
	hurry := context.AfterFunc(ctx, w.calls.abandon)
	defer hurry()
	var wg sync.WaitGroup
	for _, c := range w.clients {
		wg.Go(func() { _ = c.Close() }) // ends a held dequeue; never fails
	}
	wg.Wait()
	w.stopServers()
	err := w.calls.wait(ctx)
	if w.ownWake {
		err = errors.Join(err, w.waker.Close())
	}
	return err
}

func (w *Worker) stopServers() {
	var wg sync.WaitGroup
	for _, s := range w.servers {
		wg.Go(s.Shutdown)
	}
	wg.Wait()
}

func (w *Worker) queues() []string {
	var queues []string
	if w.cfg.serves(flow.DefaultQueue) {
		queues = w.cfg.queuesOf("")
	}
	for _, name := range w.cfg.named() {
		queues = append(queues, w.cfg.queuesOf(name)...)
	}
	if w.cfg.Intake {
		queues = append(queues, tasks.IntakeQueue)
	}
	return queues
}

// serve starts all servers.
func (w *Worker) serve() error {
	if len(w.cfg.Partitions) > 0 {
		if err := w.serveSteps(); err != nil {
			return err
		}
	}
	if w.cfg.Intake {
		return w.serveIntake()
	}
	return nil
}

func (w *Worker) start(c *tasks.Client, cfg asynq.Config, h asynq.Handler) error {
	s := asynq.NewServerFromRedisClient(c, cfg)
	if err := s.Start(h); err != nil {
		return fmt.Errorf("starting an asynq server: %w", err)
	}
	w.clients = append(w.clients, c)
	w.servers = append(w.servers, s)
	return nil
}
