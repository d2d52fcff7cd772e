package suspend_test

import (
	"context"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/tasks"
)

// afterFirst does something once the first command was answered.
type afterFirst struct {
	once *sync.Once
	do   func()
}

func (afterFirst) DialHook(next redis.DialHook) redis.DialHook { return next }

func (afterFirst) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h afterFirst) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		h.once.Do(h.do)
		return err
	}
}

// TestATaskThatIsTakenIsNoGhost: a worker that takes the last task of a queue while the sweeper looks for it is not taken for a
// queue that lost it, which would have the step run twice. Found with replies that came 200 ms late.
func TestATaskThatIsTakenIsNoGhost(t *testing.T) {
	t.Parallel()
	c := real(t)
	z := newZoo(t, c)
	ch := z.birth("taken", stepOf(1, flow.StepPending))
	d := dispatchOf(ch.Execution, ch.Steps[0])
	ch.Dispatch = []flow.Dispatch{d}
	z.commit(ch)
	if state, err := z.store.Task(t.Context(), d); err != nil || state != flow.TaskPending {
		t.Fatalf("at first it is %s, %v", state, err)
	}
	worker := redis.NewClient(c.Options())
	defer func() { z.must(worker.Close()) }()
	key := "asynq:{prana-0}:"
	c.AddHook(afterFirst{new(sync.Once), func() { // as asynq's Dequeue does
		z.must(worker.LMove(t.Context(), key+"pending", key+"active", "RIGHT", "LEFT").Err())
		z.must(worker.HSet(t.Context(), key+"t:"+tasks.TaskID(d), "state", "active").Err())
	}})
	state, err := z.store.Task(t.Context(), d)
	z.must(err)
	if state != flow.TaskPending {
		t.Errorf("the task is %s", state)
	}
	if state, err = z.store.Task(t.Context(), d); err != nil || state != flow.TaskActive {
		t.Errorf("at last it is %s, %v", state, err)
	}
}
