package worker

import (
	"context"
	"slices"
	"time"

	"prana/engine/flow"
	"prana/tasks"
)

// learnEvery is how soon a queue is served that came to be while the worker runs.
const learnEvery = 2 * time.Second

// serves tells whether the configuration says so from the start.
func (c *Config) serves(name string) bool {
	return len(c.Queues) == 0 && name == flow.DefaultQueue || slices.Contains(c.Queues, name)
}

// named lists the named queues that the configuration asks for.
func (c *Config) named() []string {
	return slices.DeleteFunc(slices.Clone(c.Queues), func(name string) bool { return name == flow.DefaultQueue })
}

// queuesOf gives asynq's queues of a name, one for each partition.
func (c *Config) queuesOf(name string) []string {
	var queues []string
	for _, p := range c.Partitions {
		queues = append(queues, tasks.NamedQueue(p, name))
	}
	return queues
}

// learn serves named queues as they become known, if the worker is to serve all. asynq's servers keep to the queues that
// they began with, so that each new name gets a server of its own.
func (w *Worker) learn() {
	if len(w.cfg.Queues) > 0 || len(w.cfg.Partitions) == 0 || w.cfg.Known == nil {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	w.stopLearning = stop
	w.learning.Go(func() {
		tick := time.NewTicker(learnEvery)
		defer tick.Stop()
		served := map[string]bool{}
		for ctx.Err() == nil {
			if err := w.serveNew(ctx, served); err != nil && ctx.Err() == nil {
				w.cfg.Logger.WarnContext(ctx, "looking for new queues failed; it is tried again", "error", err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
}

// serveNew starts a server for each name that has none.
func (w *Worker) serveNew(ctx context.Context, served map[string]bool) error {
	names, err := w.cfg.Known(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if served[name] {
			continue
		}
		if err := tasks.Ensure(ctx, w.cfg.Redis, w.cfg.queuesOf(name)...); err != nil {
			return err
		}
		if err := w.serveNamed(name); err != nil {
			return err
		}
		served[name] = true
		w.cfg.Logger.InfoContext(ctx, "a named queue is served", "queue", name)
	}
	return nil
}
