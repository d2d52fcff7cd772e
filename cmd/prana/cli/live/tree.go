package live

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"prana/engine/flow"
	"prana/handlers/api/explain"
)

// Bounds of what stands below a node; the rest is counted.
const (
	maxBelow = 3
	barCells = 10
)

// Tree draws an execution: a line for itself and one for each node, with its failed attempts, children and waits below it.
func Tree(v *flow.View, l Look) []string {
	t := tree{Look: l, view: v, waits: map[run]*flow.Suspension{}}
	for i := range v.Suspensions {
		s := &v.Suspensions[i]
		t.waits[run{s.Node, s.RunIndex}] = s
	}
	top := groups(v)
	for _, g := range top {
		t.measure(g, 0)
	}
	t.head()
	t.branches(top, "")
	return t.lines
}

// run names a run of a node.
type run struct {
	node  string
	index int
}

type tree struct {
	Look
	view  *flow.View
	waits map[run]*flow.Suspension
	names int // columns that names take, branches included
	words int
	lines []string
}

// measure makes the columns wide enough, but leaves room for what follows them.
func (t *tree) measure(g *group, depth int) {
	t.names = max(t.names, 3*(depth+1)+2+columns(g.title()))
	if t.Width > 0 {
		t.names = min(t.names, max(12, t.Width*2/5))
	}
	t.words = max(t.words, columns(t.sign(g).word))
	for _, b := range g.body {
		t.measure(b, depth+1)
	}
}

// title names a node, and how often it ran by itself.
func (g *group) title() string {
	if n := len(g.runs); n > 1 {
		return fmt.Sprintf("%s (run %d)", g.key, n)
	}
	return g.key
}

func (t *tree) head() {
	v, s := t.view, signOfAll(t.view.Status)
	end := t.Now
	if v.EndedAt != nil {
		end = *v.EndedAt
	}
	t.lines = append(t.lines, t.line(
		cell{t.glyph(s) + " ", s.color}, cell{v.Workflow + "  ", ""}, cell{v.ID + "  ", dim},
		cell{s.word, s.color}, cell{"  " + explain.Span(end.Sub(v.CreatedAt)), ""},
	))
}

func (t *tree) branches(all []*group, before string) {
	for i, g := range all {
		last := i == len(all)-1
		t.node(g, before+t.Branch(last))
		under := before + t.Stem(last)
		below := t.below(g)
		for j, text := range below {
			twig := under + t.Branch(j == len(below)-1 && len(g.body) == 0)
			t.lines = append(t.lines, t.line(cell{twig, dim}, cell{text, dim}))
		}
		t.branches(g.body, under)
	}
}

// Branch is what stands before a thing that is below another, the last of them or not.
func (l Look) Branch(last bool) string {
	switch {
	case l.ASCII && last:
		return "`- "
	case l.ASCII:
		return "|- "
	case last:
		return "└─ "
	}
	return "├─ "
}

// Stem is what stands before all that is below such a thing.
func (l Look) Stem(last bool) string {
	switch {
	case last:
		return "   "
	case l.ASCII:
		return "|  "
	}
	return "│  "
}

// node draws the line of a node: glyph, name, word, then how long and what about it.
func (t *tree) node(g *group, before string) {
	s := t.sign(g)
	room := t.names - columns(before) - 2
	name := padded(t.cut(t.plain(g.title()), max(3, room)), room)
	facts := strings.Join(t.facts(g), "; ")
	t.lines = append(t.lines, t.line(
		cell{before, dim}, cell{t.glyph(s) + " ", s.color}, cell{name + "  ", ""}, cell{padded(s.word, t.words), s.color}, cell{"  " + facts, ""},
	))
}

// sign is that of the last run. Of items it is that of what matters most.
func (t *tree) sign(g *group) sign {
	n := g.last()
	if len(g.runs) == 0 {
		n = weightiest(g.items)
	}
	return signOf(n, t.waits[run{n.Node, n.RunIndex}])
}

// weightiest is the run that people want to know of first.
func weightiest(runs []flow.NodeRun) flow.NodeRun {
	weight := map[flow.StepStatus]int{flow.StepQuarantined: 5, flow.StepPending: 4, flow.StepOpen: 4, flow.StepSuspended: 3, flow.StepFailed: 2, flow.StepCancelled: 1}
	best := runs[0]
	for _, n := range runs[1:] {
		if weight[n.Status] > weight[best.Status] {
			best = n
		}
	}
	return best
}

// facts say what there is to say of a node, the shortest first.
func (t *tree) facts(g *group) []string {
	n := g.last()
	facts := []string{explain.Span(t.took(g))}
	add := func(text string) {
		if text != "" {
			facts = append(facts, text)
		}
	}
	switch {
	case g.fan():
		add(t.progress(g))
	case len(g.runs) == 0:
		add(t.states(g))
		return facts
	}
	if n.Port != "" && n.Port != flow.PortMain && !n.Status.Live() {
		add("left by port " + n.Port)
	}
	if n.Attempt > 0 && n.Status != flow.StepSuspended {
		add(fmt.Sprintf("attempt %d", n.Attempt+1))
	}
	if n.Deaths > 0 {
		add(fmt.Sprintf("%d of its workers died", n.Deaths))
	}
	if n.ResumedBy != "" && n.Actor != "" {
		add(n.ResumedBy + " by " + n.Actor)
	}
	if s := t.waits[run{n.Node, n.RunIndex}]; s != nil {
		add(t.wait(*s))
	} else if n.Error != nil {
		add(n.Error.Text())
	}
	if len(n.Children) == 1 {
		add("child " + n.Children[0])
	}
	return facts
}

// took is how long a node has been at it. Clocks differ: it is never less than nothing.
func (t *tree) took(g *group) time.Duration {
	n := g.last()
	if len(g.runs) == 0 { // from the first item to the last
		end := t.end(g.items[0])
		for _, i := range g.items[1:] {
			if e := t.end(i); e.After(end) {
				end = e
			}
		}
		return max(0, end.Sub(g.items[0].CreatedAt))
	}
	begin := n.CreatedAt
	if n.StartedAt != nil && !n.Status.Live() {
		begin = *n.StartedAt
	}
	return max(0, t.end(n).Sub(begin))
}

func (l Look) end(n flow.NodeRun) time.Time {
	switch {
	case n.EndedAt != nil:
		return *n.EndedAt
	case n.Status.Live():
		return l.Now
	}
	return cmp.Or(at(n.StartedAt), n.CreatedAt)
}

// progress draws how far a node has come with its items.
func (t *tree) progress(g *group) string {
	over, bad, begun := g.tally()
	total, known := g.total()
	var text string
	if known {
		text = t.bar(over+bad, total) + fmt.Sprintf(" %d of %d", over+bad, total)
	} else {
		text = fmt.Sprintf("%d items over, %d under way", over+bad, begun-over-bad)
	}
	if bad > 0 {
		text += fmt.Sprintf(", %d failed", bad)
	}
	return text
}

// bar draws a part of a whole.
func (l Look) bar(part, whole int) string {
	full, empty := "█", "░"
	if l.ASCII {
		full, empty = "#", "."
	}
	cells := 0
	if whole > 0 {
		cells = min(part, whole) * barCells / whole
	}
	return "[" + strings.Repeat(full, cells) + strings.Repeat(empty, barCells-cells) + "]"
}

// states counts the runs of a node that runs for items.
func (t *tree) states(g *group) string {
	counts := map[string]int{}
	var words []string
	for _, n := range g.items {
		w := signOf(n, t.waits[run{n.Node, n.RunIndex}]).word
		if counts[w]++; counts[w] == 1 {
			words = append(words, w)
		}
	}
	for i, w := range words {
		words[i] = fmt.Sprintf("%d %s", counts[w], w)
	}
	return strings.Join(words, ", ")
}

// wait says what is waited for, how far it has come, and until when.
func (t *tree) wait(s flow.Suspension) string {
	text := strings.TrimPrefix(explain.Waiting(s, t.Now), "waits ")
	if part, whole := explain.Progress(s); whole > 0 {
		text = t.bar(part, whole) + " " + text
	}
	return text
}

// below lists what stands below a node: failed attempts and children.
func (t *tree) below(g *group) []string {
	if len(g.runs) == 0 {
		return nil
	}
	n := g.last()
	var rows []string
	for _, a := range n.Attempts {
		text := fmt.Sprintf("attempt %d failed", a.Number+1)
		if a.StartedAt != nil {
			text += " after " + explain.Span(a.EndedAt.Sub(*a.StartedAt))
		}
		if a.Error != nil {
			text += ": " + a.Error.Text()
		}
		rows = append(rows, text)
	}
	rows = newest(rows, "earlier attempts")
	children := g.children()
	if len(children) == 1 && len(n.Children) == 1 {
		return rows // the line of the node names it
	}
	var kids []string
	for _, id := range children {
		kids = append(kids, "child "+id)
	}
	return append(rows, oldest(kids, "children; "+cmp.Or(t.Program, "prana")+" relations "+t.view.ID)...)
}

// children are those of all runs of the node.
func (g *group) children() []string {
	var all []string
	for _, runs := range [][]flow.NodeRun{g.runs, g.items} {
		for _, n := range runs {
			all = append(all, n.Children...)
		}
	}
	return all
}

// newest keeps the last of many.
func newest(rows []string, what string) []string {
	if over := len(rows) - maxBelow; over > 0 {
		return append([]string{fmt.Sprintf("%d %s", over, what)}, rows[over:]...)
	}
	return rows
}

// oldest keeps the first of many.
func oldest(rows []string, what string) []string {
	if over := len(rows) - maxBelow; over > 0 {
		return append(rows[:maxBelow:maxBelow], fmt.Sprintf("%d more %s", over, what))
	}
	return rows
}
