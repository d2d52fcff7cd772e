package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"prana/engine"
	"prana/engine/flow"
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

// crashing are the operations that are broken off. The step that waits is t.
var crashing = map[string]func(ctx context.Context, e *engine.Engine, id string, t flow.Dispatch){
	"subscribe": func(ctx context.Context, e *engine.Engine, _ string, t flow.Dispatch) { _ = e.RunStep(ctx, t) },
	"publish": func(ctx context.Context, e *engine.Engine, _ string, _ flow.Dispatch) {
		_, _ = e.Publish(ctx, flow.Event{ID: "e1", Type: "go", Data: []byte(`{"a":1}`)})
	},
	"cancel": func(ctx context.Context, e *engine.Engine, id string, _ flow.Dispatch) {
		_ = e.Cancel(ctx, flow.CancelRequest{Execution: id, ID: "c1"})
	},
	"resume": func(ctx context.Context, e *engine.Engine, id string, _ flow.Dispatch) {
		_, _ = e.Resume(ctx, flow.ResumeRequest{Execution: id, Node: "w", ID: "r1"})
	},
}

// TestCrashAtEachCommand has two operations follow one another, in both orders, while the first is broken off at each of its
// Redis commands: before the command, or once it is done and its answer is lost. Repeating both, as their senders do, leads to
// one end, and the event is somewhere exactly once.
func TestCrashAtEachCommand(t *testing.T) {
	t.Parallel()
	pairs := [][2]string{
		{"subscribe", "publish"},
		{"publish", "subscribe"},
		{"subscribe", "cancel"},
		{"publish", "cancel"},
		{"cancel", "publish"},
		{"resume", "publish"},
		{"publish", "resume"},
		{"cancel", "resume"},
		{"resume", "cancel"},
	}
	for _, pair := range pairs {
		t.Run(strings.Join(pair[:], ", "), func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			runs, tally := 0, map[string]int{}
			for _, fault := range []interleavetest.Fault{interleavetest.Dies, interleavetest.Loses} {
				for at, more := 1, true; more; at++ {
					var winner string
					more, winner = d.crash(pair, &cut{at: at, fault: fault})
					tally[winner]++
					runs++
				}
			}
			t.Logf("%d runs: %v", runs, tally)
		})
	}
}

// crash breaks off the first of the pair; more is false when it makes fewer commands.
func (d *desk) crash(pair [2]string, c *cut) (more bool, winner string) {
	d.Helper()
	id, task := d.untilItWaits(pair)
	client := d.client(d.redis.Options().DB)
	client.AddHook(c)
	_, broken := d.process(client)
	crashing[pair[0]](d.Context(), broken, id, task)
	broken.Wait()
	crashing[pair[1]](d.Context(), d.engine, id, task)
	d.engine.Wait()
	more = c.seen >= c.at
	_ = client.Close()
	return more, d.wantOneEnd(fmt.Sprintf("%v, %s command %d", pair, c.fault, c.at), id, pair)
}

// untilItWaits starts an execution whose wait stands, or is about to begin if that is one of the operations.
func (d *desk) untilItWaits(pair [2]string) (id string, task flow.Dispatch) {
	d.Helper()
	d.empty()
	d.deploy(waitsForAnEvent)
	id = d.start("waits")
	first, _ := d.next()
	if err := d.engine.RunStep(d.Context(), first); err != nil {
		d.Fatal(err)
	}
	task, _ = d.next()
	if !slices.Contains(pair[:], "subscribe") {
		crashing["subscribe"](d.Context(), d.engine, id, task)
		d.engine.Wait()
	}
	return id, task
}

// wantOneEnd repeats what senders repeat, lets the wait end by hand if nothing else did, and looks who won.
func (d *desk) wantOneEnd(what, id string, pair [2]string) string {
	d.Helper()
	d.expireLeases(id)
	if slices.Contains(pair[:], "publish") {
		crashing["publish"](d.Context(), d.engine, id, flow.Dispatch{})
	}
	for _, again := range pair {
		if again == "cancel" || again == "resume" {
			crashing[again](d.Context(), d.engine, id, flow.Dispatch{})
		}
	}
	v := d.over(id)
	winner := string(v.Status)
	for _, n := range v.Nodes {
		if n.Node == "w" && n.ResumedBy != "" {
			winner = n.ResumedBy
		}
	}
	if slices.Contains(pair[:], "publish") {
		later := d.start("waits")
		d.work()
		if kept := d.view(later).Status == flow.Completed; kept == (winner == flow.ByEvent) {
			d.Errorf("%s: the wait was ended by %s, and a later one took the event: %v", what, winner, kept)
		}
		_ = d.engine.Cancel(d.Context(), flow.CancelRequest{Execution: later})
	}
	d.wantNone(map[flow.SuspensionID]string{{Execution: id, Step: flow.StepID{Node: 1}, Turn: 1}: "no token"})
	return winner
}

// expireLeases does what ten seconds do: the step is looked at, and another publisher may take over.
func (d *desk) expireLeases(id string) {
	d.Helper()
	ctx := d.Context()
	if err := d.redis.ZAddArgs(ctx, "{prana-0}:due", redis.ZAddArgs{XX: true, Members: []redis.Z{{Score: 1, Member: id + ":1.000"}}}).Err(); err != nil {
		d.Fatal(err)
	}
	for _, e := range d.dump() {
		if e.field == "lease" {
			if err := d.redis.HSet(ctx, e.key, "lease", 1).Err(); err != nil {
				d.Fatal(err)
			}
		}
	}
}

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
	for _, pair := range [][2]string{{"subscribe", "publish"}, {"publish", "cancel"}, {"publish", "resume"}} {
		t.Run(strings.Join(pair[:], ", "), func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.crash(pair, &cut{}) // so that the server knows all scripts
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
	for _, name := range pair {
		client := d.client(d.redis.Options().DB)
		client.AddHook(&turns{order: order})
		_, e := d.process(client)
		ops = append(ops, interleavetest.Op{Name: name, Run: func(ctx context.Context) {
			crashing[name](ctx, e, id, task)
			e.Wait()
			_ = client.Close()
		}})
	}
	order.Run(d.Context(), ops...)
	return d.wantOneEnd(order.Taken(), id, pair)
}
