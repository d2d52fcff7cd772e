// Package proc runs the processes of end-to-end tests: each says "ready" once it works, is really killed or stopped, and
// ends with whoever started it.
package proc

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a running process.
type Process struct {
	// Pid is its process id.
	Pid int
	// URL is what it said after "ready"; empty = nothing.
	URL string

	cmd   *exec.Cmd
	stdin io.Closer
	log   tail
	done  chan struct{} // closed when it is gone and reaped
}

// Start starts a program that says "ready", and where it listens if it does, once it works. Its environment is ours and more.
func Start(cmd *exec.Cmd, environ ...string) (*Process, error) {
	p := &Process{cmd: cmd, done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), environ...)
	p.cmd.Stderr = &p.log
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.Pid, p.stdin = p.cmd.Process.Pid, stdin
	line, err := bufio.NewReader(stdout).ReadString('\n')
	go func() {
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.done)
	}()
	ready, url, _ := strings.Cut(strings.TrimSpace(line), " ")
	p.URL = url
	if ready != "ready" {
		p.Kill()
		return nil, fmt.Errorf("a process did not start (%q, %s):\n%s", line, fmt.Sprint(err), p.Log())
	}
	return p, nil
}

// StartSelf starts the running test binary in another part, as the variable says.
func StartSelf(variable, value string) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return Start(exec.Command(self), variable+"="+value)
}

// AwaitStop blocks the started process until it is told to end: by SIGTERM, or because who started it is gone. It returns
// the error of its work if that comes first.
func AwaitStop(failed <-chan error) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the test, however that ends
		stop()
	}()
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// Kill is SIGKILL: no handler runs, nothing is handed back. It returns when the process is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // the only failure is that it has ended
	<-p.done
}

// Terminate is SIGTERM; wait with Ended.
func (p *Process) Terminate() { _ = p.Signal(syscall.SIGTERM) }

// Signal sends a signal. Its error is that the process has ended.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Ended waits for the end and gives the exit code; -1 and an error when it still runs.
func (p *Process) Ended(within time.Duration) (code int, err error) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-timer.C:
		return -1, fmt.Errorf("process %d did not end within %s:\n%s", p.Pid, within, p.Log())
	}
}

// Alive tells whether it still runs.
func (p *Process) Alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Log is the end of what it wrote to stderr.
func (p *Process) Log() string { return p.log.String() }

// Stop ends it in order, and by force when that takes too long.
func (p *Process) Stop() {
	_ = p.stdin.Close() // closed already when the process is gone
	p.Terminate()
	if _, err := p.Ended(15 * time.Second); err != nil {
		p.Kill()
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
