package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The severities. An error keeps a definition from being published.
const (
	SeverityError   = "error"
	SeverityWarning = "warning"
)

// Diagnostic is one thing wrong with a definition.
type Diagnostic struct {
	Severity string `json:"severity"`
	Code     string `json:"code"` // one of the Code constants
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
	Path     string `json:"path,omitempty"` // such as "nodes[2].params.url"
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`    // 1-based; 0 = unknown
	Column   int    `json:"column,omitempty"`  // 1-based, in characters
	Excerpt  string `json:"excerpt,omitempty"` // the line of the source, cut when it is long

	// Offset is the byte inside the string at Path; OnKey points at the name at Path instead of its value.
	// Both serve whoever knows the source and fills in the position.
	Offset int  `json:"-"`
	OnKey  bool `json:"-"`
}

// String gives "file:line:col severity CODE message", the line, a caret and the hint.
func (d Diagnostic) String() string {
	var b strings.Builder
	if where := d.where(); where != "" {
		b.WriteString(where + " ")
	}
	fmt.Fprintf(&b, "%s %s %s", d.Severity, d.Code, d.Message)
	if d.Excerpt != "" {
		b.WriteString("\n    " + d.Excerpt + "\n    " + d.margin() + "^")
	}
	if d.Hint != "" {
		b.WriteString("\n  " + d.Hint)
	}
	return b.String()
}

func (d Diagnostic) where() string {
	if d.Line == 0 {
		return strings.TrimPrefix(d.File+":"+d.Path, ":")
	}
	position := strconv.Itoa(d.Line) + ":" + strconv.Itoa(d.Column)
	return strings.TrimPrefix(d.File+":"+position, ":")
}

// A long line is shown as a window; for a late position it begins windowLead characters before.
const (
	windowWidth = 120
	windowLate  = 80
	windowLead  = 60
	ellipsis    = "…"
)

// Place fills in the position and the excerpt, given the whole line of the source.
func (d *Diagnostic) Place(file string, line, column int, source string) {
	d.File, d.Line, d.Column = file, line, column
	source = strings.TrimRight(source, "\r\n")
	d.Excerpt = characters(source, 0, windowWidth)
	if column > windowLate && utf8.RuneCountInString(source) > windowWidth {
		d.Excerpt = ellipsis + characters(source, column-1-windowLead, windowWidth-1)
	}
}

// characters cuts n characters out of a line, without copying all of it.
func characters(line string, from, n int) string {
	start := len(line)
	count := 0
	for i := range line {
		switch count {
		case from:
			start = i
		case from + n:
			return line[start:i] + ellipsis
		}
		count++
	}
	return line[start:]
}

// margin is what stands before the caret; tabs stay, so that it lands below its character.
func (d Diagnostic) margin() string {
	width := d.Column - 1
	if strings.HasPrefix(d.Excerpt, ellipsis) && d.Column > windowLate {
		width = windowLead + 1
	}
	var b strings.Builder
	for i, r := range []rune(d.Excerpt) {
		if i >= width {
			break
		}
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

// The bounds of one list: nobody reads further, and a file can be wrong everywhere.
const (
	maxErrors   = 200
	maxWarnings = 100
)

// Append adds a diagnostic, unless there are very many of its severity already.
func Append(ds []Diagnostic, d Diagnostic) []Diagnostic {
	bound := maxErrors
	if d.Severity == SeverityWarning {
		bound = maxWarnings
	}
	for _, other := range ds {
		if other.Severity == d.Severity {
			bound--
		}
	}
	if bound <= 0 {
		return ds
	}
	return append(ds, d)
}

// HasErrors tells whether one of them is an error.
func HasErrors(ds []Diagnostic) bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return d.Severity == SeverityError })
}

// Sort orders diagnostics by their place in the source.
func Sort(ds []Diagnostic) {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// Join extends a path by a name; names that would read like a path are quoted.
func Join(path, name string) string {
	if name == "" || strings.ContainsAny(name, ".[]\" \t\n") {
		return path + "[" + strconv.Quote(name) + "]"
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// At extends a path by a place in a list.
func At(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// DidYouMean is a hint that names the option closest to what was written, or "".
func DidYouMean(written string, options []string) string {
	if len(options) > MaxNodes {
		return ""
	}
	best, distance := "", 1+max(1, len([]rune(written))/3)
	for _, o := range slices.Sorted(slices.Values(options)) {
		if n := editDistance(strings.ToLower(written), strings.ToLower(o)); n < distance {
			best, distance = o, n
		}
	}
	if best == "" {
		best = lengthened(written, options)
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// lengthened is the only option that goes on after what was written: timeout_ms for timeout.
func lengthened(written string, options []string) (found string) {
	for _, o := range options {
		switch {
		case written == "" || !strings.HasPrefix(o, written+"_"):
		case found != "":
			return ""
		default:
			found = o
		}
	}
	return found
}

// maxListed bounds a list of options in a hint.
const maxListed = 20

// suggest falls back to the list of options when none is close.
func suggest(written string, what string, options []string) string {
	if hint := DidYouMean(written, options); hint != "" {
		return hint
	}
	if len(options) == 0 {
		return ""
	}
	if len(options) > maxListed {
		options = append(slices.Clone(options[:maxListed]), ellipsis)
	}
	return what + ": " + strings.Join(options, ", ")
}

// editDistance counts insertions, deletions, replacements and swaps of neighbours.
func editDistance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 128 || len(y) > 128 {
		return 1000
	}
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			rows[i][j] = editStep(rows, x, y, i, j)
		}
	}
	return rows[len(x)][len(y)]
}

func editStep(rows [][]int, x, y []rune, i, j int) int {
	cost := 1
	if x[i-1] == y[j-1] {
		cost = 0
	}
	n := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
	if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
		n = min(n, rows[i-2][j-2]+1)
	}
	return n
}
