//go:build unix && !linux

package child

import "syscall"

// dependent keeps Ctrl-C away from the child, so that it is stopped in order.
func dependent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
