package definition

import (
	"bytes"
	"fmt"
	"math"
	"slices"
)

// indentation says how far the line that breaks a file may be indented, when it stands beside none of the lines above
// that are still open.
func indentation(lines [][]byte, broken int) string {
	indented, dashed := margin(lines[broken])
	if indented > opened(lines[:broken]) {
		return ""
	}
	less, more := -1, -1
	for _, at := range open(lines[:broken], dashed) {
		switch {
		case at == indented:
			return ""
		case at < indented:
			less = max(less, at)
		case more < 0 || at < more:
			more = at
		}
	}
	switch {
	case less >= 0 && more >= 0:
		return fmt.Sprintf("it is indented by %s; indent it by %d or %d, as what stands above", spaces(indented), less, more)
	case max(less, more) >= 0:
		return fmt.Sprintf("it is indented by %s; indent it by %d, as what stands above", spaces(indented), max(less, more))
	}
	return ""
}

// opened is how far the last of the lines is indented, when its value begins below it: that may stand anywhere to the right.
// Else nothing may, and it is more than any line has.
func opened(lines [][]byte) int {
	for _, line := range slices.Backward(lines) {
		text := bytes.TrimSpace(line)
		if len(text) == 0 || text[0] == '#' {
			continue
		}
		if !bytes.HasSuffix(text, []byte(":")) {
			break
		}
		return len(line) - len(bytes.TrimLeft(line, " -"))
	}
	return math.MaxInt
}

// open lists the columns at which a line may stand after others: those of the list items, or of the names, that are not closed.
func open(lines [][]byte, dashed bool) []int {
	var columns []int
	limit := math.MaxInt
	for i := len(lines) - 1; i >= 0 && limit > 0; i-- {
		at, dash := margin(lines[i])
		text := bytes.TrimLeft(lines[i], " -")
		if at >= limit || len(text) == 0 || text[0] == '#' {
			continue
		}
		limit = at
		switch {
		case dash == dashed:
			columns = append(columns, at)
		case dash && text[0] != '{' && bytes.Contains(text, []byte(": ")): // the name beside the dash
			columns = append(columns, len(lines[i])-len(text))
		}
	}
	return columns
}

// margin is how far a line is indented, and whether an item of a list begins there.
func margin(line []byte) (indented int, dashed bool) {
	text := bytes.TrimLeft(line, " ")
	return len(line) - len(text), bytes.HasPrefix(text, []byte("- "))
}

func spaces(n int) string {
	if n == 1 {
		return "1 space"
	}
	return fmt.Sprintf("%d spaces", n)
}
