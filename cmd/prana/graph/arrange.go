package graph

import (
	"cmp"
	"slices"
)

// sweeps is how often the layers are put in order, down and up; more brings nothing for graphs that people read.
const sweeps = 8

// arrange orders each layer by the middle of its neighbours, which keeps most edges from crossing.
func (d *drawing) arrange() {
	for i := range sweeps {
		if i%2 == 0 {
			for l := 1; l < len(d.layers); l++ {
				order(d.layers[l], d.layers[l-1], func(s *slot) []*slot { return s.above })
			}
			continue
		}
		for l := len(d.layers) - 2; l >= 0; l-- {
			order(d.layers[l], d.layers[l+1], func(s *slot) []*slot { return s.below })
		}
	}
}

func order(layer, fixed []*slot, near func(*slot) []*slot) {
	place := make(map[*slot]int, len(fixed))
	for i, s := range fixed {
		place[s] = i
	}
	for i, s := range layer {
		s.center = float64(i) // without neighbours it stays where it is
		if all := near(s); len(all) > 0 {
			sum := 0
			for _, n := range all {
				sum += place[n]
			}
			s.center = float64(sum) / float64(len(all))
		}
	}
	slices.SortStableFunc(layer, func(a, b *slot) int { return cmp.Compare(a.center, b.center) })
}

// settle finds the columns: each slot as near to the middle of its neighbours as those beside it allow.
func (d *drawing) settle() {
	for _, layer := range d.layers {
		spread(layer)
	}
	for i := range sweeps {
		for l := range d.layers {
			if i%2 == 1 {
				l = len(d.layers) - 1 - l
			}
			for _, s := range d.layers[l] {
				s.wish(i%2 == 1)
			}
			place(d.layers[l])
		}
	}
	d.trim()
}

// spread sets slots side by side.
func spread(layer []*slot) {
	x := 0
	for _, s := range layer {
		s.x = x
		x += s.width + gap
	}
}

func (s *slot) middle() float64 { return float64(s.x) + float64(s.width-1)/2 }

// wish is where the slot would be if it were alone.
func (s *slot) wish(fromBelow bool) {
	near, other := s.above, s.below
	if fromBelow {
		near, other = other, near
	}
	if len(near) == 0 {
		near = other
	}
	s.center = s.middle()
	if len(near) == 0 {
		return
	}
	sum := 0.0
	for _, n := range near {
		sum += n.middle()
	}
	s.center = sum / float64(len(near))
}

// place moves the slots of a layer towards their wishes. Those that push against each other share the way: a group
// stands where its members wish on average.
func place(layer []*slot) {
	type group struct {
		slots []*slot
		start float64 // wanted left side
		width int
	}
	var groups []group
	for _, s := range layer {
		g := group{[]*slot{s}, s.center - float64(s.width-1)/2, s.width}
		for len(groups) > 0 {
			last := groups[len(groups)-1]
			if last.start+float64(last.width+gap) <= g.start {
				break
			}
			a, b := float64(len(last.slots)), float64(len(g.slots))
			start := (last.start*a + (g.start-float64(last.width+gap))*b) / (a + b)
			g = group{append(last.slots, g.slots...), start, last.width + gap + g.width}
			groups = groups[:len(groups)-1]
		}
		groups = append(groups, g)
	}
	left := -farRight
	for _, g := range groups {
		x := max(left, floor(g.start+0.5))
		for _, s := range g.slots {
			s.x = x
			x += s.width + gap
		}
		left = x
	}
}

func floor(f float64) int {
	n := int(f)
	if float64(n) > f {
		n--
	}
	return n
}

// trim moves the drawing to the left edge, and measures it.
func (d *drawing) trim() {
	least := farRight
	for _, layer := range d.layers {
		least = min(least, layer[0].x)
	}
	for _, layer := range d.layers {
		for _, s := range layer {
			s.x -= least
			d.width = max(d.width, s.x+s.width)
		}
	}
}
