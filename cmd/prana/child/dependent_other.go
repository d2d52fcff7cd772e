//go:build !unix

package child

import "syscall"

func dependent() *syscall.SysProcAttr { return nil }
