//go:build unix

package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// window asks the terminal. One that does not know its size counts as 80 by 24.
func window(f *os.File) (columns, rows int) {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0
	}
	if size.Col == 0 || size.Row == 0 {
		return 80, 24
	}
	return int(size.Col), int(size.Row)
}
