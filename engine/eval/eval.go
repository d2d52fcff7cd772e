// Package eval compiles and evaluates the expressions and templates of a
// workflow: parameters such as "https://x/{{ $input.id }}", conditions, and the
// matches of events. It is the only importer of expr-lang.
//
// Everything is checked when a definition is compiled: roots, node keys,
// function names and sizes. At run time a [Program] works within fixed limits
// (see limits.go), because expressions come from definitions and their data
// from anywhere.
package eval

import (
	"fmt"
	"slices"
	"strings"
)

// Scope says what an expression may name. The zero value knows every node key,
// no names of $env, and no roots beyond the common ones.
type Scope struct {
	Nodes map[string]bool // known node keys; nil means unknown, so not checked
	Extra []string        // further legal roots, such as "$response" and "$http" in polls, "$event" in matches
	Env   []string        // names of $env that may be read
}

// Issue is one problem found while compiling.
type Issue struct {
	Path    string // where in the parameter tree, such as "headers.X[0]"; "" is the value itself
	Offset  int    // bytes from the start of the string
	Line    int    // 1-based line inside the string; 0 when unknown
	Column  int    // 1-based column inside that line, in characters; 0 when unknown
	Code    string // one of the Code constants
	Message string // what is wrong
	Hint    string // what to do about it; may be empty
	Warning bool   // the program is made all the same
}

// The codes of issues.
const (
	CodeBadExpression    = "bad_expression"    // the expression cannot be parsed, or its types cannot fit
	CodeBadArguments     = "bad_arguments"     // a function has too few or too many arguments
	CodeUnclosed         = "unclosed_template" // "{{" without its "}}"
	CodeUnknownRoot      = "unknown_root"      // a name that is not a root, such as $inptu
	CodeUnknownNode      = "unknown_node"      // $nodes.KEY where no node has that key
	CodeUnknownField     = "unknown_field"     // $nodes.KEY.x where x is not output, error, port or context
	CodeUnknownFunction  = "unknown_function"  // a function or filter that does not exist
	CodeEnvNotAllowed    = "env_not_allowed"   // $env.NAME where NAME is not on the allow-list
	CodeDynamicReference = "dynamic_reference" // $nodes, $env or $secrets without a constant name
	CodeNotAllowed       = "not_allowed"       // refused for safety: reduce, repeat, deep predicates, ...
	CodeTooLarge         = "too_large"         // longer or deeper than the limits
	CodeBadDirective     = "bad_directive"     // a warning: a name such as #map that is no directive as it is used
)

// String gives the issue on one line, for logs and tests.
func (i Issue) String() string {
	s := i.Code + ": " + i.Message
	if i.Line > 0 {
		s = fmt.Sprintf("%d:%d %s", i.Line, i.Column, s)
	}
	if i.Path != "" {
		s = i.Path + " " + s
	}
	if i.Hint != "" {
		s += " (" + i.Hint + ")"
	}
	return s
}

// Env holds the values of the roots under their names without the dollar:
// "input", "inputs", "nodes" (key -> map with output, error, port, context),
// "vars", "env", "secrets", "workflow", "execution", "trigger", "loop", "now",
// "response", "http", "event". A root that is missing reads as nil. Values are
// JSON-like, and "now" may be a [time.Time]; evaluation never changes them.
type Env map[string]any

// Program is a compiled value or condition. It is immutable and safe for
// concurrent use; the zero value evaluates to nil.
type Program struct {
	root  evaluator
	refs  Refs
	paths []Path
}

// CompileValue compiles a parameter tree. Strings anywhere inside it may hold
// templates, and objects may be directives such as {"#map": [list, template]};
// map keys never hold templates. With issues that are no warnings the program
// is nil.
func CompileValue(v any, s Scope) (*Program, []Issue) {
	c := newCompiler(s)
	root := c.value("", v)
	return c.finish(root)
}

// CompileCondition compiles one expression, written with or without braces: a
// `condition`, `until`, `match`, or the source of a code node. With issues the
// program is nil.
func CompileCondition(src string, s Scope) (*Program, []Issue) {
	c := newCompiler(s)
	root := c.condition("", src)
	return c.finish(root)
}

// Refs says what the program reads, as the union over its tree.
func (p *Program) Refs() Refs { return p.refs.clone() }

// IsConstant reports whether the program holds no expression, so that Eval
// returns the compiled value itself, whatever the Env.
func (p *Program) IsConstant() bool {
	_, ok := p.root.(constant)
	return ok || p.root == nil
}

// Eval computes the value. Parts of the tree without expressions, and values
// taken from env, are shared with the result and not copied: treat it as
// read-only. Every failure is an [*Error].
func (p *Program) Eval(env Env) (any, error) {
	if c, ok := p.root.(constant); ok {
		return c.value, nil
	}
	if p.root == nil {
		return nil, nil
	}
	return p.root.eval(newRun(env))
}

// EvalBool computes a condition: a boolean, or one of the strings "true" and
// "false". Anything else, nil included, is an [*Error].
func (p *Program) EvalBool(env Env) (bool, error) {
	v, err := p.Eval(env)
	if err != nil {
		return false, err
	}
	return boolean(p.root, v)
}

// boolean takes what a condition gave.
func boolean(condition evaluator, v any) (bool, error) {
	switch v {
	case true, "true":
		return true, nil
	case false, "false":
		return false, nil
	}
	e := &Error{Message: "the condition must give true or false, not " + kindOf(v)}
	if x, ok := condition.(*expression); ok {
		e = x.errorAt(0, e.Message)
	}
	return false, e
}

// compiler walks a parameter tree and gathers issues and references.
type compiler struct {
	scope  Scope
	roots  map[string]bool
	refs   Refs
	paths  []Path
	issues []Issue
	loops  int // directives with a $loop of their own around
}

func newCompiler(s Scope) *compiler {
	c := &compiler{scope: s, roots: make(map[string]bool, len(commonRoots)+len(s.Extra))}
	for _, name := range commonRoots {
		c.roots[name] = true
	}
	for _, name := range s.Extra {
		c.roots["$"+strings.TrimPrefix(name, "$")] = true
	}
	return c
}

func (c *compiler) finish(root evaluator) (*Program, []Issue) {
	if slices.ContainsFunc(c.issues, func(i Issue) bool { return !i.Warning }) {
		return nil, c.issues
	}
	if x, ok := root.(*expression); ok && x.direct != nil && len(c.paths) == 1 {
		c.paths[0].Only = true
	}
	return &Program{root: root, refs: c.refs.sorted(), paths: c.paths}, c.issues
}

func (c *compiler) report(i Issue) { c.issues = append(c.issues, i) }
