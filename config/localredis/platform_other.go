//go:build !unix

package localredis

import (
	"fmt"
	"os"
	"syscall"
)

// Redis itself does not run here natively, so Start ends at the lock: the caller falls back to miniredis.

func flock(*os.File) (free bool, err error) {
	return false, fmt.Errorf("%w on this operating system", ErrNotFound)
}

func alive(int) bool { return false }

func terminate(p *os.Process) error { return p.Kill() }

func apart() *syscall.SysProcAttr { return nil }

func dieWithParent(int) (unwatch func(), err error) { return func() {}, nil }
