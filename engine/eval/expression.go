package eval

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker"
	exprcompiler "github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// runName is the variable that holds the [run]. No expression can spell it.
const runName = "@"

// expression is one compiled expression.
type expression struct {
	path    string // in the parameter tree
	at      location
	program *vm.Program
	direct  *rootPath // the whole expression is this path: no machine needed
}

func (x *expression) eval(r *run) (any, error) {
	v, err := x.compute(r)
	if err == nil {
		v, err = r.result(v)
	}
	if err == nil {
		return v, nil
	}
	pos := 0
	message := err.Error()
	if e, ok := errors.AsType[*file.Error](err); ok {
		pos, message = e.From, e.Message
	}
	return nil, x.errorAt(pos, r.redact(message))
}

func (x *expression) compute(r *run) (any, error) {
	if x.direct != nil {
		return r.path(x.direct)
	}
	if r.turns > 0 {
		if err := r.step(stepsPerRun); err != nil {
			return nil, err
		}
	}
	machine := vm.VM{MemoryBudget: maxVMMemory}
	return machine.Run(x.program, r.machineEnv())
}

func (x *expression) errorAt(pos int, message string) *Error {
	_, line, column := x.at.at(pos)
	return &Error{Path: x.path, Source: x.at.text, Line: line, Column: column, Message: message}
}

// expression compiles src, which begins at byte offset of the string text.
func (c *compiler) expression(path, text string, offset int, src, hint string) evaluator {
	// Positions without a better place point at the first character.
	trimmed := strings.TrimLeft(src, " \t\r\n")
	offset, src = offset+len(src)-len(trimmed), trimmed
	x := &expression{path: path, at: location{text: text, base: utf8.RuneCountInString(text[:offset])}}
	w := &rewriter{c: c, path: path, at: x.at, first: len(c.paths)}
	s, bad := scan(src)
	if bad != nil {
		w.issue(bad.pos, bad.code, bad.message, cmp.Or(bad.hint, hint))
		return nil
	}
	x.at.old, w.at.old = s.old, s.old
	before := len(c.issues)
	program, direct, err := compile(s.source, w)
	if len(c.issues) > before {
		return nil
	}
	if err != nil {
		pos := 0
		message := err.Error()
		if e, ok := errors.AsType[*file.Error](err); ok {
			pos, message = e.From, e.Message
		}
		code, message := plain(message)
		w.issue(pos, code, message, hint)
		return nil
	}
	x.program, x.direct = program, direct
	return x
}

// compile is expr's own pipeline, with our rewriting between parser and
// checker. The optimizer is left out: it would fold constants without limits.
func compile(src string, w *rewriter) (p *vm.Program, direct *rootPath, err error) {
	defer func() {
		// The parser panics on some inputs once it has met its node limit.
		if v := recover(); v != nil {
			p, err = nil, errors.New("the expression is too large or malformed")
		}
	}()
	config := newConfig()
	tree, err := parser.ParseWithConfig(src, config)
	if err != nil {
		return nil, nil, err
	}
	issues := len(w.c.issues)
	tree.Node = w.node(tree.Node)
	if len(w.c.issues) > issues {
		return nil, nil, nil
	}
	if _, err := checker.Check(tree, config); err != nil {
		return nil, nil, err
	}
	p, err = exprcompiler.Compile(tree, config)
	return p, directPath(tree.Node), err
}

func directPath(n ast.Node) *rootPath {
	c, ok := n.(*ast.CallNode)
	if !ok || c.Callee.(*ast.IdentifierNode).Value != "@path" {
		return nil
	}
	return c.Arguments[1].(*ast.ConstantNode).Value.(*rootPath)
}

// disabled are all of expr's functions: ours replace them, with budgets. The
// predicates are syntax and stay.
var disabled = func() map[string]bool {
	m := map[string]bool{}
	for _, b := range builtin.Builtins {
		m[b.Name] = true
	}
	return m
}()

func newConfig() *conf.Config {
	c := &conf.Config{
		MaxNodes:     maxNodes,
		ShortCircuit: true,
		Functions:    table,
		Disabled:     disabled,
	}
	c.WithEnv(map[string]any{runName: (*run)(nil)})
	return c
}

// plain puts the parser's words into ours, and finds the code.
func plain(message string) (code, text string) {
	if strings.HasPrefix(message, "compilation failed: ") {
		return CodeTooLarge, "the expression is too large"
	}
	return CodeBadExpression, strings.ReplaceAll(message, "unexpected token EOF", "unexpected end of expression")
}

func quote(s string) string { return fmt.Sprintf("%q", s) }

func sortEdits(edits []edit) {
	slices.SortStableFunc(edits, func(a, b edit) int {
		if a.from != b.from {
			return a.from - b.from
		}
		if a.to != b.to {
			return a.to - b.to
		}
		// The call of a filter ends before the argument that it stands in.
		return len(b.text) - len(a.text)
	})
}
