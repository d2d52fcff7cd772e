package live

import (
	"fmt"
	"io"
	"strings"
)

// Screen draws frames over one another at the end of a terminal.
type Screen struct {
	out  io.Writer
	drew int // lines of the frame that stands there
}

// NewScreen makes a screen of a terminal.
func NewScreen(out io.Writer) *Screen { return &Screen{out: out} }

// Draw replaces the frame before. Of a frame that is higher than the terminal, the top is left out, since nothing can be
// redrawn that has scrolled away; 0 rows = as high as it is.
func (s *Screen) Draw(frame []string, rows int) {
	if most := rows - 2; rows > 0 && len(frame) > max(1, most) {
		hidden := len(frame) - max(1, most)
		frame = append([]string{fmt.Sprintf("(%d lines more above)", hidden)}, frame[hidden:]...)
	}
	s.replace(frame)
}

// Last replaces the frame before by one that stays, however high it is.
func (s *Screen) Last(frame []string) {
	s.replace(frame)
	s.drew = 0
}

// replace writes a frame in one piece. Lines do not wrap meanwhile: where a terminal draws a character wider than it is
// known to be, the count of the lines still holds.
func (s *Screen) replace(frame []string) {
	var b strings.Builder
	b.WriteString("\x1b[?7l\r")
	if s.drew > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", s.drew)
	}
	for _, line := range frame {
		b.WriteString(line + "\x1b[K\n")
	}
	b.WriteString("\x1b[J\x1b[?7h")
	_, _ = io.WriteString(s.out, b.String()) // there is nobody left to tell
	s.drew = len(frame)
}
