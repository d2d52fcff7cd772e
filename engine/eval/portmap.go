package eval

import (
	"slices"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"
)

// Rewritten is a string whose expressions were rewritten.
type Rewritten struct {
	Text string
	// Offsets says for each byte of Text, and for its end, which byte of the string it was.
	Offsets []int
	// Whole: an expression in braces reads $input as it is. (Without braces only the guide writes it, and means what arrived.)
	Whole bool
}

// FromPortMap rewrites a string in which $input is a map of ports, as in Prana:
// $input.main.x becomes $input.x, and $input.PORT becomes $inputs.PORT for the
// ports there are. Literals, text around templates, and what cannot be read stay.
func FromPortMap(s string, ports []string) Rewritten {
	r := &portMap{ports: ports}
	at := 0
	for _, p := range expressionsOf(s) {
		r.keep(s[at:p.at], at)
		r.expression(p.text, p.at)
		at = p.at + len(p.text)
	}
	r.keep(s[at:], at)
	r.out.Offsets = append(r.out.Offsets, len(s))
	r.out.Whole = r.out.Whole && isTemplate(s)
	return r.out
}

// expressionsOf finds the expressions that stand in a string.
func expressionsOf(s string) []part {
	if bareRoot(s, []string{"$input"}) != "" {
		return []part{{text: s, expr: true}}
	}
	parts, _ := split(s)
	return slices.DeleteFunc(parts, func(p part) bool { return !p.expr })
}

type portMap struct {
	ports []string
	out   Rewritten
}

// keep copies a piece that begins at a byte of the string.
func (r *portMap) keep(piece string, at int) {
	r.out.Text += piece
	for i := range len(piece) {
		r.out.Offsets = append(r.out.Offsets, at+i)
	}
}

// expression rewrites src, which begins at byte base of the string.
func (r *portMap) expression(src string, base int) {
	var edits []edit
	if tokens, err := lexer.Lex(file.NewSource(src)); err == nil {
		edits = r.edits(tokens)
	}
	runes, next := []rune(src), 0
	keep := func(to int) { r.keep(string(runes[next:to]), base+len(string(runes[:next]))) }
	for _, e := range edits {
		keep(e.from)
		for range e.text {
			r.out.Offsets = append(r.out.Offsets, base+len(string(runes[:e.from])))
		}
		r.out.Text += e.text
		next = e.to
	}
	keep(len(runes))
}

func (r *portMap) edits(tokens []lexer.Token) []edit {
	d := dialect{tokens: tokens}
	var edits []edit
	for i, t := range tokens {
		if !t.Is(lexer.Identifier, "$input") || d.at(i-1).Is(lexer.Operator, ".", "?.") {
			continue
		}
		name, end, ok := d.step(i + 1)
		switch {
		case !ok:
			r.out.Whole = r.out.Whole || !d.at(i+1).Is(lexer.Bracket, "[")
		case name == "main":
			edits = append(edits, edit{t.To, end, ""})
		case slices.Contains(r.ports, name):
			edits = append(edits, edit{t.To, t.To, "s"})
		}
	}
	return edits
}

// step reads one constant step of a path, .NAME or ["NAME"], from token i on.
func (d *dialect) step(i int) (name string, end int, ok bool) {
	switch next := d.at(i + 1); {
	case d.at(i).Is(lexer.Operator, ".", "?.") && next.Kind == lexer.Identifier:
		return next.Value, next.To, true
	case d.at(i).Is(lexer.Bracket, "[") && next.Kind == lexer.String && d.at(i+2).Is(lexer.Bracket, "]"):
		return next.Value, d.at(i + 2).To, true
	}
	return "", 0, false
}
