package localredis

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// pingEvery is the pause between two attempts to reach a Redis that is starting.
const pingEvery = 5 * time.Millisecond

// child is one run of the program.
type child struct {
	pid  int
	proc *os.Process
	done chan struct{} // closed when the process is gone and reaped
	err  error         // how it ended; read after done
}

// startChild runs the program with its output appended to the log. It inherits the locks, so that the data directory
// stays locked for as long as either process lives.
func startChild(binary string, args []string, logPath string, locks []*dirLock) (*child, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()

	cmd := exec.Command(binary, args...)
	cmd.Stdout, cmd.Stderr = log, log
	for _, lock := range locks {
		cmd.ExtraFiles = append(cmd.ExtraFiles, lock.file)
	}
	cmd.SysProcAttr = apart()

	c := &child{done: make(chan struct{})}
	started := make(chan error)
	go c.tend(cmd, started)
	return c, <-started
}

// tend starts the process and waits for it. On Linux a child dies with the thread that started it, not with the
// process: so this goroutine keeps its thread for as long as the child lives.
func (c *child) tend(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	c.pid, c.proc = cmd.Process.Pid, cmd.Process
	unwatch, err := dieWithParent(c.pid)
	if err != nil {
		cmd.Process.Kill() //nolint:errcheck // it may be gone already; Wait tells
	}
	started <- err
	c.err = cmd.Wait()
	unwatch()
	close(c.done)
}

// stop asks the process to end, kills it after the grace, and returns when it is gone.
func (c *child) stop(grace time.Duration) {
	if grace > 0 && terminate(c.proc) == nil {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-c.done:
			return
		case <-timer.C:
		}
	}
	c.proc.Kill() //nolint:errcheck // the only failure is that it has ended, which is what we want
	<-c.done
}

// awaitPong returns once Redis has read its data and answers.
func awaitPong(ctx context.Context, c *child, network, addr string) error {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		if pong(ctx, network, addr) {
			return nil
		}
		select {
		case <-c.done:
			return fmt.Errorf("it ended at once (%w)", c.err)
		case <-ctx.Done():
			return fmt.Errorf("it does not answer yet: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// pong asks once. A Redis that is still loading answers with an error, which counts as no.
func pong(ctx context.Context, network, addr string) bool {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	reply := make([]byte, 64)
	n, _ := conn.Read(reply)
	return bytes.HasPrefix(reply[:n], []byte("+PONG"))
}

// logTail is the end of the log, for an error message.
func logTail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil || len(text) == 0 {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	last := lines[max(0, len(lines)-3):]
	return "\nthe end of " + path + ":\n  " + strings.Join(last, "\n  ")
}
