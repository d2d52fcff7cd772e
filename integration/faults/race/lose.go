package race

import (
	"context"
	"io"
	"net"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// loser loses the reply of one command: it is done, and its caller hears that the connection broke.
type loser struct {
	left   atomic.Int64 // commands until then; not positive = none is lost
	losses atomic.Int64
}

// lose has the reply of the n-th command from now lost; 0 = of none.
func (l *loser) lose(n int64) { l.left.Store(n) }

func (l *loser) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (l *loser) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if err != nil || l.left.Add(-1) != 0 {
			return err
		}
		l.losses.Add(1)
		cmd.SetErr(io.ErrUnexpectedEOF)
		return io.ErrUnexpectedEOF
	}
}

func (l *loser) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error { return next(ctx, cmds) }
}
