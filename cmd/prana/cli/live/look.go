package live

import (
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"

	"prana/engine/flow"
)

// Look is how to draw.
type Look struct {
	Width int // columns; 0 = as many as it takes
	ASCII bool
	Color bool
	Now   time.Time // times of day are those of its location
	// Program is what commands begin with; empty = prana.
	Program string
}

// Colours of terminals.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	blue   = "34"
	dim    = "2"
)

// sign is how a state looks. Its word is always there: neither glyph nor colour carries anything alone.
type sign struct {
	glyph, ascii string
	word         string
	color        string
}

var (
	done        = sign{"✓", "+", "done", green}
	kept        = sign{"=", "=", "kept", green}
	failed      = sign{"✗", "x", "failed", red}
	waiting     = sign{"⏸", "~", "waiting", yellow}
	retrying    = sign{"↻", "@", "retrying", yellow}
	active      = sign{"●", "*", "active", blue}
	open        = sign{"●", "*", "open", blue} // its items are under way
	cancelled   = sign{"⊘", "-", "cancelled", yellow}
	quarantined = sign{"‼", "!", "quarantined", red}
	notBegun    = sign{"○", "o", "pending", dim}
)

// signOf is the sign of a run of a node.
func signOf(n flow.NodeRun, s *flow.Suspension) sign {
	switch n.Status {
	case flow.StepCompleted:
		if n.Kept {
			return kept
		}
		return done
	case flow.StepFailed:
		return failed
	case flow.StepCancelled:
		return cancelled
	case flow.StepQuarantined:
		return quarantined
	case flow.StepOpen:
		return open
	case flow.StepSuspended:
		if s != nil && s.Type == flow.Retry {
			return retrying
		}
		return waiting
	}
	return active
}

// signOfAll is the sign of an execution, with the word that the API has for it.
func signOfAll(s flow.Status) sign {
	signs := map[flow.Status]sign{
		flow.Completed: done, flow.Failed: failed, flow.TimedOut: failed, flow.Cancelled: cancelled, flow.Cancelling: cancelled,
		flow.Suspended: waiting, flow.Paused: waiting, flow.Quarantined: quarantined, flow.Pending: notBegun, flow.Running: active,
	}
	g, ok := signs[s]
	if !ok { // of a newer server
		g = active
	}
	g.word = string(s)
	return g
}

func (l Look) glyph(s sign) string {
	if l.ASCII {
		return s.ascii
	}
	return s.glyph
}

// paint colours a text.
func (l Look) paint(text, color string) string {
	if !l.Color || color == "" || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// line makes one line of a terminal of cells: text that users wrote cannot break it, and what is too wide is cut.
func (l Look) line(cells ...cell) string {
	var b strings.Builder
	left := l.Width
	for _, c := range cells {
		text := l.plain(c.text)
		if l.Width > 0 {
			text = l.cut(text, left)
			left -= columns(text)
		}
		b.WriteString(l.paint(text, c.color))
	}
	return strings.TrimRight(b.String(), " ")
}

// cell is a piece of a line.
type cell struct{ text, color string }

// plain has no control characters, and in ASCII nothing else either.
func (l Look) plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return ' '
		case l.ASCII && r > unicode.MaxASCII:
			return '?'
		}
		return r
	}, s)
}

// cut shortens a text to so many columns.
func (l Look) cut(s string, most int) string {
	if columns(s) <= most {
		return s
	}
	mark := "…"
	if l.ASCII {
		mark = "~"
	}
	var b strings.Builder
	for _, r := range s {
		if columns(b.String())+runeColumns(r)+1 > most {
			break
		}
		b.WriteRune(r)
	}
	if most < 1 {
		return ""
	}
	return b.String() + mark
}

// columns counts how wide a text is on a terminal.
func columns(s string) (n int) {
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// padded fills a text up to so many columns.
func padded(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-columns(s)))
}
