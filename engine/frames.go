package engine

import (
	"fmt"
	"path"
	"runtime"
	"strings"
)

// maxFrames bounds how many functions of a panic are named.
const maxFrames = 16

// panicFrames names the functions that a panic went through below a function of this package, the one that panicked first. It is
// called where the panic is recovered. What lies above is the same for every node, and not of its author.
func panicFrames(below string) string {
	pcs := make([]uintptr, 128)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	var named []string
	for f, more := frames.Next(); more && !strings.HasSuffix(f.Function, below); f, more = frames.Next() {
		switch {
		case f.Function == "runtime.gopanic":
			named = nil // so far it was what recovers it
		case strings.HasPrefix(f.Function, "runtime."), len(named) == maxFrames:
		default:
			named = append(named, fmt.Sprintf("%s (%s:%d)", f.Function, path.Base(f.File), f.Line))
		}
	}
	return strings.Join(named, " < ")
}
