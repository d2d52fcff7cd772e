// Package child runs another prana as a process that ends with this one.
package child

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"time"
)

// Process is a prana that runs. It ends with this process: the kernel kills it where it can, and it shuts down by
// itself when the pipe at its stdin closes.
type Process struct {
	pid   int
	cmd   *exec.Cmd
	stdin io.Closer
	log   *tail
	done  chan struct{} // closed when it is gone and reaped
}

// Worker starts `prana worker` with more arguments.
func Worker(executable string, environ []string, args ...string) (*Process, error) {
	p := &Process{cmd: exec.Command(executable, append([]string{"worker", "--exit-with-stdin"}, args...)...), log: newTail(), done: make(chan struct{})}
	p.cmd.Env = environ
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = dependent()
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.stdin = stdin
	started := make(chan error)
	go p.tend(started)
	return p, <-started
}

// tend keeps its thread for as long as the child lives: on Linux a child dies with the thread that started it.
func (p *Process) tend(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	p.pid = p.cmd.Process.Pid
	started <- nil
	_ = p.cmd.Wait() // ProcessState tells how it ended
	close(p.done)
}

// Pid is its process id.
func (p *Process) Pid() int { return p.pid }

// Done is closed when it is gone.
func (p *Process) Done() <-chan struct{} { return p.done }

// Await returns once it has written a text.
func (p *Process) Await(ctx context.Context, text string) error {
	for {
		found, more := p.log.contains(text)
		if found {
			return nil
		}
		select {
		case <-more:
		case <-p.done:
			return p.Failure()
		case <-ctx.Done():
			return fmt.Errorf("waiting for process %d to say %q: %w; it said:\n%s", p.pid, text, context.Cause(ctx), p.log)
		}
	}
}

// Kill is SIGKILL: no handler runs, nothing is handed back.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // the only failure is that it has ended
	<-p.done
}

// Stop lets it shut down, and kills it after the grace.
func (p *Process) Stop(grace time.Duration) {
	_ = p.stdin.Close() // closed already when the process is gone
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.Kill()
	}
}

// Failure tells of a process that ended by itself.
func (p *Process) Failure() error {
	return fmt.Errorf("worker process %d ended by itself (%s); it said last:\n%s", p.pid, p.cmd.ProcessState, p.log)
}
