package live

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/explain"
)

// Sizes of a timeline.
const (
	plainWidth = 100 // where there is no terminal
	maxLabel   = 32
	minBars    = 10
	tookCells  = 8
)

// state is what a run of a node does during a part of its time.
type state int

const (
	queued state = iota
	working
	asleep
	broken // a failed attempt
)

// segment is a part of the time of a run.
type segment struct {
	from, to time.Time
	state    state
}

// row is a run of a node on a timeline.
type row struct {
	label    string
	sign     sign
	segments []segment
}

// Timeline draws when what ran: a row for each run of a node. Time in which nothing works is cut out where it would take up
// the others' room, and the cut says how long it was. For how long a run slept that goes on already, a view does not tell
// exactly: it counts as asleep from its beginning to the end of its last wait.
func Timeline(v *flow.View, l Look) []string {
	rows := rowsOf(v, l)
	if len(rows) == 0 {
		return []string{"nothing ran yet"}
	}
	labels := 0
	for _, r := range rows {
		labels = min(max(labels, columns(r.label)), maxLabel)
	}
	all := l.Width
	if all == 0 {
		all = plainWidth
	}
	s := newScale(rows, max(minBars, all-labels-tookCells-2-2), l)
	var lines []string
	add := func(cells ...cell) { lines = append(lines, l.line(cells...)) }
	blank := strings.Repeat(" ", labels+2)
	add(cell{blank + "  " + s.ruler(), dim})
	for _, r := range rows {
		end := r.segments[len(r.segments)-1].to
		took := explain.Span(end.Sub(r.segments[0].from))
		cells := []cell{{l.glyph(r.sign) + " ", r.sign.color}, {padded(l.cut(l.plain(r.label), labels), labels) + "  ", ""}}
		add(append(append(cells, s.bars(r)...), cell{"  " + took, ""})...)
	}
	return append(lines, l.line(cell{blank + "  " + s.legend(v), dim}))
}

func rowsOf(v *flow.View, l Look) []row {
	waits := map[run]*flow.Suspension{}
	for i := range v.Suspensions {
		waits[run{v.Suspensions[i].Node, v.Suspensions[i].RunIndex}] = &v.Suspensions[i]
	}
	fans := map[string]bool{}
	for _, n := range v.Nodes {
		fans[n.Node] = fans[n.Node] || n.Item != nil
	}
	var rows []row
	for _, n := range v.Nodes {
		if handedOut(n) {
			continue
		}
		s := waits[run{n.Node, n.RunIndex}]
		rows = append(rows, row{labelOf(n), signOf(n, s), segmentsOf(n, n.Item == nil && fans[n.Node], s, l.end(n))})
	}
	return rows
}

// handedOut tells whether a run is nothing but an item on its way into the body of a loop.
func handedOut(n flow.NodeRun) bool {
	return n.Item != nil && n.StartedAt == nil && n.Status == flow.StepCompleted && !n.Kept
}

func labelOf(n flow.NodeRun) string {
	switch {
	case n.Item != nil:
		return fmt.Sprintf("%s [%d]", n.Node, *n.Item)
	case n.RunIndex > 0:
		return fmt.Sprintf("%s #%d", n.Node, n.RunIndex+1)
	}
	return n.Node
}

// segmentsOf takes the time of a run apart. No segment ends before it begins, nor before the one before it, whatever the
// clocks said.
func segmentsOf(n flow.NodeRun, fan bool, s *flow.Suspension, end time.Time) []segment {
	c := cutter{now: n.CreatedAt}
	for _, a := range n.Attempts {
		if a.StartedAt != nil {
			c.until(*a.StartedAt, c.pause())
		}
		c.add(a.EndedAt, broken)
	}
	if n.StartedAt != nil {
		c.until(*n.StartedAt, c.pause())
	}
	switch {
	case fan || s != nil: // the work is that of its parts; or it sleeps still
		c.until(end, asleep)
	case n.ResumedAt != nil:
		c.until(*n.ResumedAt, asleep)
	}
	switch n.Status {
	case flow.StepFailed, flow.StepQuarantined:
		c.add(end, broken)
	case flow.StepPending:
		c.until(end, c.pending(n))
	default:
		c.until(end, working)
	}
	if len(c.all) == 0 {
		c.add(end, working)
	}
	return c.all
}

// cutter cuts one segment off after the other.
type cutter struct {
	now time.Time
	all []segment
}

// pause is what a run does before an attempt: it waits for the first in a queue, and sleeps before the others.
func (c *cutter) pause() state {
	if len(c.all) == 0 {
		return queued
	}
	return asleep
}

// pending is what a run is taken for that is queued, or being run: as long as it never began, the first.
func (c *cutter) pending(n flow.NodeRun) state {
	if n.StartedAt == nil {
		return queued
	}
	return working
}

// until adds a segment, if it is not empty.
func (c *cutter) until(t time.Time, s state) {
	if t.After(c.now) {
		c.add(t, s)
	}
}

// add adds a segment, however short.
func (c *cutter) add(t time.Time, s state) {
	if t.Before(c.now) {
		t = c.now
	}
	c.all = append(c.all, segment{c.now, t, s})
	c.now = t
}

// scale maps time to cells.
type scale struct {
	Look
	spans []span
}

// span is a stretch of time on so many cells. One that was cut out has its label instead of a size.
type span struct {
	from, to time.Time
	at       int // its first cell
	cells    int
	cut      string
}

// Idle time is cut out when it is so long that it would leave the rest no room: in seconds, everything is drawn to scale.
const (
	minIdle   = 30 * time.Second
	idleShare = 5 // a fifth of all time
	idleTimes = 4 // of the time in which something works
	maxCuts   = 4
)

// newScale gives every stretch in which something works its share of the cells, and cuts the longest of the others out.
func newScale(rows []row, cells int, l Look) *scale {
	s := &scale{Look: l}
	first, last, busy := extent(rows)
	idle := gaps(first, last, busy)
	slices.SortStableFunc(idle, func(a, b span) int { return int(b.length() - a.length()) })
	var cuts []span
	room, rest := cells, last.Sub(first)
	least := max(minIdle, rest/idleShare, idleTimes*(rest-lengths(idle)))
	for _, g := range idle {
		g.cut = l.label(g.length())
		if len(cuts) == maxCuts || g.length() < least || room-columns(g.cut) < minBars {
			break
		}
		g.cells = columns(g.cut)
		cuts = append(cuts, g)
		room, rest = room-g.cells, rest-g.length()
	}
	s.lay(first, last, cuts, room, rest)
	return s
}

func lengths(all []span) (sum time.Duration) {
	for _, p := range all {
		sum += p.length()
	}
	return sum
}

func (p span) length() time.Duration { return p.to.Sub(p.from) }

// label is what stands where time was cut out.
func (l Look) label(d time.Duration) string {
	if l.ASCII {
		return "// " + explain.Span(d) + " //"
	}
	return "⫽ " + explain.Span(d) + " ⫽"
}

// extent is the time from the first thing to the last, and the stretches in which something works.
func extent(rows []row) (first, last time.Time, busy []span) {
	first, last = rows[0].segments[0].from, rows[0].segments[0].to
	for _, r := range rows {
		for _, g := range r.segments {
			if g.from.Before(first) {
				first = g.from
			}
			if g.to.After(last) {
				last = g.to
			}
			if g.state != asleep {
				busy = append(busy, span{from: g.from, to: g.to})
			}
		}
	}
	return first, last, busy
}

// gaps are the stretches in which nothing works.
func gaps(first, last time.Time, busy []span) []span {
	slices.SortFunc(busy, func(a, b span) int { return a.from.Compare(b.from) })
	var idle []span
	at := first
	for _, b := range busy {
		if b.from.After(at) {
			idle = append(idle, span{from: at, to: b.from})
		}
		if b.to.After(at) {
			at = b.to
		}
	}
	if last.After(at) {
		idle = append(idle, span{from: at, to: last})
	}
	return idle
}

// lay puts stretches and cuts side by side on the cells. A stretch between two cuts has one at least.
func (s *scale) lay(first, last time.Time, cuts []span, room int, rest time.Duration) {
	slices.SortFunc(cuts, func(a, b span) int { return a.from.Compare(b.from) })
	at, cell, left := first, 0, room
	stretch := func(to time.Time, whole bool) {
		if !to.After(at) && !(whole && len(s.spans) == 0) {
			return
		}
		p := span{from: at, to: to, at: cell, cells: left}
		if !whole && rest > 0 {
			p.cells = min(left, max(1, int(float64(room)*float64(p.length())/float64(rest))))
		}
		s.spans = append(s.spans, p)
		at, cell, left = to, cell+p.cells, left-p.cells
	}
	for _, c := range cuts {
		stretch(c.from, false)
		c.at = cell
		s.spans = append(s.spans, c)
		at, cell = c.to, cell+c.cells
	}
	stretch(last, true)
}

// width is how many cells there are.
func (s *scale) width() int {
	last := s.spans[len(s.spans)-1]
	return last.at + last.cells
}

// cell is where a time lies: 0 to width.
func (s *scale) cell(t time.Time) int {
	for _, p := range s.spans {
		if t.After(p.to) {
			continue
		}
		if d := p.length(); d > 0 {
			return p.at + int(float64(p.cells)*float64(max(0, t.Sub(p.from)))/float64(d))
		}
		return p.at
	}
	return s.width()
}

// fills has what a state looks like.
func (l Look) fill(s state) cell {
	if l.ASCII {
		return [...]cell{{".", dim}, {"#", green}, {"/", yellow}, {"x", red}}[s]
	}
	return [...]cell{{"·", dim}, {"█", green}, {"░", yellow}, {"╳", red}}[s]
}

// bars draws a row. Whatever it is, and however short, is a cell wide at least.
func (s *scale) bars(r row) []cell {
	states := slices.Repeat([]state{-1}, s.width())
	order := slices.Clone(r.segments)
	slices.SortStableFunc(order, func(a, b segment) int { return int(a.state.weight() - b.state.weight()) })
	for _, g := range order {
		from := min(s.cell(g.from), s.width()-1)
		for i := from; i < max(from+1, s.cell(g.to)); i++ {
			states[i] = g.state
		}
	}
	var cells []cell
	for i := 0; i < len(states); {
		j := i
		for j < len(states) && states[j] == states[i] {
			j++
		}
		if states[i] < 0 {
			cells = append(cells, cell{strings.Repeat(" ", j-i), ""})
		} else {
			f := s.fill(states[i])
			cells = append(cells, cell{strings.Repeat(f.text, j-i), f.color})
		}
		i = j
	}
	return cells
}

// weight says what is drawn over what where both share a cell.
func (s state) weight() state {
	if s == asleep {
		return queued
	}
	if s == queued {
		return -1
	}
	return s
}

// ruler has the cuts, and the first moment and the length at its ends.
func (s *scale) ruler() string {
	line := []rune(strings.Repeat(" ", s.width()))
	tick := '┴'
	rail := '─'
	if s.ASCII {
		tick, rail = '+', '-'
	}
	for i := range line {
		line[i] = rail
	}
	line[0], line[len(line)-1] = tick, tick
	for _, p := range s.spans {
		if p.cut != "" {
			copy(line[p.at:], []rune(p.cut))
		}
	}
	return string(line)
}

// legend says when it began and what the fillings mean.
func (s *scale) legend(v *flow.View) string {
	first, last := s.spans[0].from, s.spans[len(s.spans)-1].to
	words := []string{first.In(s.Now.Location()).Format("2006-01-02 15:04:05 MST") + " + " + explain.Span(last.Sub(first))}
	for st, word := range []string{"queued", "working", "waiting", "failed"} {
		words = append(words, s.fill(state(st)).text+" "+word)
	}
	return strings.Join(words, "  ")
}
