package eval

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"

	"prana/engine/flow"
)

// scanned is an expression ready for the parser.
type scanned struct {
	source string
	old    []int // see location
}

// scanError is a refusal at a rune of the expression as written.
type scanError struct {
	pos           int
	code, message string
	hint          string
}

// scan reads the tokens of an expression, refuses what would endanger the
// parser, and rewrites our dialect into expr's: filters without parentheses,
// and names whose shape differs from expr's. It works on tokens, so literals
// and "||" are never touched.
func scan(src string) (scanned, *scanError) {
	if len(src) > maxSource {
		return scanned{}, &scanError{code: CodeTooLarge, message: "the expression is longer than 4096 bytes"}
	}
	if !utf8.ValidString(src) {
		return scanned{}, &scanError{code: CodeBadExpression, message: "the expression is not valid UTF-8"}
	}
	if strings.TrimSpace(src) == "" {
		return scanned{}, &scanError{code: CodeBadExpression, message: "the expression is empty"}
	}
	tokens, err := lexer.Lex(file.NewSource(src))
	if err != nil {
		return scanned{}, lexError(err)
	}
	if err := checkDepth(tokens); err != nil {
		return scanned{}, err
	}
	d := dialect{tokens: tokens}
	for i := range tokens {
		d.token(i)
	}
	return d.apply(src), nil
}

func lexError(err error) *scanError {
	out := &scanError{code: CodeBadExpression, message: err.Error()}
	if e, ok := errors.AsType[*file.Error](err); ok {
		out.pos, out.message = e.From, e.Message
	}
	return out
}

// checkDepth refuses nesting that would make the parser recurse deeply. A
// stack overflow cannot be recovered from, so this comes before parsing.
func checkDepth(tokens []lexer.Token) *scanError {
	depth, unary := 0, 0
	for _, t := range tokens {
		switch {
		case t.Is(lexer.Bracket, "(", "[", "{"):
			depth++
		case t.Is(lexer.Bracket, ")", "]", "}"):
			depth--
		}
		if t.Is(lexer.Operator, "-", "+", "!", "not") {
			unary++
		} else {
			unary = 0
		}
		if depth > maxDepth || unary > maxDepth {
			return &scanError{pos: t.From, code: CodeTooLarge, message: "the expression is nested too deeply"}
		}
	}
	return nil
}

// edit replaces the runes from..to of the source.
type edit struct {
	from, to int
	text     string
}

type dialect struct {
	tokens []lexer.Token
	edits  []edit
}

func (d *dialect) at(i int) lexer.Token {
	if i < 0 || i >= len(d.tokens) {
		return lexer.Token{Kind: lexer.EOF}
	}
	return d.tokens[i]
}

// token looks at one token that may be a number, or the name of a function.
func (d *dialect) token(i int) {
	t := d.at(i)
	if t.Kind == lexer.Number {
		d.number(t)
		return
	}
	piped := d.at(i-1).Is(lexer.Operator, "|")
	called := d.at(i+1).Is(lexer.Bracket, "(")
	if !piped && !called || d.at(i-1).Is(lexer.Operator, ".", "?.") {
		return
	}
	switch {
	case t.Is(lexer.Operator, "contains"):
		if !piped && d.endsOperand(i-1) {
			return
		}
		d.rename(t, fnContains)
	case t.Kind != lexer.Identifier:
		return
	case t.Value == "group_by":
		d.rename(t, "groupBy")
	case t.Value == "filter", t.Value == "reject":
		if called {
			d.selection(i, piped)
		}
	}
	if piped && !called {
		d.edits = append(d.edits, edit{t.To, t.To, "()"})
	}
}

// number keeps the digits of a literal that the parser would refuse or round.
func (d *dialect) number(t lexer.Token) {
	if n, err := flow.Number(t.Value); err == nil {
		if n, ok := n.(json.Number); ok {
			d.edits = append(d.edits, edit{t.From, t.To, fnNumber + "(" + quote(n.String()) + ")"})
		}
	}
}

func (d *dialect) rename(t lexer.Token, name string) {
	d.edits = append(d.edits, edit{t.From, t.To, name})
}

// endsOperand tells the operator in `a contains (b)` from the function in
// `contains(a, b)`.
func (d *dialect) endsOperand(i int) bool {
	t := d.at(i)
	switch t.Kind {
	case lexer.Identifier, lexer.Number, lexer.String, lexer.Bytes:
		return true
	case lexer.Bracket:
		return t.Is(lexer.Bracket, ")", "]", "}")
	case lexer.Operator:
		return t.Value == "not" && d.endsOperand(i-1)
	}
	return false
}

// selection rewrites filter and reject. With a field and a value they become
// plain functions; reject with a predicate becomes filter with its negation,
// because only expr's own names can take predicates.
func (d *dialect) selection(i int, piped bool) {
	open := i + 1
	end, commas := d.arguments(open)
	if end < 0 {
		return
	}
	args := len(commas) + 1
	if end == open+1 {
		args = 0
	}
	first := open // the token before the first argument after the list
	if piped {
		args++
	} else if len(commas) > 0 {
		first = commas[0]
	}
	name := d.at(i)
	switch {
	case name.Value == "filter" && args == 3:
		d.rename(name, fnFilterBy)
	case name.Value == "reject" && args == 2:
		d.rename(name, "filter")
		d.edits = append(d.edits,
			edit{d.at(first).To, d.at(first).To, " not ("},
			edit{d.at(end).From, d.at(end).From, ")"})
	}
}

// arguments finds the bracket that closes the one at open, and the commas
// between its arguments. end is -1 when there is none.
func (d *dialect) arguments(open int) (end int, commas []int) {
	depth := 0
	for i := open; i < len(d.tokens); i++ {
		t := d.tokens[i]
		switch {
		case t.Is(lexer.Bracket, "(", "[", "{"):
			depth++
		case t.Is(lexer.Bracket, ")", "]", "}"):
			depth--
		case depth == 1 && t.Is(lexer.Operator, ",") && !d.at(i+1).Is(lexer.Bracket, ")"):
			commas = append(commas, i)
		}
		if depth == 0 {
			return i, commas
		}
	}
	return -1, nil
}

// apply makes the edits and remembers where each rune came from. Edits of
// nested calls may come out of order.
func (d *dialect) apply(src string) scanned {
	if len(d.edits) == 0 {
		return scanned{source: src}
	}
	sortEdits(d.edits)
	runes := []rune(src)
	var out []rune
	var old []int
	next := 0
	for _, e := range d.edits {
		for ; next < e.from; next++ {
			out, old = append(out, runes[next]), append(old, next)
		}
		for _, r := range e.text {
			out, old = append(out, r), append(old, e.from)
		}
		next = max(next, e.to)
	}
	for ; next < len(runes); next++ {
		out, old = append(out, runes[next]), append(old, next)
	}
	return scanned{source: string(out), old: append(old, len(runes))}
}
