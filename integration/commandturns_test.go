package integration

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"prana/engine/interleavetest"
)

// turns makes every command of a client a scheduling point.
type turns struct {
	cut
	order *interleavetest.Schedule
}

// ProcessHook has a command wait for its turn.
func (g *turns) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return g.wait(ctx, cmd.Name(), func() error { return next(ctx, cmd) })
	}
}

// ProcessPipelineHook has a pipeline wait for its turn.
func (g *turns) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		return g.wait(ctx, "pipeline", func() error { return next(ctx, cmds) })
	}
}

func (g *turns) wait(ctx context.Context, name string, do func() error) error {
	return g.order.Around(ctx, interleavetest.Call{Name: name, Reads: ^interleavetest.Thing(0), Writes: ^interleavetest.Thing(0)}, do)
}

// TestCommandsInTurn runs two operations beside each other, command by command, in all orders with at most two preemptions.
func TestCommandsInTurn(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{{"subscribe", "publish"}, {"publish", "cancel"}, {"publish", "resume"}, {"publish", "timeout"}, {"cancel", "timeout"}, {"call", "cancel"}} {
		t.Run(strings.Join(pair[:], ", "), func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.crash(pair, 0, &cut{}) // so that the server knows all scripts
			tally := map[string]int{}
			tree := interleavetest.Bounded(interleavetest.InRealTime, 2)
			for tree.Next() && !t.Failed() {
				order := tree.Schedule()
				tally[d.inTurn(pair, order)]++
				tree.Done(order)
			}
			t.Logf("%d orders: %v", tree.Runs, tally)
			if pair[0] != "subscribe" && len(tally) < 2 {
				t.Errorf("the winner was always the same: %v", tally)
			}
		})
	}
}

// inTurn runs one order, and tells who won.
func (d *desk) inTurn(pair [2]string, order *interleavetest.Schedule) string {
	d.Helper()
	id, task := d.untilItWaits(pair)
	var ops []interleavetest.Op
	var mu sync.Mutex
	told := map[string]bool{}
	for _, name := range pair {
		client := d.client(d.redis.Options().DB)
		client.AddHook(&turns{order: order})
		_, e := d.process(client)
		ops = append(ops, interleavetest.Op{Name: name, Run: func(ctx context.Context) {
			won := crashing[name](ctx, d, e, id, task)
			mu.Lock()
			told[name] = won
			mu.Unlock()
			e.Wait()
			_ = client.Close()
		}})
	}
	order.Run(d.Context(), ops...)
	return d.wantOneEnd(order.Taken(), id, pair, told)
}
