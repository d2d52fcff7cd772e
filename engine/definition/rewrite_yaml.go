package definition

import (
	"cmp"
	"strings"

	"go.yaml.in/yaml/v3"

	"prana/engine/flow"
)

// yaml writes the canonical tree of a source. What the tree has of the nodes it
// was read from (comments, quotes, blank lines) is kept.
func (s *Source) yaml() ([]byte, error) {
	w := &writer{lines: s.lines, used: map[*yaml.Node]bool{}, blank: map[*yaml.Node]bool{}}
	doc := &yaml.Node{Kind: yaml.DocumentNode}
	if s.document != nil {
		doc.HeadComment, doc.FootComment = s.document.HeadComment, s.document.FootComment
		w.used[s.document] = true
		keepOnTop(s.document.Content[0], s.root)
	}
	doc.Content = []*yaml.Node{w.node(s.root, false)}
	doc.Content[0].Style = 0
	w.rescue(s.document)
	out, err := write(doc)
	if err != nil {
		return nil, err
	}
	return w.spaced(doc, out)
}

// keepOnTop leaves the comment that a file begins with where it is, though
// another field may now be the first.
func keepOnTop(before *yaml.Node, root *tree) {
	if len(before.Content) == 0 || len(root.fields) == 0 {
		return
	}
	was, is := before.Content[0], root.fields[0].origin
	if is == nil || was == is {
		return
	}
	is.HeadComment = joined(was.HeadComment, is.HeadComment)
	was.HeadComment = ""
}

// writer turns a tree into nodes of YAML.
type writer struct {
	lines   []string // of the source
	used    map[*yaml.Node]bool
	blank   map[*yaml.Node]bool // what is written after a blank line
	entries []entry             // in the order of the output
}

// entry is what a comment can stand above: a name of a block mapping, or an
// element of a block list.
type entry struct {
	place // in the source
	node  *yaml.Node
}

// node writes one value; inLine tells that it stands inside brackets or braces.
func (w *writer) node(t *tree, inLine bool) *yaml.Node {
	if t.kind == scalarKind {
		return w.scalar(t, inLine)
	}
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	if t.kind == listKind {
		n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
	}
	w.carry(n, t.origin)
	inLine = inLine || oneLine(t.origin) || len(t.fields)+len(t.items) == 0
	if inLine {
		n.Style = yaml.FlowStyle
	}
	for _, f := range t.fields {
		name := w.name(f)
		w.entry(name, f.place, f.origin, inLine)
		value := w.node(f.value, inLine)
		if isBlock(value) { // what stood behind the closing brace belongs to the name now
			name.LineComment, value.LineComment = cmp.Or(name.LineComment, value.LineComment), ""
		}
		n.Content = append(n.Content, name, value)
	}
	for _, e := range t.items {
		item := w.node(e, inLine)
		if isBlock(item) {
			item.HeadComment, item.LineComment = joined(item.HeadComment, item.LineComment), ""
		}
		w.entry(item, e.place, e.origin, inLine)
		n.Content = append(n.Content, item)
	}
	return n
}

func isBlock(n *yaml.Node) bool { return n.Kind != yaml.ScalarNode && n.Style&yaml.FlowStyle == 0 }

func (w *writer) entry(n *yaml.Node, at place, origin *yaml.Node, inLine bool) {
	if inLine {
		return
	}
	w.entries = append(w.entries, entry{at, n})
	w.blank[n] = origin != nil && w.afterBlank(origin)
}

// afterBlank tells whether the source has an empty line above a node and its comment.
func (w *writer) afterBlank(n *yaml.Node) bool {
	above := n.Line - 1 - height(n.HeadComment)
	return above >= 1 && above <= len(w.lines) && strings.TrimSpace(w.lines[above-1]) == ""
}

// height is how many lines a comment takes.
func height(comment string) int {
	if comment == "" {
		return 0
	}
	return 1 + strings.Count(comment, "\n")
}

// carry takes over the comments of the node that another stands for.
func (w *writer) carry(n, origin *yaml.Node) {
	if origin == nil || w.used[origin] {
		return
	}
	w.used[origin] = true
	n.HeadComment = strings.TrimRight(origin.HeadComment, "\n") // some hold the empty line below them
	n.LineComment, n.FootComment = origin.LineComment, origin.FootComment
}

func (w *writer) name(f field) *yaml.Node {
	n := scalar(f.name)
	if f.origin != nil && f.origin.Value == f.name {
		n.Style, n.Tag = quotes(f.origin), f.origin.Tag
	}
	w.carry(n, f.origin)
	return n
}

// scalar keeps the way a value is written as long as it is the same value. Inside braces a name alone has the value null, which is
// then spelled out: the library would write an empty string.
func (w *writer) scalar(t *tree, inLine bool) *yaml.Node {
	n := fresh(t.scalar)
	if o := t.origin; o != nil && o.Kind == yaml.ScalarNode && !(inLine && o.Tag == "!!null" && o.Value == "") {
		if was, _ := scalarOf(o); was == t.scalar {
			n = &yaml.Node{Kind: yaml.ScalarNode, Tag: o.Tag, Value: o.Value, Style: quotes(o)}
		}
	}
	w.carry(n, t.origin)
	return n
}

// fresh writes a scalar that the source does not spell out in YAML. By way of
// JSON, since a float that is whole would need a tag.
func fresh(v any) *yaml.Node {
	if raw, err := flow.Encode(v); err == nil {
		v, _ = flow.Decode(raw)
	}
	return yamlNode(v, nil)
}

// quotes makes single quotes double, unless that would need escapes.
func quotes(n *yaml.Node) yaml.Style {
	if n.Style&yaml.SingleQuotedStyle != 0 && !strings.ContainsAny(n.Value, `"\`) {
		return yaml.DoubleQuotedStyle
	}
	return n.Style
}

// oneLine tells whether a collection is written in brackets or braces, on one
// line and without comments inside.
func oneLine(n *yaml.Node) bool {
	return n != nil && n.Kind != yaml.ScalarNode && n.Style&yaml.FlowStyle != 0 && onLine(n, n.Line)
}

func onLine(n *yaml.Node, line int) bool {
	for _, c := range n.Content {
		if c.Line != line || c.HeadComment+c.LineComment+c.FootComment != "" || !onLine(c, line) {
			return false
		}
	}
	return true
}

func joined(comments ...string) string {
	var all []string
	for _, c := range comments {
		if c != "" {
			all = append(all, c)
		}
	}
	return strings.Join(all, "\n")
}
