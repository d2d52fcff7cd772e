package suspend_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/suspend"
	"prana/tasks"
)

// slots is a hook that refuses what a Redis Cluster would: a script whose keys lie under several hash tags.
type slots struct{ t *testing.T }

var tagOf = regexp.MustCompile(`\{[^}]+\}`)

func (s slots) DialHook(next redis.DialHook) redis.DialHook { return next }

func (s slots) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (s slots) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		args := cmd.Args()
		if n, ok := 0, false; strings.HasPrefix(cmd.Name(), "eval") {
			if n, ok = args[2].(int); !ok {
				s.t.Errorf("a script says that it has %v keys", args[2])
			}
			tags := map[string]bool{}
			for _, key := range args[3 : 3+n] {
				tags[tagOf.FindString(fmt.Sprint(key))] = true
			}
			if len(tags) > 1 {
				s.t.Errorf("a script has keys in several slots: %v", args[3:3+n])
			}
		}
		return next(ctx, cmd)
	}
}

// TestQueuesKeepToTheirSlots: whatever a commit says of named queues, its script stays in the slot of its partition, and
// enqueueing takes a script for each slot.
func TestQueuesKeepToTheirSlots(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	z.redis.AddHook(slots{t})
	s := stepOf(1, flow.StepPending)
	asleep := waits(2, flow.Wait{Type: flow.Delay, Timer: true, In: time.Hour})
	ch := z.birth("queued", s, asleep)
	own, slow := dispatchOf(ch.Execution, s), dispatchOf(ch.Execution, s)
	slow.Queue = "slow"
	later := dispatchOf(ch.Execution, asleep)
	later.Queue, later.In = "slow", time.Hour
	ch.Dispatch = []flow.Dispatch{own, slow, later}
	z.commit(ch)
	fast := slow
	fast.Queue = "fast"
	z.must(z.store.Enqueue(t.Context(), slow, own, fast, later))
	for _, queue := range []string{"prana-0", "prana-0.slow", "prana-0.fast"} {
		if n := z.redis.LLen(t.Context(), "asynq:{"+queue+"}:pending").Val(); n == 0 {
			t.Errorf("nothing waits in %s", queue)
		}
	}
}

// TestAuditKnowsQueues: a pending step has its task where its node or its execution says, and nowhere else.
func TestAuditKnowsQueues(t *testing.T) {
	t.Parallel()
	z := newZoo(t, real(t))
	inQueue := *definition
	inQueue.Nodes = slices.Clone(definition.Nodes)
	inQueue.Nodes[2].Settings.Queue = "fast"
	if _, err := z.store.PutWorkflow(t.Context(), &inQueue, "v2"); err != nil {
		t.Fatal(err)
	}
	a, b := stepOf(1, flow.StepPending), stepOf(2, flow.StepPending)
	ch := z.birth("queued", a, b)
	ch.Head.Version, ch.Head.Queue = "v2", "slow"
	da, db := dispatchOf(ch.Execution, a), dispatchOf(ch.Execution, b)
	da.Queue, db.Queue = "slow", "fast"
	ch.Dispatch = []flow.Dispatch{da, db}
	z.commit(ch)
	z.must(z.store.Enqueue(t.Context(), da, db))
	for _, d := range ch.Dispatch { // long in its queue
		z.must(z.store.Settle(t.Context(), flow.DueEntry{Execution: d.Execution, Kind: flow.DueStep, Step: d.Step}, 5*time.Minute, "look5"))
	}
	if found := z.audited(); len(found) > 0 {
		t.Errorf("with both tasks there it found %q", found)
	}
	z.must(z.redis.Del(t.Context(), "asynq:{prana-0.fast}:t:"+tasks.TaskID(db)).Err())
	if found := z.audited(); len(found) != 1 || !strings.Contains(found[0], "step 2.000 is pending without a task") {
		t.Errorf("without the task of step 2.000 it found %q", found)
	}
}

func (z *zoo) audited() []string {
	z.Helper()
	a, err := z.store.Audit(z.Context(), 0, suspend.AuditOptions{})
	z.must(err)
	var all []string
	for _, f := range a.Findings {
		all = append(all, f.Message)
	}
	return all
}
