package suspend_test

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"

	"prana/engine/flow"
)

// TestOutboxFilledMeanwhile: a debt that comes while an empty outbox is read keeps its line.
func TestOutboxFilledMeanwhile(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c *redis.Client) {
		z := newZoo(t, c)
		z.commit(z.birth(ran, stepOf(1, flow.StepPending)))
		owing := z.next(ran)
		owing.Outbox = []flow.Outgoing{{ID: "1", Kind: flow.SendAlert}}
		c.AddHook(afterRead(func() { z.commit(owing) }))
		if _, err := z.store.Outbox(t.Context(), animal(ran)); err != nil {
			t.Fatal(err)
		}
		if err := c.ZScore(t.Context(), due, animal(ran)+":>").Err(); err != nil {
			t.Errorf("the line of the outbox is gone: %v", err)
		}
	})
}

// afterRead calls a function once a hash was read whole.
type afterRead func()

func (f afterRead) DialHook(next redis.DialHook) redis.DialHook { return next }

func (f afterRead) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if cmd.Name() == "hgetall" {
			f()
		}
		return err
	}
}

func (f afterRead) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
