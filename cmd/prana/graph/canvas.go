package graph

import "strings"

// The directions in which a line leaves a cell.
const (
	up = 1 << iota
	right
	down
	left
)

// canvas is a grid of cells; each holds lines that leave it, or a character.
type canvas struct {
	cells [][]cell
}

type cell struct {
	lines  int
	text   rune
	corner rune // instead of what lines would be
}

func newCanvas(width, height int) *canvas {
	c := &canvas{cells: make([][]cell, height)}
	for y := range c.cells {
		c.cells[y] = make([]cell, width)
	}
	return c
}

func (c *canvas) at(x, y int) *cell { return &c.cells[y][x] }

// horizontal draws a line from one column to another, ends included.
func (c *canvas) horizontal(y, from, to int) {
	from, to = min(from, to), max(from, to)
	for x := from; x < to; x++ {
		c.at(x, y).lines |= right
		c.at(x+1, y).lines |= left
	}
}

// vertical draws a line from one row to another, ends included.
func (c *canvas) vertical(x, from, to int) {
	from, to = min(from, to), max(from, to)
	for y := from; y < to; y++ {
		c.at(x, y).lines |= down
		c.at(x, y+1).lines |= up
	}
}

func (c *canvas) print(x, y int, s string) {
	for i, r := range []rune(s) {
		c.at(x+i, y).text = r
	}
}

// box draws a frame whose corners are round or not.
func (c *canvas) box(x, y, width, height int, round bool) {
	right, bottom := x+width-1, y+height-1
	c.horizontal(y, x, right)
	c.horizontal(bottom, x, right)
	c.vertical(x, y, bottom)
	c.vertical(right, y, bottom)
	if round {
		c.at(x, y).corner, c.at(right, y).corner = '╭', '╮'
		c.at(x, bottom).corner, c.at(right, bottom).corner = '╰', '╯'
	}
}

// unicode has a character for each set of directions.
var unicode = [16]rune{
	0: ' ', up: '│', down: '│', left: '─', right: '─', up | down: '│', left | right: '─',
	down | right: '┌', down | left: '┐', up | right: '└', up | left: '┘',
	up | down | right: '├', up | down | left: '┤', left | right | down: '┬', left | right | up: '┴',
	up | down | left | right: '┼',
}

// text gives the drawing, in ASCII when asked, without empty rows around it.
func (c *canvas) text(ascii bool) string {
	var b strings.Builder
	for _, row := range c.cells {
		var line strings.Builder
		for _, cell := range row {
			line.WriteRune(cell.character(ascii))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return strings.Trim(b.String(), "\n") + "\n"
}

func (c cell) character(ascii bool) rune {
	switch {
	case c.text == arrowhead && ascii:
		return 'v'
	case c.text != 0:
		return c.text
	case ascii:
		return plain(c.lines)
	case c.corner != 0:
		return c.corner
	}
	return unicode[c.lines]
}

// arrowhead ends an edge; all arrows come from above.
const arrowhead = '▼'

func plain(lines int) rune {
	switch {
	case lines == 0:
		return ' '
	case lines&^(up|down) == 0:
		return '|'
	case lines&^(left|right) == 0:
		return '-'
	}
	return '+'
}
