package graph

// channel is the space between two layers, where edges find their way.
type channel struct {
	links  []*link
	tracks int // rows for horizontal parts
	top    int // first row on the canvas
}

// rows is how high the channel is: labels, horizontal parts, arrowheads.
func (c *channel) rows() int {
	if len(c.links) == 0 {
		return 0
	}
	return c.tracks + 2
}

// span is what a link covers of its track.
func (l *link) span(laneX func(int) int) (from, to int) {
	from, to = l.fromX, l.toX
	if l.from == nil {
		from = laneX(l.lane)
	}
	if l.to == nil {
		to = laneX(l.lane)
	}
	return min(from, to), max(from, to)
}

// route gives each link a track of its own, or one that it shares with links elsewhere in the row. Of two links in
// one column, the one that comes from above must turn off before the other one turns in.
func (c *channel) route(laneX func(int) int) {
	var turning []*link
	for _, l := range c.links {
		l.track = -1
		if from, to := l.span(laneX); from != to {
			turning = append(turning, l)
		}
	}
	for _, l := range inTurn(turning) {
		l.track = firstFree(l, turning, laneX)
		c.tracks = max(c.tracks, l.track+1)
	}
}

// turnsBefore tells whether a leaves a column into which b comes.
func turnsBefore(a, b *link) bool {
	return a != b && a.from != nil && b.to != nil && a.fromX == b.toX
}

// inTurn orders links so that those that must turn first come first. Where they wait for one another in a circle,
// the order of declaration decides, and two lines touch.
func inTurn(links []*link) []*link {
	var out []*link
	seen := map[*link]bool{}
	var visit func(l *link)
	visit = func(l *link) {
		if seen[l] {
			return
		}
		seen[l] = true
		for _, other := range links {
			if turnsBefore(other, l) {
				visit(other)
			}
		}
		out = append(out, l)
	}
	for _, l := range links {
		visit(l)
	}
	return out
}

// firstFree is the highest track that is free where the link needs it, and below those that turn before it.
func firstFree(l *link, links []*link, laneX func(int) int) int {
	track := 0
	for _, other := range links {
		if turnsBefore(other, l) {
			track = max(track, other.track+1)
		}
	}
	taken := map[int]bool{}
	for _, other := range links {
		if other != l && other.track >= track && overlap(other, l, laneX) {
			taken[other.track] = true
		}
	}
	for taken[track] {
		track++
	}
	return track
}

// overlap tells whether two links cannot be told apart in one row: at least one cell must stay free between them.
func overlap(a, b *link, laneX func(int) int) bool {
	aFrom, aTo := a.span(laneX)
	bFrom, bTo := b.span(laneX)
	return aFrom <= bTo+1 && bFrom <= aTo+1
}
