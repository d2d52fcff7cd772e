//go:build !unix

package demo

import "syscall"

func dependent() *syscall.SysProcAttr { return nil }
