package graph

// draw puts everything on a canvas.
func (d *drawing) draw() *canvas {
	c := newCanvas(d.size())
	for i, layer := range d.layers {
		top := d.channels[i].top + d.channels[i].rows()
		for _, s := range layer {
			s.draw(c, top)
		}
	}
	turns := make([]int, d.lanes+1) // where each lane was met first
	for i := range d.channels {
		for _, l := range d.channels[i].links {
			d.drawLink(c, &d.channels[i], l, turns)
		}
	}
	return c
}

// size finds the rows of all channels, and how many cells there are.
func (d *drawing) size() (width, height int) {
	for i := range d.channels {
		d.channels[i].top = height
		height += d.channels[i].rows()
		if i < len(d.layers) {
			height += boxHeight
		}
	}
	return d.laneX(d.lanes) + d.labelRoom(), height
}

// labelRoom is how far a label can reach beyond the last column.
func (d *drawing) labelRoom() int {
	n := 1
	for _, ch := range d.channels {
		for _, l := range ch.links {
			n = max(n, pitch(l.fromLabel), pitch(l.toLabel))
		}
	}
	return n
}

func (s *slot) draw(c *canvas, top int) {
	if s.node == nil {
		c.vertical(s.x, top-1, top+boxHeight)
		return
	}
	c.box(s.x, top, s.width, boxHeight, s.node.Begins)
	for row, text := range []string{s.node.Key, s.node.Type} {
		c.print(s.x+(s.width-len([]rune(text)))/2, top+1+row, text)
	}
}

// drawLink draws the part of an edge in a channel; below its source the frame opens.
func (d *drawing) drawLink(c *canvas, ch *channel, l *link, turns []int) {
	bottom := ch.top + ch.rows() - 1
	row := ch.top + 1 + l.track
	if l.track < 0 {
		row = ch.top
	}
	from, to := l.fromX, l.toX
	if l.from == nil {
		from = d.laneX(l.lane)
	}
	if l.to == nil {
		to = d.laneX(l.lane)
	}
	c.horizontal(row, from, to)
	if l.from != nil {
		c.vertical(l.fromX, ch.top-1, row)
		c.print(l.fromX+1, ch.top, l.fromLabel)
	}
	if l.to != nil {
		c.vertical(l.toX, row, bottom)
		c.print(l.toX+1, bottom, l.toLabel)
	}
	if l.to != nil && l.to.node != nil {
		c.at(l.toX, bottom).text = arrowhead
	}
	if l.lane > 0 {
		if turns[l.lane] > 0 {
			c.vertical(d.laneX(l.lane), turns[l.lane]-1, row)
		}
		turns[l.lane] = row + 1
	}
}
