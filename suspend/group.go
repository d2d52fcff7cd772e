package suspend

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// group sends what several steps ask of Redis at the same time together: while two requests are under way others wait for the next
// one, which takes them all. Who is alone never waits.
type group struct {
	redis redis.UniversalClient

	mu      sync.Mutex
	flying  int
	waiting []*request
}

// request is a script that waits for its answer.
type request struct {
	cmd  *redis.Cmd
	done chan struct{}
}

const (
	maxFlying = 2
	maxGroup  = 32 // scripts in one request
	// flightTime bounds a request of several, whose callers may have given up.
	flightTime = 30 * time.Second
)

// run calls a script. Its error is the script's own; that of ctx says nothing of what became of it.
func (g *group) run(ctx context.Context, script *redis.Script, keys []string, args ...any) ([]any, error) {
	cmd := evalSha(ctx, script, keys, args)
	if err := g.send(ctx, cmd); err != nil {
		return nil, err
	}
	if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
		return script.Eval(ctx, g.redis, keys, args...).Slice()
	}
	return cmd.Slice()
}

func evalSha(ctx context.Context, script *redis.Script, keys []string, args []any) *redis.Cmd {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, "evalsha", script.Hash(), len(keys))
	for _, k := range keys {
		all = append(all, k)
	}
	cmd := redis.NewCmd(ctx, append(all, args...)...)
	cmd.SetFirstKeyPos(3) // for Redis Cluster
	return cmd
}

// send sends a command, alone or with others. The error is that of ctx, once it ended first.
func (g *group) send(ctx context.Context, cmd *redis.Cmd) error {
	r := &request{cmd: cmd}
	if !g.join(r) {
		_ = g.redis.Process(ctx, cmd) // the error stands in the command
		g.land()
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
	n := min(len(g.waiting), maxGroup)
	if n == 0 {
		g.flying--
		return
	}
	next := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
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
