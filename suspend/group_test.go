package suspend_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
	"prana/suspend"
	"prana/tasks"
)

// hangs is a hook that holds back what concerns a partition, until it is told to let it go.
type hangs struct {
	partition string
	came      chan struct{}
	release   chan struct{}
}

func (h hangs) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h hangs) hold(cmds ...redis.Cmder) {
	for _, c := range cmds {
		if strings.Contains(fmt.Sprint(c.Args()...), h.partition) {
			h.came <- struct{}{}
			<-h.release
			return
		}
	}
}

func (h hangs) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.hold(cmd)
		return next(ctx, cmd)
	}
}

func (h hangs) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		h.hold(cmds...)
		return next(ctx, cmds)
	}
}

// underWay is how many requests a partition has at a time.
const underWay = 4

// hanging is a store of whose first partition all requests are under way that may be, and get no answer until release.
func hanging(t *testing.T) (s *suspend.Store, c *redis.Client, release func()) {
	t.Helper()
	c = real(t)
	h := hangs{"{prana-0}", make(chan struct{}, 100), make(chan struct{})}
	c.AddHook(h)
	s = suspend.New(c, tasks.Encoder{}, suspend.Options{Partitions: 2})
	ended := make(chan error, underWay)
	for range underWay {
		go func() {
			_, err := s.Load(t.Context(), flow.NewExecutionID(0), flow.Want{})
			ended <- err
		}()
		<-h.came
	}
	return s, c, func() {
		close(h.release)
		for range underWay {
			if err := <-ended; !errors.Is(err, flow.ErrNotFound) {
				t.Errorf("what was held back came to %v", err)
			}
		}
	}
}

func bornIn(partition int) *flow.Change {
	s := &flow.Step{Status: flow.StepPending, Token: flow.NewToken()}
	return &flow.Change{
		Execution: flow.NewExecutionID(partition), Op: flow.NewToken(), Head: &flow.Head{Workflow: "w", Version: "v"}, Front: flow.Front{Status: flow.Running},
		Steps: []*flow.Step{s},
	}
}

// TestAPartitionThatHangsHoldsUpNoOther: what is asked of the others is answered.
func TestAPartitionThatHangsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	s, _, release := hanging(t)
	defer release()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.Commit(ctx, bornIn(1)); err != nil {
		t.Error(err)
	}
}

// TestWhoGaveUpIsNotServed: a request whose caller went away before it was sent never is.
func TestWhoGaveUpIsNotServed(t *testing.T) {
	t.Parallel()
	s, c, release := hanging(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	gone := bornIn(0)
	if err := s.Commit(ctx, gone); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("who gives up is told %v", err)
	}
	release()
	if err := s.Commit(t.Context(), bornIn(0)); err != nil { // after whatever waited
		t.Error(err)
	}
	if n := c.Exists(t.Context(), "{prana-0}:x:"+gone.Execution).Val(); n != 0 {
		t.Error("it was stored nevertheless")
	}
}
