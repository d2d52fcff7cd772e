//go:build unix && !linux

package localredis

import "syscall"

// apart keeps Ctrl-C away from Redis until the workers are done.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// dieWithParent watches from a second process, since the kernel does not.
func dieWithParent(pid int) (unwatch func(), err error) {
	w, err := watch(pid)
	if err != nil {
		return func() {}, err
	}
	return w.stop, nil
}
