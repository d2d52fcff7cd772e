// Package lossy loses replies of Redis: a command is done, and its caller hears that the connection broke.
package lossy

import (
	"context"
	"io"
	"net"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// Hook loses replies of a client; the zero value loses none. It is safe for concurrent use.
type Hook struct {
	left   atomic.Int64 // commands until then; not positive = none is lost
	losses atomic.Int64
}

// Lose has the reply of the n-th command from now lost that Redis does; 0 = of none.
func (h *Hook) Lose(n int64) { h.left.Store(n) }

// Losses is how many replies were lost.
func (h *Hook) Losses() int64 { return h.losses.Load() }

// DialHook leaves connecting alone.
func (h *Hook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook loses the reply of a command.
func (h *Hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if err != nil || h.left.Add(-1) != 0 {
			return err
		}
		h.losses.Add(1)
		cmd.SetErr(io.ErrUnexpectedEOF)
		return io.ErrUnexpectedEOF
	}
}

// ProcessPipelineHook leaves pipelines alone.
func (h *Hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error { return next(ctx, cmds) }
}
