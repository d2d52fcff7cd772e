// Package failpoints plays scenarios of the product in this process, on a real Redis and in an order that is the same each
// time, and has the connection fail at each of their commands, in every way in which it can. What a scenario must come to is
// written beside it by hand.
package failpoints

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// Kind is how a command fails.
type Kind string

// The ways in which a command fails.
const (
	CrashBefore Kind = "crash before"         // the process dies before the command is sent
	CrashAfter  Kind = "crash after"          // the process dies once the command was executed, and before it hears so
	Refused     Kind = "not executed"         // the connection is refused
	ReplyLost   Kind = "executed, reply lost" // the connection breaks
	SentTwice   Kind = "executed twice"       // the reply is lost, and the client sends the command again by itself
	TimedOut    Kind = "timed out"            // not executed, and nothing is heard until the time of the connection is up
	LateReply   Kind = "executed, timed out"  // the reply comes too late
	CallerGone  Kind = "caller gone"          // the context of whoever asked ends while the command is executed
)

// Kinds are all of them.
var Kinds = []Kind{CrashBefore, CrashAfter, Refused, ReplyLost, SentTwice, TimedOut, LateReply, CallerGone}

// executes tells whether Redis executes the command all the same.
func (k Kind) executes() bool { return k != CrashBefore && k != Refused && k != TimedOut }

// crashes tells whether the process dies of it.
func (k Kind) crashes() bool { return k == CrashBefore || k == CrashAfter }

var errDead = errors.New("the process is dead") // nobody hears it

// heard is what the process hears.
func (k Kind) heard() error {
	switch k {
	case CrashBefore, CrashAfter:
		return errDead
	case Refused:
		return &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	case TimedOut, LateReply:
		return &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}
	case ReplyLost, SentTwice, CallerGone:
	}
	return io.EOF
}

// Point names a command of a scenario: the Nth of that name.
type Point struct {
	Command string
	Nth     int // from 1
}

// String gives it in words.
func (p Point) String() string { return fmt.Sprintf("%s %d", p.Command, p.Nth) }

// Fault is one failure: at a point or, when After is not 0, at the command that is so many after the fault before it.
type Fault struct {
	Kind  Kind
	At    Point
	After int
}

// String gives it in words.
func (f Fault) String() string {
	if f.After > 0 {
		return fmt.Sprintf("%s, %d commands later", f.Kind, f.After)
	}
	return fmt.Sprintf("%s at %s", f.Kind, f.At)
}

// line is what leads to Redis. It outlives the processes that use it, and fails as it is told.
type line struct {
	names Names
	stage *Stage // tells whether there is something that asynq asks for

	mu     sync.Mutex
	faults []Fault // that are still to come
	bitten int
	since  int // commands after the last that bit
	count  map[string]int
	passed []Point
	over   bool // nothing is counted any more, and nothing fails
}

// end ends the counting.
func (l *line) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
}

// pass counts a command, and tells how it fails; "" = not at all.
func (l *line) pass(name string) Kind {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return ""
	}
	l.count[name]++
	l.since++
	at := Point{name, l.count[name]}
	l.passed = append(l.passed, at)
	if len(l.faults) == 0 {
		return ""
	}
	f := l.faults[0]
	if f.After > 0 && l.since < f.After || f.After == 0 && f.At != at {
		return ""
	}
	l.faults, l.since = l.faults[1:], 0
	l.bitten++
	return f.Kind
}

// bites is how many faults there were so far.
func (l *line) bites() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bitten
}

// wire is the end of a line in one process. It is a hook of that process' client.
type wire struct {
	line *line
	mu   sync.Mutex
	cut  bool
	gone context.CancelFunc // ends what the caller asked for
	busy atomic.Int32       // commands under way
}

// caller notes how what is asked for can be given up.
func (w *wire) caller(gone context.CancelFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone = gone
}

// giveUp ends the context of whoever asked.
func (w *wire) giveUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gone != nil {
		w.gone()
	}
}

// die ends the process: nothing that it sends arrives from now on, and it hears nothing.
func (w *wire) die() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
}

func (w *wire) dead() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cut
}

// DialHook changes nothing.
func (*wire) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook lets a command fail.
func (w *wire) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return w.send(ctx, w.line.names.of(cmd), cmd.SetErr, func() error { return next(ctx, cmd) })
	}
}

// pipelineOf stands before the name of the first command of a pipeline.
const pipelineOf = "pipeline of "

// ProcessPipelineHook lets a pipeline fail, as a whole.
func (w *wire) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		return w.send(ctx, pipelineOf+w.line.names.of(cmds[0]), func(err error) {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
		}, func() error { return next(ctx, cmds) })
	}
}

func (w *wire) send(ctx context.Context, name string, fail func(error), do func() error) error {
	w.busy.Add(1)
	defer w.busy.Add(-1)
	if w.dead() {
		fail(errDead)
		return errDead
	}
	if w.uncounted(name) {
		return do()
	}
	k := w.line.pass(name)
	if k.crashes() {
		w.die()
	}
	switch {
	case k == "":
		return do()
	case k.executes():
		err := do()
		if k == CallerGone {
			return w.leave(ctx, fail, err)
		}
	}
	if k == SentTwice {
		fail(nil)
		return do()
	}
	err := k.heard()
	fail(err)
	return err
}

// leave has the caller give up. A command that belongs to something which goes on without a caller hears its reply.
func (w *wire) leave(ctx context.Context, fail func(error), reply error) error {
	w.giveUp()
	err := ctx.Err()
	if err == nil {
		return reply
	}
	fail(err)
	return err
}

// uncounted tells whether a command is one of which there are more or fewer each time: it belongs to the making of a
// connection, to what asynq does now and then, or asks in vain for a task.
func (w *wire) uncounted(name string) bool {
	switch strings.TrimPrefix(name, pipelineOf) {
	case "hello", "client", "select", "auth", asynqOther:
		return true
	case asynqDequeue:
		return !w.line.stage.hasTasks()
	case asynqForward:
		return !w.line.stage.hasReturned()
	}
	return false
}
