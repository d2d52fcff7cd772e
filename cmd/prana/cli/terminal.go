package cli

import (
	"os"
)

// size is how many columns and rows a terminal has; 0 for anything else.
func size(stream any) (columns, rows int) {
	if s, ok := stream.(*sink); ok {
		stream = s.Writer
	}
	f, ok := stream.(*os.File)
	if !ok {
		return 0, 0
	}
	return window(f)
}

// width is the number of columns of a terminal; 0 for anything else.
func width(stream any) int {
	columns, _ := size(stream)
	return columns
}

// isTerminal tells whether a person sits at the other end. /dev/null is a device too, but has no columns.
func isTerminal(stream any) bool { return width(stream) > 0 }
