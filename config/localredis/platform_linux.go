package localredis

import "syscall"

// apart keeps Ctrl-C away from Redis until the workers are done, and has the kernel kill it with its parent.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// dieWithParent has nothing to do here: the kernel does it.
func dieWithParent(int) (unwatch func(), err error) { return func() {}, nil }
