package worker

import (
	"context"
	"log/slog"

	"github.com/hibiken/asynq"

	"prana/engine/flow"
	"prana/tasks"
)

// steps hands the tasks of steps, from whatever queue, to the engine.
type steps struct {
	runner Runner
	calls  *calls
	log    *slog.Logger
	again  *attempts
	slots  *tasks.Slots // each task that comes took one
}

// handler is steps for the tasks of one server.
type handler struct {
	*steps
	client *tasks.Client
}

// ProcessTask runs one step. Its error makes asynq bring the hint again; only
// what cannot be read is archived.
func (s handler) ProcessTask(task context.Context, t *asynq.Task) error {
	defer s.slots.Free()
	d, err := tasks.ReadStep(t)
	if err != nil {
		id, _ := asynq.GetTaskID(task)
		s.log.ErrorContext(task, "a step's task cannot be read and was archived", "task", id, "error", err)
		return refused{err}
	}
	key := tasks.TaskID(d)
	err = s.calls.run(task, s.log, func(ctx context.Context) error { return s.runner.RunStep(s.client.Holding(ctx), d) })
	if err == nil {
		s.again.forget(key)
		return nil
	}
	return s.later(task, key, d, err)
}

func (s *steps) later(task context.Context, key string, d flow.Dispatch, err error) error {
	if s.calls.stopping() {
		return err
	}
	n := s.again.next(key)
	s.log.WarnContext(task, "a step could not be decided and is tried again",
		"execution", d.Execution, "step", d.Step.String(), "attempt", n, "error", err)
	return &undecided{err: err, attempt: n}
}
