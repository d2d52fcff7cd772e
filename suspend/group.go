package suspend

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// groups are a group for each slot, by its hash tag: a partition that cannot be reached must not hold up the others.
type groups struct {
	redis redis.UniversalClient
	of    sync.Map // hash tag -> *group
}

// run calls a script whose keys lie in a slot, with all the arguments one after the other. Its error is the script's own; that of ctx says nothing of what became of it.
func (g *groups) run(ctx context.Context, slot string, script *redis.Script, keys []string, args ...[]any) ([]any, error) {
	in, ok := g.of.Load(slot)
	if !ok {
		in, _ = g.of.LoadOrStore(slot, &group{redis: g.redis})
	}
	return in.(*group).run(ctx, script, keys, args)
}

// group sends what several steps ask of a slot at the same time together: while as many requests are under way as may be, others wait for the
// next one, which takes as many as it may. Who is alone never waits.
type group struct {
	redis redis.UniversalClient

	mu      sync.Mutex
	flying  int
	waiting []*request
}

// request is a script that waits for its answer.
type request struct {
	ctx  context.Context //nolint:containedctx // its caller's, who may give up before it is sent
	cmd  *redis.Cmd
	done chan struct{}
}

const (
	maxFlying = 4
	// maxGroup is how many scripts one request has: Redis answers all of them together, once the last is done, so that larger ones have
	// it and its callers wait for each other (32 in two requests took a fifth longer).
	maxGroup = 8
	// flightTime bounds a request of several, whose callers may have given up.
	flightTime = 30 * time.Second
)

func (g *group) run(ctx context.Context, script *redis.Script, keys []string, args [][]any) ([]any, error) {
	cmd := evalSha(ctx, script, keys, args)
	if err := g.send(ctx, cmd); err != nil {
		return nil, err
	}
	if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
		return script.Eval(ctx, g.redis, keys, slices.Concat(args...)...).Slice()
	}
	return cmd.Slice()
}

func evalSha(ctx context.Context, script *redis.Script, keys []string, args [][]any) *redis.Cmd {
	n := 3 + len(keys)
	for _, part := range args {
		n += len(part)
	}
	all := append(make([]any, 0, n), "evalsha", script.Hash(), len(keys))
	for _, k := range keys {
		all = append(all, k)
	}
	for _, part := range args {
		all = append(all, part...)
	}
	cmd := redis.NewCmd(ctx, all...)
	cmd.SetFirstKeyPos(3) // for Redis Cluster
	return cmd
}

// send sends a command, alone or with others. The error is that of ctx, once it ended first.
func (g *group) send(ctx context.Context, cmd *redis.Cmd) error {
	r := &request{ctx: ctx, cmd: cmd}
	if !g.join(r) {
		defer g.land()
		_ = g.redis.Process(ctx, cmd) // the error stands in the command
		return nil
	}
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join tells whether a request goes with others; otherwise its caller sends it.
func (g *group) join(r *request) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.flying < maxFlying {
		g.flying++
		return false
	}
	r.done = make(chan struct{})
	g.waiting = append(g.waiting, r)
	return true
}

// land ends a request, and lets the next one go.
func (g *group) land() {
	g.mu.Lock()
	defer g.mu.Unlock()
	var next []*request
	for len(g.waiting) > 0 && len(next) < maxGroup {
		if r := g.waiting[0]; r.ctx.Err() == nil {
			next = append(next, r)
		}
		g.waiting[0] = nil
		g.waiting = g.waiting[1:]
	}
	if len(next) == 0 {
		g.flying, g.waiting = g.flying-1, nil
		return
	}
	go g.fly(next)
}

// fly sends several commands together.
func (g *group) fly(all []*request) {
	ctx, cancel := context.WithTimeout(context.Background(), flightTime)
	defer cancel()
	pipe := g.redis.Pipeline()
	for _, r := range all {
		_ = pipe.Process(ctx, r.cmd)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	g.land()
	for _, r := range all {
		close(r.done)
	}
}
