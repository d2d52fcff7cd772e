//go:build unix

package localredis

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// flock tries to lock the file for this process and its heirs.
func flock(f *os.File) (free bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// alive tells whether a process of that id exists, whoever owns it.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

func terminate(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

// watcher is a shell that kills a process when the pipe to it ends, which happens when this process does.
// It is for systems whose kernel cannot.
type watcher struct {
	pipe *os.File
	sh   *exec.Cmd
}

func watch(pid int) (*watcher, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	sh := exec.Command("/bin/sh", "-c", `cat >/dev/null; kill -KILL "$1"`, "prana-redis-watch", strconv.Itoa(pid))
	sh.Stdin = read
	sh.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := sh.Start(); err != nil {
		write.Close()
		return nil, err
	}
	return &watcher{write, sh}, nil
}

// stop ends the shell before the process id can be used again. The whole group: it may be waiting for its cat.
func (w *watcher) stop() {
	syscall.Kill(-w.sh.Process.Pid, syscall.SIGKILL) //nolint:errcheck // it may be gone already
	w.sh.Wait()                                      //nolint:errcheck // killed, as it should be
	w.pipe.Close()
}
