package graph

import (
	"errors"
	"slices"
)

// The measures of a drawing, in cells.
const (
	boxHeight = 4 // frame, key, type, frame
	padding   = 2 // from the frame to the text, the frame included
	gap       = 3 // between boxes
	laneWidth = 2 // between the lines that lead back
)

// ErrTooLarge is given for graphs that nobody could read as text.
var ErrTooLarge = errors.New("the graph is too large for a drawing in text")

// The bounds of a drawing; both are far beyond what fits on a screen.
const (
	maxSlots = 10_000
	maxCells = 4 << 20
)

// Text draws the graph from top to bottom. Edges that close a loop lead back up on the right side.
func (g *Graph) Text(ascii bool) (string, error) {
	if len(g.Nodes) == 0 {
		return "", nil
	}
	if g.slots() > maxSlots {
		return "", ErrTooLarge
	}
	d := newDrawing(g)
	d.arrange()
	d.settle()
	d.connect()
	if width, height := d.size(); width*height > maxCells {
		return "", ErrTooLarge
	}
	return d.draw().text(ascii), nil
}

// slots is how many boxes and passing edges there are.
func (g *Graph) slots() int {
	n := len(g.Nodes)
	for _, e := range g.Edges {
		n += max(0, g.Nodes[e.to].Layer-g.Nodes[e.from].Layer-1)
	}
	return n
}

// drawing lays the graph out. Edges that pass a layer have a slot of their own in it.
type drawing struct {
	layers   [][]*slot
	channels []channel // channel i lies above layer i; the last one below all
	width    int       // of the layers, without the lanes
	lanes    int
}

// slot is a box, or an edge on its way through a layer.
type slot struct {
	node   *Node // nil when an edge passes
	x      int   // of its left side
	width  int
	in     []*link // as they arrive, from left to right
	out    []*link
	above  []*slot // where in comes from; without back edges
	below  []*slot
	center float64 // wanted, while the layers are arranged
}

// link is the part of an edge that lies in one channel.
type link struct {
	from, to   *slot // nil at the end where it is in a lane
	fromX, toX int
	fromLabel  string
	toLabel    string
	lane       int // of an edge that leads back, from 1
	track      int // row of its horizontal part; -1 = it has none
}

func newDrawing(g *Graph) *drawing {
	d := &drawing{}
	boxes := make([]*slot, len(g.Nodes))
	for i := range g.Nodes {
		n := &g.Nodes[i]
		for len(d.layers) <= n.Layer {
			d.layers = append(d.layers, nil)
		}
		boxes[i] = &slot{node: n}
		d.layers[n.Layer] = append(d.layers[n.Layer], boxes[i])
	}
	d.channels = make([]channel, len(d.layers)+1)
	for _, e := range g.Edges {
		if e.Back {
			d.loop(boxes[e.from], boxes[e.to], e)
		} else {
			d.chain(boxes[e.from], boxes[e.to], e)
		}
	}
	for _, b := range boxes {
		b.measure()
	}
	return d
}

// chain leads an edge down, through the layers between its ends.
func (d *drawing) chain(from, to *slot, e Edge) {
	at := from
	for layer := from.node.Layer + 1; ; layer++ {
		next := to
		if layer < to.node.Layer {
			next = &slot{width: 1}
			d.layers[layer] = append(d.layers[layer], next)
		}
		l := &link{from: at, to: next}
		if at == from {
			l.fromLabel = label(e.FromPort)
		}
		if next == to {
			l.toLabel = label(e.ToPort)
		}
		at.out, next.in = append(at.out, l), append(next.in, l)
		at.below, next.above = append(at.below, next), append(next.above, at)
		d.channels[layer].links = append(d.channels[layer].links, l)
		if at = next; at == to {
			return
		}
	}
}

// loop leads an edge out below its source, up in a lane, and in above its target.
func (d *drawing) loop(from, to *slot, e Edge) {
	d.lanes++
	down := &link{from: from, fromLabel: label(e.FromPort), lane: d.lanes}
	back := &link{to: to, toLabel: label(e.ToPort), lane: d.lanes}
	from.out, to.in = append(from.out, down), append(to.in, back)
	below, above := &d.channels[from.node.Layer+1], &d.channels[to.node.Layer]
	below.links = append(below.links, down)
	above.links = append(above.links, back)
}

// measure makes a box wide enough for its texts and the labels of its edges.
func (s *slot) measure() {
	s.width = 2*padding + max(len([]rune(s.node.Key)), len([]rune(s.node.Type)))
	s.width = max(s.width, room(s.out, outLabel), room(s.in, inLabel))
	s.width |= 1 // an odd width has a middle
}

func outLabel(l *link) string { return l.fromLabel }
func inLabel(l *link) string  { return l.toLabel }

// room is how wide a box must be for edges with labels side by side; that of a single edge is right of the middle.
func room(links []*link, text func(*link) string) int {
	if len(links) == 1 {
		return 1 + 2*len([]rune(text(links[0])))
	}
	n := 2
	for _, l := range links {
		n += pitch(text(l))
	}
	return n
}

// pitch is the distance from an edge to the next one at its right.
func pitch(text string) int {
	if text == "" {
		return 2
	}
	return len([]rune(text)) + 3
}

// attach spreads the ends of edges over a side of a slot; a single one is in the middle.
func (s *slot) attach(links []*link, text func(*link) string, set func(*link, int)) {
	n := len(links)
	if n == 0 {
		return
	}
	span := 0
	for _, l := range links[:n-1] {
		span += pitch(text(l))
	}
	x := s.x + (s.width-1)/2 - span/2
	// The label of the last one must stay above or below the slot.
	x = max(s.x+min(1, s.width-1), min(x, s.x+s.width-1-span-len([]rune(text(links[n-1])))))
	for _, l := range links {
		set(l, x)
		x += pitch(text(l))
	}
}

// connect finds the columns of all ends, and then the rows between them.
func (d *drawing) connect() {
	for _, layer := range d.layers {
		for _, s := range layer {
			slices.SortStableFunc(s.out, func(a, b *link) int { return a.targetX() - b.targetX() })
			slices.SortStableFunc(s.in, func(a, b *link) int { return a.sourceX() - b.sourceX() })
			s.attach(s.out, outLabel, func(l *link, x int) { l.fromX = x })
			s.attach(s.in, inLabel, func(l *link, x int) { l.toX = x })
		}
	}
	for i := range d.channels {
		d.channels[i].route(d.laneX)
	}
}

// farRight is where lanes are, as far as the order of edges is concerned.
const farRight = 1 << 30

func (l *link) targetX() int {
	if l.to == nil {
		return farRight
	}
	return 2*l.to.x + l.to.width
}

func (l *link) sourceX() int {
	if l.from == nil {
		return farRight
	}
	return 2*l.from.x + l.from.width
}

func (d *drawing) laneX(lane int) int { return d.width + laneWidth*lane }
