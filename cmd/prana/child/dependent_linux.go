package child

import "syscall"

// dependent keeps Ctrl-C away from the child, so that it is stopped in order, and has the kernel kill it with its parent.
func dependent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
