package failpoints

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/handlers/worker"
	"prana/tasks"
)

// crew is the product's own worker in a process, one task at a time.
type crew struct {
	*worker.Worker
	waker   *tasks.Waker
	process *process
	running atomic.Int32

	mu   sync.Mutex
	done []flow.Dispatch
}

// RunStep has the engine run a step.
func (c *crew) RunStep(ctx context.Context, d flow.Dispatch) error {
	c.running.Add(1)
	defer c.running.Add(-1)
	c.mu.Lock()
	c.done = append(c.done, d)
	c.mu.Unlock()
	return c.process.engine.RunStep(ctx, d)
}

// engage gives the process a worker, which takes along what commits bring.
func (s *Stage) engage(client redis.UniversalClient) {
	quiet := slog.New(slog.DiscardHandler)
	c := &crew{process: s.process, waker: tasks.NewWaker(client, tasks.WakerOptions{Logger: quiet})}
	c.Worker = worker.New(worker.Config{
		Redis: client, Partitions: []int{0}, Runner: c, Concurrency: 1, Servers: 1, Grace: time.Second, Waker: c.waker, Logger: quiet,
	})
	s.process.worker, s.process.engine = c, s.newEngine(s.process.store, c.waker)
}

// retire ends the worker of the process, if it has one, be it alive or dead.
func (s *Stage) retire() {
	if s.process == nil || s.process.worker == nil {
		return
	}
	c := s.process.worker
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), 5*time.Second)
	defer cancel()
	_ = c.Shutdown(ctx) // a dead one cannot say goodbye
	_ = c.waker.Close()
	s.process.engine.Wait()
	s.process.worker = nil
	s.done = append(s.done, c.done...)
}

// woken wakes the worker of the process.
func (s *Stage) woken(_ int, _ string) {
	if p := s.process; p != nil && p.worker != nil {
		p.worker.waker.Wake(tasks.QueueOf(0))
	}
}

// hasTasks tells whether tasks wait in the queue of the partition.
func (s *Stage) hasTasks() bool { return s.raw.LLen(s.ctx, queues[0]+"pending").Val() > 0 }

// returned holds the tasks that asynq is to bring again.
const returned = "asynq:{prana-0}:retry"

// hasReturned tells whether the time of one of them has come.
func (s *Stage) hasReturned() bool {
	now := strconv.FormatInt(time.Now().Unix(), 10) // asynq goes by the clock of the process
	return s.raw.ZCount(s.ctx, returned, "-inf", now).Val() > 0
}

// forward has asynq bring again what was returned, as it would within seconds.
func (s *Stage) forward() {
	for _, id := range s.raw.ZRange(s.ctx, returned, 0, -1).Val() {
		s.must(s.raw.ZAddXX(s.ctx, returned, redis.Z{Member: id}).Err())
	}
	for began := time.Now(); s.hasReturned(); time.Sleep(time.Millisecond) {
		if s.process.wire.dead() {
			s.boot()
		}
		if time.Since(began) > tooLong {
			s.fail("asynq does not bring a task again")
		}
	}
}

const (
	// calm is how long nothing must happen until nothing more is expected.
	calm = 50 * time.Millisecond
	// tooLong is how long a worker may take for what there is.
	tooLong = 20 * time.Second
)

// letWork waits until the worker has worked off what there is. A task that it never heard of, and that asynq takes for active,
// is no work any more: how long that takes to be sure of, patience tells.
func (s *Stage) letWork() {
	began := time.Now()
	patience := calm
	for last := began; time.Since(last) < patience; time.Sleep(time.Millisecond) {
		p := s.process
		if p.wire.dead() {
			s.boot()
		}
		if p.wire.dead() || p.worker.running.Load() > 0 || p.wire.busy.Load() > 0 || s.hasTasks() {
			last = time.Now()
		}
		if patience = calm; s.isComing() {
			patience = 5 * calm
		}
		if time.Since(began) > tooLong {
			s.fail("the worker does not come to an end")
		}
	}
}

// isComing tells whether a task is active that the worker of the process does not know yet, if it ever will.
func (s *Stage) isComing() bool {
	active := s.raw.LRange(s.ctx, queues[0]+"active", 0, -1).Val()
	known := s.process.worker.known()
	return slices.ContainsFunc(active, func(id string) bool { return !slices.Contains(known, id) })
}

// known lists the tasks that the worker ever ran.
func (c *crew) known() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ids []string
	for _, d := range c.done {
		ids = append(ids, tasks.TaskID(d))
	}
	return ids
}
