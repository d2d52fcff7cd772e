package worker

import (
	"errors"
	"time"

	"github.com/hibiken/asynq"

	"prana/engine/flow"
	"prana/tasks"
)

// Intervals of asynq's own loops. The wake-up and the engine's due index do the
// timely part, so all of them can be slow.
const (
	// emptyPause is what asynq sleeps after a dequeue that was held in vain; nothing can end it.
	emptyPause = 2 * time.Millisecond
	// forwardEvery is how often retried hints and overdue alarms are moved, by one server of each queue.
	forwardEvery = 2 * time.Second
	// forwardRarely is for the other servers of the same queue.
	forwardRarely = time.Minute
	// cleanEvery is for asynq's janitor, which has nothing to do: no task is retained.
	cleanEvery = 10 * time.Minute
)

// share is what one server takes.
type share struct {
	queues      []string
	concurrency int
	forwards    bool
}

// shares spreads the partitions and the concurrency over n servers. With at least
// as many servers as partitions each has one queue; otherwise each queue has one server.
func shares(partitions []int, n, concurrency int) []share {
	n = max(1, min(n, concurrency))
	out := make([]share, n)
	for i := range out {
		out[i].concurrency = concurrency / n
		if i < concurrency%n {
			out[i].concurrency++
		}
	}
	for i := range max(n, len(partitions)) {
		s := &out[i%n]
		s.queues = append(s.queues, tasks.QueueOf(partitions[i%len(partitions)]))
		s.forwards = s.forwards || i < len(partitions)
	}
	return out
}

// serveSteps starts the servers of all queues that are known by now, within one bound.
func (w *Worker) serveSteps() error {
	slots := tasks.NewSlots(w.cfg.Concurrency, w.cfg.Weights)
	w.steps = &steps{runner: w.cfg.Runner, calls: w.calls, log: w.cfg.Logger, again: newAttempts(), slots: slots}
	if w.cfg.serves(flow.DefaultQueue) {
		for _, s := range shares(w.cfg.Partitions, w.cfg.Servers, w.cfg.Concurrency) {
			if err := w.serveShare(flow.DefaultQueue, s); err != nil {
				return err
			}
		}
	}
	for _, name := range w.cfg.named() {
		if err := w.serveNamed(name); err != nil {
			return err
		}
	}
	return nil
}

// serveNamed starts the server of a named queue, of all partitions. Any of the process's slots may be its own.
func (w *Worker) serveNamed(name string) error {
	return w.serveShare(name, share{queues: w.cfg.queuesOf(name), concurrency: w.cfg.Concurrency, forwards: true})
}

func (w *Worker) serveShare(name string, s share) error {
	cfg := w.common(s.queues...)
	cfg.Concurrency = s.concurrency
	// Nothing that happens to a hint counts: the engine counts attempts itself.
	cfg.IsFailure = func(error) bool { return false }
	cfg.RetryDelayFunc = hintDelay
	if !s.forwards {
		cfg.DelayedTaskCheckInterval = forwardRarely
	}
	client := w.waker.Client(s.queues...).Within(w.steps.slots, name)
	return w.start(client, cfg, handler{w.steps, client})
}

func (w *Worker) serveIntake() error {
	h := &intake{intaker: w.cfg.Intaker, calls: w.calls, log: w.cfg.Logger}
	cfg := w.common(tasks.IntakeQueue)
	cfg.Concurrency = max(1, w.cfg.Concurrency/4)
	cfg.IsFailure = h.counts
	cfg.RetryDelayFunc = intakeDelay
	return w.start(w.waker.Foreign(tasks.IntakeQueue), cfg, h)
}

func (w *Worker) common(queues ...string) asynq.Config {
	priorities := make(map[string]int, len(queues))
	for _, q := range queues {
		priorities[q] = 1
	}
	return asynq.Config{
		Queues:                   priorities,
		TaskCheckInterval:        emptyPause,
		DelayedTaskCheckInterval: forwardEvery,
		JanitorInterval:          cleanEvery,
		ShutdownTimeout:          w.cfg.Grace + letGo,
		Logger:                   logger{w.cfg.Logger},
		LogLevel:                 asynq.InfoLevel,
	}
}

// leaseLost tells that asynq's lease ran out: its worker died or lost Redis, which is not the message's fault.
func leaseLost(err error) bool { return errors.Is(err, asynq.ErrLeaseExpired) }
