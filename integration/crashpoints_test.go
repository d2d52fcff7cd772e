package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"prana/engine"
	"prana/engine/interleavetest"
)

// cut breaks off one command of a client.
type cut struct {
	mu    sync.Mutex
	at    int // number of the command, from 1; 0 = none
	fault interleavetest.Fault
	seen  int
	dead  bool
}

var (
	errCut  = &net.OpError{Op: "read", Err: errors.New("the connection broke")} // who hears it tries again
	errDead = errors.New("the process is dead")                                 // nobody hears it
)

// DialHook changes nothing.
func (*cut) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook breaks off a command.
func (c *cut) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return c.around(cmd.SetErr, func() error { return next(ctx, cmd) })
	}
}

// ProcessPipelineHook breaks off a pipeline.
func (c *cut) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		return c.around(func(err error) {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
		}, func() error { return next(ctx, cmds) })
	}
}

func (c *cut) around(fail func(error), do func() error) error {
	c.mu.Lock()
	c.seen++
	hit := c.seen == c.at
	dies := hit && c.fault == interleavetest.Dies
	c.dead = c.dead || dies
	gone := c.dead
	c.mu.Unlock()
	switch {
	case gone:
		fail(errDead)
		return errDead
	case hit:
		_ = do()
		fail(errCut)
		return errCut
	}
	return do()
}

// TestCrashAtEachCommand has two operations follow one another, in both orders, while one of them is broken off at each of its
// Redis commands: before the command, or once it is done and its answer is lost. Repeating both, as their senders do, leads to
// one end, and the event is somewhere exactly once.
func TestCrashAtEachCommand(t *testing.T) {
	t.Parallel()
	pairs := [][2]string{
		{"subscribe", "publish"},
		{"publish", "subscribe"},
		{"subscribe", "cancel"},
		{"subscribe", "timeout"},
		{"subscribe", "resume"},
		{"resume", "subscribe"},
		{"letter", "subscribe"},
		{"publish", "cancel"},
		{"cancel", "publish"},
		{"resume", "publish"},
		{"publish", "resume"},
		{"cancel", "resume"},
		{"resume", "cancel"},
		{"timeout", "publish"},
		{"publish", "timeout"},
		{"timeout", "cancel"},
		{"cancel", "timeout"},
		{"timeout", "resume"},
		{"resume", "timeout"},
		{"subscribe", "call"},
		{"call", "cancel"},
		{"call", "publish"},
		{"timeout", "call"},
		{"call", "timeout"},
	}
	for _, pair := range pairs {
		t.Run(strings.Join(pair[:], ", "), func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			for place, name := range pair {
				runs, winners := d.crashEverywhere(pair, place)
				t.Logf("%s broken off in %d runs: %v", name, runs, winners)
			}
		})
	}
}

// crashEverywhere breaks off one of the pair at each of its commands, and tells who won.
func (d *desk) crashEverywhere(pair [2]string, place int) (runs int, winners map[string]int) {
	d.Helper()
	winners = map[string]int{}
	for _, fault := range []interleavetest.Fault{interleavetest.Dies, interleavetest.Loses} {
		for at, more := 1, true; more; at++ {
			var winner string
			more, winner = d.crash(pair, place, &cut{at: at, fault: fault})
			winners[winner]++
			runs++
		}
	}
	return runs, winners
}

// crash breaks off one of the pair; more is false when it makes fewer commands.
func (d *desk) crash(pair [2]string, place int, c *cut) (more bool, winner string) {
	d.Helper()
	id, task := d.untilItWaits(pair)
	client := d.client(d.redis.Options().DB)
	client.AddHook(c)
	engines := [2]*engine.Engine{d.engine, d.engine}
	_, engines[place] = d.process(client)
	told := map[string]bool{}
	for i, name := range pair {
		told[name] = crashing[name](d.Context(), d, engines[i], id, task)
		engines[i].Wait()
	}
	more = c.seen >= c.at
	_ = client.Close()
	return more, d.wantOneEnd(fmt.Sprintf("%v, %s command %d of %s", pair, c.fault, c.at, pair[place]), id, pair, told)
}
