package definition

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// rescue puts the comments of nodes that did not survive above the next thing
// that did, or below the last.
func (w *writer) rescue(document *yaml.Node) {
	if document == nil || len(w.entries) == 0 {
		return
	}
	slices.SortStableFunc(w.entries, func(a, b entry) int { return a.compare(b.place) })
	lost := w.lost(document, nil)
	slices.Reverse(lost) // each is put before what stands there
	for _, n := range lost {
		comment := joined(n.HeadComment, n.LineComment, n.FootComment)
		i, _ := slices.BinarySearchFunc(w.entries, place{n.Line, n.Column}, func(e entry, at place) int { return e.compare(at) })
		if i == len(w.entries) {
			last := w.entries[i-1].node
			last.FootComment = joined(comment, last.FootComment)
			continue
		}
		next := w.entries[i].node
		next.HeadComment = joined(comment, next.HeadComment)
	}
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.line, q.line), cmp.Compare(p.column, q.column))
}

// lost lists the nodes with comments that nothing carries, in the order of the source.
func (w *writer) lost(n *yaml.Node, into []*yaml.Node) []*yaml.Node {
	if !w.used[n] && n.HeadComment+n.LineComment+n.FootComment != "" {
		into = append(into, n)
	}
	for _, c := range n.Content {
		into = w.lost(c, into)
	}
	return into
}

// spaced puts the blank lines back that YAML's encoder does not know about.
func (w *writer) spaced(doc *yaml.Node, out []byte) ([]byte, error) {
	var again yaml.Node
	if err := yaml.Unmarshal(out, &again); err != nil {
		return nil, fmt.Errorf("reading the result: %w", err)
	}
	lines := bytes.SplitAfter(out, []byte("\n"))
	before := map[int]bool{} // 1-based lines
	w.places(doc, &again, before)
	var b bytes.Buffer
	for i, line := range lines {
		if before[i+1] && i > 0 && len(bytes.TrimSpace(lines[i-1])) > 0 {
			b.WriteByte('\n')
		}
		b.Write(line)
	}
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n'), nil
}

// places finds the lines of the result that follow a blank one. Both trees have
// the same shape.
func (w *writer) places(n, again *yaml.Node, before map[int]bool) {
	for i := range min(len(n.Content), len(again.Content)) {
		c := n.Content[i]
		if w.blank[c] && i > 0 {
			before[again.Content[i].Line-height(c.HeadComment)] = true
		}
		w.places(c, again.Content[i], before)
	}
}

// keptComments looks for every comment of a source in the result, as often as it
// is there: those that the YAML parser knows, and, since it can overlook some,
// those with a line of their own.
func (s *Source) keptComments(out string) error {
	if s.document == nil {
		return nil
	}
	known, alone := counted(commentsOf(s.document)), counted(append(s.overlooked(), s.lines...))
	for line := range counted(s.root.portedLines()) { // a line of a text, which now reads otherwise
		delete(alone, line)
	}
	for comment, n := range known {
		alone[comment] = max(alone[comment], n)
	}
	for _, comment := range slices.Sorted(maps.Keys(alone)) {
		if strings.Count(out, comment) < alone[comment] {
			return fmt.Errorf("the comment %q would be lost; put it elsewhere", comment)
		}
	}
	return nil
}

// opening is a line that ends with a comment which the YAML parser overlooks:
// behind an opening bracket, or behind the mark that ends a document.
var opening = regexp.MustCompile(`^(.*[\[{]|\.\.\.)[ \t]+(#.*?)\s*$`)

// overlooked lists the comments that the YAML parser does not tell of.
func (s *Source) overlooked() []string {
	var all []string
	for _, line := range s.lines {
		if m := opening.FindStringSubmatch(line); m != nil && !s.root.says(m[2]) {
			all = append(all, m[2])
		}
	}
	return all
}

// says tells whether a text of the tree contains a piece.
func (t *tree) says(piece string) bool {
	text, _ := t.text()
	return strings.Contains(text, piece) || t.ported != nil && strings.Contains(t.ported.written, piece) ||
		slices.ContainsFunc(t.fields, func(f field) bool { return f.value.says(piece) }) ||
		slices.ContainsFunc(t.items, func(e *tree) bool { return e.says(piece) })
}

// portedLines lists the lines of all texts that were rewritten.
func (t *tree) portedLines() []string {
	var lines []string
	if t.ported != nil {
		lines = strings.Split(t.ported.written, "\n")
	}
	for _, f := range t.fields {
		lines = append(lines, f.value.portedLines()...)
	}
	for _, e := range t.items {
		lines = append(lines, e.portedLines()...)
	}
	return lines
}

// counted counts the lines that are comments.
func counted(lines []string) map[string]int {
	count := map[string]int{}
	for _, line := range lines {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
			count[line]++
		}
	}
	return count
}

// commentsOf lists the lines of all comments.
func commentsOf(n *yaml.Node) []string {
	var all []string
	for _, c := range []string{n.HeadComment, n.LineComment, n.FootComment} {
		all = append(all, strings.Split(c, "\n")...)
	}
	for _, c := range n.Content {
		all = append(all, commentsOf(c)...)
	}
	return all
}

// gathered moves each comment that has lines of its own directly above what
// follows it. The YAML parser loses some comments that stand between two values
// with another indentation, or an empty line, between them, and those behind an
// opening bracket.
func gathered(src []byte) []byte {
	var kept []string
	inside := false // a comment began: empty lines would part it from what it belongs to
	for line := range strings.Lines(string(src)) {
		if m := opening.FindStringSubmatch(line); m != nil {
			kept, line = append(kept, m[2]+"\n"), m[1]+"\n"
		}
		text := strings.TrimSpace(line)
		if inside = strings.HasPrefix(text, "#") || inside && text == ""; !inside || text != "" {
			kept = append(kept, line)
		}
	}
	indent := ""
	for i, line := range slices.Backward(kept) {
		switch text := strings.TrimSpace(line); {
		case strings.HasPrefix(text, "#"):
			kept[i] = indent + text + "\n"
		case text != "":
			indent = line[:len(line)-len(strings.TrimLeft(line, " "))]
		}
	}
	return []byte(strings.Join(kept, ""))
}
