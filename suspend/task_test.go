package suspend_test

import (
	"context"
	"sync"
	"testing"
	"time"

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

// TestATaskThatStandsNowhereIsMissing: who deletes one of asynq's lists, and not the tasks themselves, leaves tasks that say that
// they stand in it. Nobody would run them, and no other could be written in their place.
func TestATaskThatStandsNowhereIsMissing(t *testing.T) {
	t.Parallel()
	key := "asynq:{prana-0}:"
	for state, stand := range map[string]func(z *zoo, id string) error{
		"pending":   func(z *zoo, id string) error { return z.redis.LPush(z.Context(), key+"pending", id).Err() },
		"active":    func(z *zoo, id string) error { return z.redis.LPush(z.Context(), key+"active", id).Err() },
		"scheduled": func(z *zoo, id string) error { return z.redis.ZAdd(z.Context(), key+"scheduled", leaseOf(id)).Err() },
		"retry":     func(z *zoo, id string) error { return z.redis.ZAdd(z.Context(), key+"retry", leaseOf(id)).Err() },
	} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			z := newZoo(t, real(t))
			ch := z.birth("nowhere", stepOf(1, flow.StepPending))
			d := dispatchOf(ch.Execution, ch.Steps[0])
			z.commit(ch)
			id := tasks.TaskID(d)
			z.must(z.redis.HSet(z.Context(), key+"t:"+id, "msg", "m", "state", state).Err())
			z.must(stand(z, "another"))
			z.must(stand(z, id))
			if got, err := z.store.Task(z.Context(), d); err != nil || string(got) != state {
				t.Fatalf("where it stands it is %s, %v", got, err)
			}
			z.must(z.redis.Del(z.Context(), key+state).Err())
			z.must(stand(z, "another"))
			if got, err := z.store.Task(z.Context(), d); err != nil || got != flow.TaskMissing {
				t.Errorf("where it stands no more it is %s, %v", got, err)
			}
			z.must(z.store.Enqueue(z.Context(), d))
			if got, err := z.store.Task(z.Context(), d); err != nil || got != flow.TaskPending {
				t.Errorf("written anew it is %s, %v", got, err)
			}
		})
	}
}

// TestATaskThatWasTakenWithoutItsMessageIsMissing: who deletes a task and not its list leaves an id that asynq takes, with nothing
// to run. That is no worker that died.
func TestATaskThatWasTakenWithoutItsMessageIsMissing(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	s := stepOf(1, flow.StepPending)
	d := dispatchOf(z.begun(s).ID, s)
	z.must(z.redis.HDel(z.Context(), "asynq:{prana-0}:t:"+tasks.TaskID(d), "msg").Err()) // asynq's Dequeue sets the state of what is not there
	if got, err := z.store.Task(z.Context(), d); err != nil || got != flow.TaskMissing {
		t.Errorf("it is %s, %v", got, err)
	}
	if left := z.redis.Exists(z.Context(), "asynq:{prana-0}:active", "asynq:{prana-0}:lease").Val(); left != 0 {
		t.Errorf("it is still among those that are being worked on")
	}
}

// TestWhatEndsLeavesNoTaskThatStandsNowhere: a step whose task or alarm lost its list takes what is left of it along when it ends.
func TestWhatEndsLeavesNoTaskThatStandsNowhere(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	a := stepOf(1, flow.StepPending)
	x := z.begun(a)
	sleeps := stepOf(2, flow.StepSuspended)
	sleeps.Wait = &flow.Wait{Type: flow.Delay, Timer: true, In: time.Hour}
	ch := z.passing(x, a, sleeps)
	ch.Dispatch[0].In, ch.Handover = time.Hour, nil
	alarm := ch.Dispatch[0]
	z.must(z.redis.Del(z.Context(), "asynq:{prana-0}:active").Err())
	z.commit(ch)
	if n := z.redis.Exists(z.Context(), ch.Ends[0].Acknowledged, "asynq:{prana-0}:t:"+tasks.TaskID(ch.Ends[0].Dispatch)).Val(); n != 0 {
		t.Errorf("the task of the step that ended is still there")
	}
	x, err := z.store.Load(z.Context(), x.ID, flow.Want{All: true})
	z.must(err)
	awake := *sleeps
	awake.Status, awake.Wait = flow.StepCompleted, nil
	z.must(z.redis.Del(z.Context(), "asynq:{prana-0}:scheduled").Err())
	z.commit(&flow.Change{
		Execution: x.ID, Workflow: x.Workflow, Op: flow.NewToken(), Prev: x.Rev, Was: x.Status, Front: x.Front, Steps: []*flow.Step{&awake},
		Closed: []flow.Closed{{ID: flow.SuspensionID{Execution: x.ID, Step: sleeps.ID, Turn: sleeps.Turn}, Type: flow.Delay, Alarm: &alarm}},
	})
	if left := z.redis.Keys(z.Context(), "asynq:{prana-0}:t:*").Val(); len(left) != 0 {
		t.Errorf("tasks are left: %v", left)
	}
}
