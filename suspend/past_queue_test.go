package suspend_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/tasks"
)

// passing is the change by which a step completes and another one follows, whose task is to be taken along.
func (z *zoo) passing(x *flow.Execution, done, follows *flow.Step) *flow.Change {
	d := dispatchOf(x.ID, follows)
	d.First = true
	completed := *done
	completed.Status = flow.StepCompleted
	return &flow.Change{
		Execution: x.ID, Workflow: x.Workflow, Op: flow.NewToken(), Prev: x.Rev, Was: x.Status, Front: x.Front, Steps: []*flow.Step{&completed, follows},
		Dispatch: []flow.Dispatch{d}, Handover: &flow.Handover{}, Ends: []flow.End{{Dispatch: dispatchOf(x.ID, done)}},
	}
}

// begun stores an execution whose one step is being worked on, and gives it.
func (z *zoo) begun(s *flow.Step) *flow.Execution {
	z.Helper()
	ch := z.birth("begun", s)
	d := dispatchOf(ch.Execution, s)
	ch.Dispatch = []flow.Dispatch{d}
	z.commit(ch)
	id := tasks.TaskID(d)
	z.must(tasks.Ensure(z.Context(), z.redis, "prana-0"))
	key := "asynq:{prana-0}:"
	z.must(z.redis.LMove(z.Context(), key+"pending", key+"active", "RIGHT", "LEFT").Err()) // as asynq's Dequeue does
	z.must(z.redis.HSet(z.Context(), key+"t:"+id, "state", "active").Err())
	z.must(z.redis.ZAdd(z.Context(), key+"lease", leaseOf(id)).Err())
	x, err := z.store.Load(z.Context(), ch.Execution, flow.Want{All: true})
	z.must(err)
	return x
}

// TestACommitDoesTheQueuesWork: the task that it ends is acknowledged and the next one stands among those that are being
// worked on, as asynq itself sees it.
func TestACommitDoesTheQueuesWork(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	look := asynq.NewInspectorFromRedisClient(z.redis)
	a, b := stepOf(1, flow.StepPending), stepOf(2, flow.StepPending)
	ch := z.passing(z.begun(a), a, b)
	z.commit(ch)
	h := ch.Handover
	if !h.Taken || h.Task.ID != tasks.TaskID(ch.Dispatch[0]) || ch.Ends[0].Acknowledged == "" || time.Since(ch.At).Abs() > time.Minute {
		t.Errorf("the commit says %+v, %+v", h, ch.Ends[0])
	}
	active, err := look.ListActiveTasks("prana-0")
	z.must(err)
	if len(active) != 1 || active[0].ID != h.Task.ID || active[0].IsOrphaned || active[0].Type != tasks.TypeStep {
		t.Errorf("asynq sees %+v being worked on", active)
	}
	info, err := look.GetQueueInfo("prana-0")
	z.must(err)
	if info.Pending != 0 || info.Active != 1 || info.Failed != 0 {
		t.Errorf("asynq sees the queue as %+v", info)
	}
	lease := z.redis.ZScore(z.Context(), h.Task.Lease, h.Task.ID).Val()
	if in := time.Until(time.Unix(int64(lease), 0)); in < 25*time.Second || in > 31*time.Second {
		t.Errorf("the lease ends in %s", in)
	}
	if n := z.redis.Exists(z.Context(), ch.Ends[0].Acknowledged).Val(); n != 0 {
		t.Errorf("the task that is over still stands in %s", ch.Ends[0].Acknowledged)
	}
}

// TestARepeatedCommitTakesTheSame: whose first reply was lost has the task that it took, unless that is gone; nothing is done twice.
func TestARepeatedCommitTakesTheSame(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	a, b := stepOf(1, flow.StepPending), stepOf(2, flow.StepPending)
	ch := z.passing(z.begun(a), a, b)
	z.commit(ch)
	for _, gone := range []bool{false, true} {
		again := *ch
		again.Handover, again.Ends, again.At = &flow.Handover{}, slices.Clone(ch.Ends), time.Time{}
		again.Ends[0].Acknowledged = ""
		if gone {
			z.must(z.redis.Del(t.Context(), ch.Handover.Task.Key).Err())
		}
		z.commit(&again)
		if h := again.Handover; h.Taken == gone || !again.At.IsZero() || again.Ends[0].Acknowledged == "" {
			t.Errorf("while the task is gone: %v, the repetition says taken %v at %s, and %q is acknowledged", gone, h.Taken, again.At, again.Ends[0].Acknowledged)
		}
	}
}

// TestAPausedQueueGivesNothingAway: the next task waits in its queue, ahead of others.
func TestAPausedQueueGivesNothingAway(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	a, b := stepOf(1, flow.StepPending), stepOf(2, flow.StepPending)
	x := z.begun(a)
	look := asynq.NewInspectorFromRedisClient(z.redis)
	z.must(look.PauseQueue("prana-0"))
	ch := z.passing(x, a, b)
	z.commit(ch)
	if ch.Handover.Taken || ch.Ends[0].Acknowledged == "" {
		t.Errorf("the commit says %+v, %+v", ch.Handover, ch.Ends[0])
	}
	info, err := look.GetQueueInfo("prana-0")
	z.must(err)
	if info.Pending != 1 || info.Active != 0 {
		t.Errorf("asynq sees the queue as %+v", info)
	}
}

// TestACommitPullsFromTheQueue: who becomes free gets what is first in the queue, as asynq's Dequeue gives it; what is paused stays, and a line without
// its task is dropped.
func TestACommitPullsFromTheQueue(t *testing.T) {
	t.Parallel()
	for _, paused := range []bool{false, true} {
		z := newZoo(t, real(t))
		look := asynq.NewInspectorFromRedisClient(z.redis)
		a := stepOf(1, flow.StepPending)
		x := z.begun(a)
		var waiting []flow.Dispatch
		for i := range 3 {
			ch := z.birth(fmt.Sprint("waits", i), stepOf(i, flow.StepPending))
			ch.Dispatch = []flow.Dispatch{dispatchOf(ch.Execution, ch.Steps[0])}
			waiting = slices.Insert(waiting, 0, ch.Dispatch[0]) // which goes ahead of the one before
			z.commit(ch)
		}
		z.must(z.redis.RPush(t.Context(), "asynq:{prana-0}:pending", "nothing").Err())
		if paused {
			z.must(look.PauseQueue("prana-0"))
		}
		ch := z.passing(x, a, stepOf(2, flow.StepPending))
		ch.Dispatch, ch.Handover, ch.Pull = nil, nil, &flow.Pull{Most: 3}
		z.commit(ch)
		var got, want []string
		for _, task := range ch.Pull.Tasks {
			got = append(got, task.ID)
			written, err := tasks.Encoder{}.Encode(waiting[len(got)-1])
			z.must(err)
			if task.Key != written.Key || string(task.Message) != string(written.Message) || task.Active != written.Active {
				t.Errorf("pulled %+v, of %+v", task, written)
			}
			lease := z.redis.ZScore(t.Context(), task.Lease, task.ID).Val()
			if in := time.Until(time.Unix(int64(lease), 0)); in < 25*time.Second || in > 31*time.Second {
				t.Errorf("the lease of what was pulled ends in %s", in)
			}
		}
		if !paused {
			want = []string{tasks.TaskID(waiting[0]), tasks.TaskID(waiting[1])} // the third one would be beyond the line that is dropped
		}
		if !slices.Equal(got, want) || ch.Ends[0].Acknowledged == "" {
			t.Errorf("while paused is %v the commit pulled %q, want %q, and acknowledged %q", paused, got, want, ch.Ends[0].Acknowledged)
		}
		if n := z.redis.LLen(t.Context(), "asynq:{prana-0}:active").Val(); n != int64(len(want)) {
			t.Errorf("%d tasks are being worked on, want %d", n, len(want))
		}
	}
}

// TestATaskOfAnotherIsNotAcknowledged: one that nobody works on any more, such as after its lease ended, is left alone.
func TestATaskOfAnotherIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	a, b := stepOf(1, flow.StepPending), stepOf(2, flow.StepPending)
	x := z.begun(a)
	key := "asynq:{prana-0}:"
	z.must(z.redis.LMove(t.Context(), key+"active", key+"pending", "RIGHT", "LEFT").Err()) // as asynq's recoverer does
	z.must(z.redis.HSet(t.Context(), key+"t:"+tasks.TaskID(dispatchOf(x.ID, a)), "state", "pending").Err())
	ch := z.passing(x, a, b)
	z.commit(ch)
	if ch.Ends[0].Acknowledged != "" {
		t.Errorf("the commit says %+v", ch.Ends[0])
	}
	if n := z.redis.Exists(t.Context(), key+"t:"+tasks.TaskID(ch.Ends[0].Dispatch)).Val(); n != 1 {
		t.Error("the task is gone")
	}
}

func leaseOf(id string) redis.Z {
	return redis.Z{Member: id, Score: float64(time.Now().Add(30 * time.Second).Unix())}
}

// TestWhatAsynqKeepsIsOnlyAHint: whatever somebody made of a key of asynq's, a commit is stored whole, and the due index brings its
// steps once the key is mended. It was half stored, and its steps were lost.
func TestWhatAsynqKeepsIsOnlyAHint(t *testing.T) {
	t.Parallel()
	for _, list := range []string{"pending", "active", "lease", "scheduled"} {
		for _, past := range []string{"taken along", "pulled", "queued"} {
			t.Run(list+" "+past, func(t *testing.T) {
				t.Parallel()
				onBoth(t, func(t *testing.T, c *redis.Client) {
					z := newZoo(t, c)
					a, b, alarm := stepOf(1, flow.StepPending), stepOf(2, flow.StepPending), stepOf(3, flow.StepPending)
					ch := z.passing(z.begun(a), a, b)
					later := dispatchOf(ch.Execution, alarm)
					later.In = time.Minute
					ch.Steps, ch.Dispatch = append(ch.Steps, alarm), append([]flow.Dispatch{later}, ch.Dispatch...)
					if past != "taken along" {
						ch.Handover = nil
					}
					if past == "pulled" {
						ch.Pull = &flow.Pull{Most: 2}
					}
					z.must(c.Set(t.Context(), "asynq:{prana-0}:"+list, "no list", 0).Err())
					z.commit(ch)
					x, err := z.store.Load(t.Context(), ch.Execution, flow.Want{All: true})
					z.must(err)
					if x.Rev != ch.Op || x.Steps[a.ID].Status != flow.StepCompleted || x.Steps[b.ID] == nil || x.Steps[alarm.ID] == nil {
						t.Errorf("stored is %+v", x)
					}
					for _, s := range []*flow.Step{b, alarm} {
						if err := c.ZScore(t.Context(), due, x.ID+":"+s.ID.String()).Err(); err != nil {
							t.Errorf("nothing brings step %s: %v", s.ID, err)
						}
					}
				})
			})
		}
	}
}
