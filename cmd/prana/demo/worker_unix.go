//go:build unix && !linux

package demo

import "syscall"

// dependent keeps Ctrl-C away from the worker, so that it is stopped in order.
func dependent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
