package demo

import (
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
)

// worker is a child process that runs steps. It ends with this process: the kernel kills it where it can, and it shuts
// down by itself when the pipe at its stdin closes.
type worker struct {
	pid   int
	cmd   *exec.Cmd
	stdin io.Closer
	log   tail
	done  chan struct{} // closed when it is gone and reaped
}

func startWorker(executable string, environ []string) (*worker, error) {
	w := &worker{cmd: exec.Command(executable, "worker", "--exit-with-stdin"), done: make(chan struct{})}
	w.cmd.Env = environ
	w.cmd.Stdout, w.cmd.Stderr = &w.log, &w.log
	w.cmd.SysProcAttr = dependent()
	stdin, err := w.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	w.stdin = stdin
	started := make(chan error)
	go w.tend(started)
	return w, <-started
}

// tend keeps its thread for as long as the child lives: on Linux a child dies with the thread that started it.
func (w *worker) tend(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := w.cmd.Start(); err != nil {
		started <- err
		return
	}
	w.pid = w.cmd.Process.Pid
	started <- nil
	_ = w.cmd.Wait() // ProcessState tells how it ended
	close(w.done)
}

// kill is SIGKILL: no handler runs, nothing is handed back.
func (w *worker) kill() {
	_ = w.cmd.Process.Kill() // the only failure is that it has ended
	<-w.done
}

// stop lets it shut down, and kills it after the grace.
func (w *worker) stop(grace time.Duration) {
	_ = w.stdin.Close() // closed already when the process is gone
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-w.done:
	case <-timer.C:
		w.kill()
	}
}

// failure tells of a worker that ended by itself.
func (w *worker) failure() error {
	return fmt.Errorf("worker process %d ended by itself (%s); it said last:\n%s", w.pid, w.cmd.ProcessState, w.log.String())
}

// workerEnviron is that of this process, with what the worker must know of it. The URL of Redis may have a password,
// which does not belong on a command line.
func (d *Demo) workerEnviron() []string {
	var environ []string
	for _, pair := range d.o.Environ {
		if !strings.HasPrefix(pair, "PRANA_REDIS") {
			environ = append(environ, pair)
		}
	}
	environ = append(environ, "PRANA_REDIS="+d.app.RedisURL(), "PRANA_WORKER_SHUTDOWN_GRACE=2s")
	if d.o.App.Config.Egress.AllowsPrivate(true) {
		environ = append(environ, "PRANA_EGRESS_PRIVATE=always") // the partner runs on this machine
	}
	return environ
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 4 << 10

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
