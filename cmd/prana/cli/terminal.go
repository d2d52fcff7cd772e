package cli

import (
	"os"
)

// width is the number of columns of a terminal; 0 for anything else.
func width(stream any) int {
	f, ok := stream.(*os.File)
	if !ok {
		return 0
	}
	return columns(f)
}

// isTerminal tells whether a person sits at the other end. /dev/null is a device too, but has no columns.
func isTerminal(stream any) bool { return width(stream) > 0 }
